//! The host, proven on the empty SDK filter: its life cycle, and what it costs, exactly.

use std::path::PathBuf;
use std::sync::LazyLock;

use squall_wasm_host::{Action, Counts, HostError, Module, Shared, Vm, build_empty_filter};

static EMPTY_FILTER: LazyLock<Result<PathBuf, String>> = LazyLock::new(build_empty_filter);

const HEADERS: &[(&str, &str)] =
    &[(":method", "GET"), (":path", "/profiles/7"), (":authority", "profile-db"), ("x-request-id", "1")];
const RESPONSE: &[(&str, &str)] = &[(":status", "200"), ("content-length", "0")];

fn module() -> Module {
    match &*EMPTY_FILTER {
        Ok(path) => Module::load(path).unwrap(),
        Err(message) => panic!("{message}"),
    }
}

/// A request from its first header to its deletion, through a VM that has served `before` others.
fn request_after(module: &Module, before: usize) -> Counts {
    let mut vm = Vm::new(module, &Shared::new()).unwrap();
    let root = vm.start_root("{}", "empty").unwrap();
    let mut request = || {
        let earlier = vm.counts();
        let stream = vm.stream(root).unwrap();
        assert_eq!(vm.request_headers(stream, HEADERS, true).unwrap(), Action::Continue);
        assert_eq!(vm.response_headers(stream, RESPONSE, true).unwrap(), Action::Continue);
        vm.log(stream).unwrap();
        vm.delete(stream).unwrap();
        vm.counts().since(&earlier)
    };
    for _ in 0..before {
        request();
    }
    request()
}

/// What one request costs in the empty filter: no host call, about a thousand instructions of the SDK's own
/// bookkeeping. The first request also pays for the maps that later ones reuse. A change of compiler or
/// SDK changes the instructions: run the test, look at the difference, write it here.
#[test]
fn a_request_through_the_empty_filter_costs_exactly_this() {
    let module = module();
    let table =
        [("first request", 0, 1_485_u64), ("second request", 1, 1_250), ("hundredth request", 99, 1_250)];
    let measured: Vec<_> = table
        .iter()
        .map(|(name, before, _)| {
            let counts = request_after(&module, *before);
            assert_eq!(counts, request_after(&module, *before), "{name}: two runs differ");
            assert_eq!(counts.host_calls_total(), 0, "{name}: {:?}", counts.host_calls);
            let entered: Vec<_> = counts.callbacks.iter().map(|(name, n)| (name.as_str(), *n)).collect();
            let expected = [
                ("proxy_on_context_create", 1),
                ("proxy_on_delete", 1),
                ("proxy_on_done", 1),
                ("proxy_on_log", 1),
                ("proxy_on_request_headers", 1),
                ("proxy_on_response_headers", 1),
            ];
            assert_eq!(entered, expected, "{name}");
            (*name, *before, counts.instructions)
        })
        .collect();
    assert_eq!(measured, table);
}

#[test]
fn bodies_pass_through_and_a_deleted_stream_is_unknown() {
    let mut vm = Vm::new(&module(), &Shared::new()).unwrap();
    let root = vm.start_root("", "empty").unwrap();
    let stream = vm.stream(root).unwrap();
    vm.request_headers(stream, HEADERS, false).unwrap();
    assert_eq!(vm.request_body(stream, b"piece", true).unwrap(), Action::Continue);
    vm.log(stream).unwrap();
    vm.delete(stream).unwrap();
    assert!(matches!(vm.log(stream), Err(HostError::NoContext(_))));
    vm.tick(root).unwrap();
    vm.end_root(root).unwrap();
    assert!(matches!(vm.stream(root), Err(HostError::NoContext(_))));
    assert!(vm.take_effects().is_empty() && vm.violations().is_empty() && vm.logs().is_empty());
}

#[test]
fn a_trap_in_the_sdk_is_an_error_with_its_callback_and_the_vm_is_dead() {
    let mut vm = Vm::new(&module(), &Shared::new()).unwrap();
    let root = vm.start_root("", "empty").unwrap();
    let stream = vm.stream(root).unwrap();
    vm.delete_lingering(stream).unwrap();
    // The SDK has forgotten the stream and panics over its id.
    let trap = vm.request_headers(stream, HEADERS, true).unwrap_err();
    let HostError::Trap { callback, reason } = &trap else { panic!("{trap}") };
    assert_eq!(callback, "proxy_on_request_headers");
    assert!(reason.contains("unreachable"), "{reason}");
    assert!(vm.is_dead());
    assert!(matches!(vm.stream(root), Err(HostError::Dead(_))));
}

#[test]
fn what_is_no_module_is_refused_with_its_path() {
    let error = Module::load(file!()).err().map(|error| error.to_string());
    let missing = Module::load("no/such/file.wasm").err().map(|error| error.to_string());
    assert!(missing.is_some_and(|text| text.starts_with("no/such/file.wasm: ")));
    assert!(error.is_some());
    assert!(matches!(Module::from_bytes(b"<html>"), Err(HostError::Load { .. })));
}
