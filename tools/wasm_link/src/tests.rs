//! Tests of the link step on small modules built for the purpose.

use walrus::{FunctionBuilder, FunctionId, Module, ModuleConfig, RawCustomSection, ValType};

use crate::exports::{CONTROL, FILTER, GUARD_PREFIX, Kept, guard_of};
use crate::link::{LinkError, Mode, link};

/// A function whose body is told apart by its constant.
fn function(module: &mut Module, constant: i32) -> FunctionId {
    let mut builder = FunctionBuilder::new(&mut module.types, &[], &[ValType::I32]);
    builder.func_body().i32_const(constant);
    builder.finish(vec![], &mut module.funcs)
}

fn call_import(module: &mut Module, from: &str, name: &str) -> FunctionId {
    let ty = module.types.add(&[], &[]);
    let (import, _) = module.add_import_func(from, name, ty);
    let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
    builder.func_body().call(import);
    builder.finish(vec![], &mut module.funcs)
}

/// What a compiled SDK filter exports: the kept names, each returning its place in the list, and more.
fn sdk_module() -> Module {
    module_with(FILTER)
}

fn module_with(list: &[Kept]) -> Module {
    let mut module = Module::with_config(ModuleConfig::new());
    let memory = module.memories.add_local(false, false, 1, None, None);
    module.exports.add("memory", memory);
    for (place, kept) in list.iter().enumerate().filter(|(_, kept)| kept.name != "memory") {
        let id = function(&mut module, place as i32);
        module.exports.add(kept.name, id);
    }
    for name in ["proxy_on_downstream_data", "proxy_on_done", "proxy_on_new_connection"] {
        let id = function(&mut module, 7_777);
        module.exports.add(name, id);
    }
    module
}

fn filter_module() -> Module {
    guarded_module(FILTER)
}

/// The same with our guards, which return 1,000 and their place.
fn guarded_module(list: &[Kept]) -> Module {
    let mut module = module_with(list);
    for (place, kept) in list.iter().enumerate().filter(|(_, kept)| kept.guarded) {
        let id = function(&mut module, 1_000 + place as i32);
        module.exports.add(&guard_of(kept.name).unwrap(), id);
    }
    module
}

fn remove(module: &mut Module, name: &str) {
    let id = module.exports.iter().find(|export| export.name == name).unwrap().id();
    module.exports.delete(id);
}

fn constant_of(module: &Module, export: &str) -> i32 {
    let id = module.exports.get_func(export).unwrap();
    let local = module.funcs.get(id).kind.unwrap_local();
    match local.block(local.entry_block()).instrs.first() {
        Some((walrus::ir::Instr::Const(constant), _)) => match constant.value {
            walrus::ir::Value::I32(value) => value,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn names(module: &Module) -> Vec<&str> {
    let mut names: Vec<_> = module.exports.iter().map(|export| export.name.as_str()).collect();
    names.sort_unstable();
    names
}

#[test]
fn guards_take_the_names_of_the_callbacks_and_all_else_is_dropped() {
    let (wasm, summary) = link(&filter_module().emit_wasm(), Mode::Filter, false).unwrap();
    let linked = Module::from_buffer(&wasm).unwrap();
    let mut expected: Vec<_> = FILTER.iter().map(|kept| kept.name).collect();
    expected.sort_unstable();
    assert_eq!(names(&linked), expected);
    assert_eq!(summary.kept, expected);
    for (place, kept) in FILTER.iter().enumerate().filter(|(_, kept)| kept.name != "memory") {
        let expected = if kept.guarded { 1_000 + place as i32 } else { place as i32 };
        assert_eq!(constant_of(&linked, kept.name), expected, "{}", kept.name);
    }
    assert_eq!(summary.dropped, ["proxy_on_done", "proxy_on_downstream_data", "proxy_on_new_connection"]);
    assert_eq!(summary.renamed.len(), FILTER.iter().filter(|kept| kept.guarded).count());
    assert_eq!(summary.after, wasm.len());
    assert!(summary.after < summary.before);
}

#[test]
fn code_that_only_a_dropped_export_reached_is_collected() {
    let mut module = filter_module();
    let dropped = call_import(&mut module, "env", "no_such_function");
    module.exports.add("proxy_on_upstream_data", dropped);
    let (wasm, _) = link(&module.emit_wasm(), Mode::Filter, false).unwrap();
    let linked = Module::from_buffer(&wasm).unwrap();
    assert_eq!(linked.imports.iter().count(), 0, "the import went with its only caller");
    assert_eq!(linked.funcs.iter().count(), FILTER.len() - 1, "a function per export and no other");
}

#[test]
fn every_needed_export_is_asked_for_by_name() {
    for kept in FILTER {
        let mut module = filter_module();
        let missing = if kept.guarded { guard_of(kept.name).unwrap() } else { kept.name.to_owned() };
        remove(&mut module, &missing);
        let result = link(&module.emit_wasm(), Mode::Filter, false);
        match result {
            Err(LinkError::MissingExport { name, .. }) => assert_eq!(name, missing),
            Ok(_) => assert!(!kept.needed, "{missing} was not missed"),
            Err(other) => panic!("{missing}: {other}"),
        }
    }
}

#[test]
fn the_allocator_may_have_either_name_of_the_sdk() {
    let mut module = filter_module();
    let id = module.exports.get_func("malloc").unwrap();
    remove(&mut module, "malloc");
    module.exports.add("proxy_on_memory_allocate", id);
    let (_, summary) = link(&module.emit_wasm(), Mode::Filter, false).unwrap();
    assert!(summary.kept.iter().any(|name| name == "proxy_on_memory_allocate"));
}

#[test]
fn a_function_called_memory_is_no_memory() {
    let mut module = filter_module();
    remove(&mut module, "memory");
    let id = function(&mut module, 0);
    module.exports.add("memory", id);
    let error = link(&module.emit_wasm(), Mode::Filter, false).unwrap_err();
    assert_eq!(error.to_string(), "the export `memory` must be a memory");
}

#[test]
fn a_guard_of_a_callback_that_is_not_kept_is_refused_not_lost() {
    let mut module = filter_module();
    let id = function(&mut module, 0);
    module.exports.add("squall_on_downstream_data", id);
    let error = link(&module.emit_wasm(), Mode::Filter, false).unwrap_err();
    assert!(
        matches!(&error, LinkError::UnknownGuard(name) if name == "squall_on_downstream_data"),
        "{error}"
    );
}

#[test]
fn strip_only_keeps_the_callbacks_of_the_sdk_and_refuses_guards() {
    let (wasm, summary) = link(&sdk_module().emit_wasm(), Mode::StripOnly, false).unwrap();
    let linked = Module::from_buffer(&wasm).unwrap();
    assert_eq!(names(&linked).len(), FILTER.len());
    assert!(summary.renamed.is_empty());
    let place = FILTER.iter().position(|kept| kept.name == "proxy_on_log").unwrap();
    assert_eq!(constant_of(&linked, "proxy_on_log"), place as i32);

    let error = link(&filter_module().emit_wasm(), Mode::StripOnly, false).unwrap_err();
    assert!(matches!(&error, LinkError::UnexpectedGuard(name) if name.starts_with(GUARD_PREFIX)), "{error}");
}

#[test]
fn the_control_module_has_a_list_of_its_own() {
    let mut module = guarded_module(CONTROL);
    let id = function(&mut module, 7);
    module.exports.add("proxy_on_log", id);
    let (wasm, summary) = link(&module.emit_wasm(), Mode::Control, false).unwrap();
    let linked = Module::from_buffer(&wasm).unwrap();
    assert_eq!(names(&linked).len(), CONTROL.len());
    assert_eq!(
        summary.dropped,
        ["proxy_on_done", "proxy_on_downstream_data", "proxy_on_log", "proxy_on_new_connection"]
    );
    for kept in CONTROL {
        let mut module = guarded_module(CONTROL);
        let missing = if kept.guarded { guard_of(kept.name).unwrap() } else { kept.name.to_owned() };
        remove(&mut module, &missing);
        let error = link(&module.emit_wasm(), Mode::Control, false).unwrap_err();
        assert!(matches!(&error, LinkError::MissingExport { name, .. } if *name == missing), "{error}");
    }
    let error = link(&filter_module().emit_wasm(), Mode::Control, false).unwrap_err();
    assert!(matches!(error, LinkError::UnknownGuard(_)), "{error}");
}

#[test]
fn imports_that_the_host_lacks_are_named_with_a_hint() {
    let cases = [
        ("env", "proxy_get_header_map_value", None),
        ("wasi_snapshot_preview1", "random_get", None),
        ("env", "proxy_get_haeder_map_value", Some("no host function of this name")),
        ("env", "memcpy", Some("without a definition")),
        ("wasi_snapshot_preview1", "path_open", Some("Envoy does not implement it")),
        ("__wbindgen_placeholder__", "__wbindgen_throw", Some("wasm-bindgen")),
        ("elsewhere", "f", Some("`env` and `wasi_snapshot_preview1` only")),
    ];
    for (from, name, hint) in cases {
        let mut module = filter_module();
        let id = call_import(&mut module, from, name);
        remove(&mut module, "_initialize");
        module.exports.add("_initialize", id);
        let result = link(&module.emit_wasm(), Mode::Filter, false).map_err(|error| error.to_string());
        match (hint, result) {
            (None, Ok(_)) => {}
            (Some(hint), Err(message)) => {
                assert!(message.contains(&format!("{from}.{name}: ")), "{message}");
                assert!(message.contains(hint), "{message}");
            }
            (_, result) => panic!("{from}.{name}: {:?}", result.map(|(_, summary)| summary)),
        }
    }
}

#[test]
fn debug_sections_go_and_names_stay_only_when_asked_for() {
    let mut module = filter_module();
    module.customs.add(RawCustomSection { name: "build_paths".into(), data: b"/home/someone".to_vec() });
    let named = module.exports.get_func("_initialize").unwrap();
    module.funcs.get_mut(named).name = Some("a_name_to_find".into());
    let wasm = module.emit_wasm();
    let contains = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(contains(&wasm, "a_name_to_find") && contains(&wasm, "/home/someone"));
    for keep in [false, true] {
        let (linked, _) = link(&wasm, Mode::Filter, keep).unwrap();
        assert_eq!(contains(&linked, "a_name_to_find"), keep);
        assert!(!contains(&linked, "/home/someone"));
    }
}

#[test]
fn what_is_no_module_is_refused() {
    let error = link(b"<html>not found</html>", Mode::Filter, false).unwrap_err();
    assert!(matches!(error, LinkError::Parse(_)), "{error}");
}
