//! A module made for these tests: each host function is exported again as `call:<name>`, so that a test
//! calls it as a filter would, with arguments in the guest's memory.

use walrus::{FunctionBuilder, FunctionId, LocalId, ModuleConfig, ValType};
use wasmtime::Val;

use crate::contexts::{RootId, StreamId};
use crate::imports::HOST_FUNCTIONS;
use crate::{Module, Shared, Status, Vm};

/// Where tests put arguments; the allocator hands out memory from 0x8000.
const ARGUMENTS: usize = 0x100;
const RESULTS: u32 = 0x80;

pub(super) struct Probe {
    pub(super) vm: Vm,
    pub(super) root: RootId,
    pub(super) stream: StreamId,
}

impl Probe {
    /// A probe whose `proxy_on_request_headers` and `proxy_on_response_headers` return `action`.
    pub(super) fn new(shared: &Shared, action: i32) -> Probe {
        let module = Module::from_bytes(&probe_module(action)).unwrap();
        let mut vm = Vm::new(&module, shared).unwrap();
        let root = vm.start_root("{}", "probe").unwrap();
        let stream = vm.stream(root).unwrap();
        Probe { vm, root, stream }
    }

    /// Calls a host function in the context. Texts become pointer and length, the rest stays.
    pub(super) fn call(&mut self, context: u32, name: &str, arguments: &[Argument<'_>]) -> Status {
        let mut values = Vec::new();
        let mut place = ARGUMENTS;
        for argument in arguments {
            match argument {
                Argument::Word(word) => values.push(Val::I32(word.cast_signed())),
                Argument::Long(long) => values.push(Val::I64(*long)),
                Argument::Text(text) => {
                    let memory = self.vm.store.data().memory.unwrap();
                    memory.write(&mut self.vm.store, place, text).unwrap();
                    values.push(Val::I32(place as i32));
                    values.push(Val::I32(text.len() as i32));
                    place += text.len();
                }
                Argument::Result(number) => values.push(Val::I32((RESULTS + number * 8) as i32)),
            }
        }
        let status = self.vm.enter_with(context, &format!("call:{name}"), &values).unwrap();
        Status(status.unwrap())
    }

    /// The number that a host function has written to a result place.
    pub(super) fn result(&self, number: u32) -> u64 {
        let memory = self.vm.store.data().memory.unwrap();
        let at = (RESULTS + number * 8) as usize;
        u64::from_le_bytes(memory.data(&self.vm.store)[at..at + 8].try_into().unwrap())
    }

    /// The bytes that a host function has allocated, with pointer and size in results 0 and 1.
    pub(super) fn given(&self) -> Vec<u8> {
        let memory = self.vm.store.data().memory.unwrap();
        let (at, size) = (self.result(0) as u32 as usize, self.result(1) as u32 as usize);
        memory.data(&self.vm.store)[at..at + size].to_vec()
    }
}

pub(super) enum Argument<'a> {
    Word(u32),
    Long(i64),
    Text(&'a [u8]),
    Result(u32),
}

fn probe_module(action: i32) -> Vec<u8> {
    let mut module = walrus::Module::with_config(ModuleConfig::new());
    let memory = module.memories.add_local(false, false, 1, None, None);
    module.exports.add("memory", memory);
    for function in HOST_FUNCTIONS.iter().filter(|function| function.name != "proc_exit") {
        let import = import(&mut module, function.module, function.name, function.parameters);
        let body = forward(&mut module, import, function.parameters);
        module.exports.add(&format!("call:{}", function.name), body);
        if function.name == "proxy_continue_stream" {
            let acting = acting_on(&mut module, import);
            module.exports.add("call:continue_other", acting);
        }
    }
    let allocate = returning(&mut module, &[ValType::I32], 0x8000);
    module.exports.add("malloc", allocate);
    for name in ["proxy_on_request_headers", "proxy_on_response_headers"] {
        let callback = returning(&mut module, &[ValType::I32; 3], action);
        module.exports.add(name, callback);
    }
    let trap = {
        let mut builder = FunctionBuilder::new(&mut module.types, &[ValType::I32], &[]);
        builder.func_body().unreachable();
        let context = module.locals.add(ValType::I32);
        builder.finish(vec![context], &mut module.funcs)
    };
    module.exports.add("proxy_on_log", trap);
    module.emit_wasm()
}

fn kinds(parameters: &str) -> Vec<ValType> {
    parameters.chars().map(|letter| if letter == 'I' { ValType::I64 } else { ValType::I32 }).collect()
}

fn import(module: &mut walrus::Module, from: &str, name: &str, parameters: &str) -> FunctionId {
    let ty = module.types.add(&kinds(parameters), &[ValType::I32]);
    module.add_import_func(from, name, ty).0
}

fn forward(module: &mut walrus::Module, import: FunctionId, parameters: &str) -> FunctionId {
    let kinds = kinds(parameters);
    let locals: Vec<LocalId> = kinds.iter().map(|kind| module.locals.add(*kind)).collect();
    let mut builder = FunctionBuilder::new(&mut module.types, &kinds, &[ValType::I32]);
    for local in &locals {
        builder.func_body().local_get(*local);
    }
    builder.func_body().call(import);
    builder.finish(locals, &mut module.funcs)
}

/// `(context, side)`: sets the effective context, whatever the status, then continues.
fn acting_on(module: &mut walrus::Module, resume: FunctionId) -> FunctionId {
    let set = import(module, "env", "proxy_set_effective_context", "i");
    let locals: Vec<LocalId> = (0..2).map(|_| module.locals.add(ValType::I32)).collect();
    let mut builder = FunctionBuilder::new(&mut module.types, &[ValType::I32; 2], &[ValType::I32]);
    builder.func_body().local_get(locals[0]).call(set).local_get(locals[1]).call(resume).drop();
    builder.finish(locals, &mut module.funcs)
}

fn returning(module: &mut walrus::Module, parameters: &[ValType], value: i32) -> FunctionId {
    let locals: Vec<LocalId> = parameters.iter().map(|kind| module.locals.add(*kind)).collect();
    let mut builder = FunctionBuilder::new(&mut module.types, parameters, &[ValType::I32]);
    builder.func_body().i32_const(value);
    builder.finish(locals, &mut module.funcs)
}
