//! The host functions: one table, one wrapper that counts, fails on demand and turns results into statuses.

mod buffers;
mod general;
mod headers;
mod metrics;
mod properties;
mod shared_data;
mod streams;
mod wasi;

use wasmtime::{Engine, FuncType, Linker, Val, ValType};

use crate::abi::Status;
use crate::guest::{Arguments, Guest, Outcome, Stop};
use crate::state::State;

type Run = fn(&mut Guest<'_>, &Arguments<'_>) -> Outcome;

/// A function that the module may import.
pub(crate) struct HostFunction {
    pub(crate) module: &'static str,
    pub(crate) name: &'static str,
    /// A letter per parameter: `i` is i32, `I` is i64.
    pub(crate) parameters: &'static str,
    /// Whether it returns a status or errno.
    returns: bool,
    run: Run,
}

const fn env(name: &'static str, parameters: &'static str, run: Run) -> HostFunction {
    HostFunction { module: "env", name, parameters, returns: true, run }
}

const fn wasi(name: &'static str, parameters: &'static str, run: Run) -> HostFunction {
    HostFunction { module: "wasi_snapshot_preview1", name, parameters, returns: true, run }
}

/// Everything this host offers. Functions that Envoy has and no filter here needs are `unimplemented`.
pub(crate) const HOST_FUNCTIONS: &[HostFunction] = &[
    env("proxy_log", "iii", general::log),
    env("proxy_get_log_level", "i", general::get_log_level),
    env("proxy_get_current_time_nanoseconds", "i", general::get_current_time),
    env("proxy_set_tick_period_milliseconds", "i", general::set_tick_period),
    env("proxy_set_effective_context", "i", general::set_effective_context),
    env("proxy_done", "", general::done),
    env("proxy_call_foreign_function", "iiiiii", general::call_foreign_function),
    env("proxy_get_status", "iii", general::get_status),
    env("proxy_get_header_map_value", "iiiii", headers::get),
    env("proxy_add_header_map_value", "iiiii", headers::add),
    env("proxy_replace_header_map_value", "iiiii", headers::replace),
    env("proxy_remove_header_map_value", "iii", headers::remove),
    env("proxy_get_header_map_pairs", "iii", headers::get_pairs),
    env("proxy_set_header_map_pairs", "iii", headers::set_pairs),
    env("proxy_get_header_map_size", "ii", headers::size),
    env("proxy_get_buffer_bytes", "iiiii", buffers::get),
    env("proxy_set_buffer_bytes", "iiiii", buffers::set),
    env("proxy_get_buffer_status", "iii", buffers::status),
    env("proxy_get_property", "iiii", properties::get),
    env("proxy_set_property", "iiii", properties::set),
    env("proxy_get_shared_data", "iiiii", shared_data::get),
    env("proxy_set_shared_data", "iiiii", shared_data::set),
    env("proxy_register_shared_queue", "iii", shared_data::register_queue),
    env("proxy_resolve_shared_queue", "iiiii", unimplemented),
    env("proxy_dequeue_shared_queue", "iii", shared_data::dequeue),
    env("proxy_enqueue_shared_queue", "iii", shared_data::enqueue),
    env("proxy_define_metric", "iiii", metrics::define),
    env("proxy_increment_metric", "iI", metrics::increment),
    env("proxy_record_metric", "iI", metrics::record),
    env("proxy_get_metric", "ii", metrics::get),
    env("proxy_continue_stream", "i", streams::resume),
    env("proxy_close_stream", "i", streams::close),
    env("proxy_send_local_response", "iiiiiiii", streams::send_local_response),
    env("proxy_http_call", "iiiiiiiiii", unimplemented),
    env("proxy_grpc_call", "iiiiiiiiiiii", unimplemented),
    env("proxy_grpc_stream", "iiiiiiiii", unimplemented),
    env("proxy_grpc_send", "iiii", unimplemented),
    env("proxy_grpc_cancel", "i", unimplemented),
    env("proxy_grpc_close", "i", unimplemented),
    wasi("clock_time_get", "iIi", wasi::clock_time_get),
    wasi("random_get", "ii", wasi::random_get),
    wasi("fd_write", "iiii", wasi::fd_write),
    wasi("environ_get", "ii", wasi::environ_get),
    wasi("environ_sizes_get", "ii", wasi::environ_sizes_get),
    wasi("args_get", "ii", wasi::nothing),
    wasi("args_sizes_get", "ii", wasi::no_sizes),
    HostFunction {
        module: "wasi_snapshot_preview1",
        name: "proc_exit",
        parameters: "i",
        returns: false,
        run: wasi::proc_exit,
    },
];

fn unimplemented(_: &mut Guest<'_>, _: &Arguments<'_>) -> Outcome {
    Err(Status::UNIMPLEMENTED.into())
}

/// The function's name in the table, which lives as long as the program.
pub(crate) fn known(name: &str) -> Option<&'static str> {
    HOST_FUNCTIONS.iter().map(|function| function.name).find(|known| *known == name)
}

pub(crate) fn link(engine: &Engine) -> Result<Linker<State>, wasmtime::Error> {
    let mut linker = Linker::new(engine);
    for function in HOST_FUNCTIONS {
        let parameters = function.parameters.chars().map(|letter| match letter {
            'I' => ValType::I64,
            _ => ValType::I32,
        });
        let results = function.returns.then_some(ValType::I32);
        let signature = FuncType::new(engine, parameters, results);
        linker.func_new(function.module, function.name, signature, |caller, arguments, results| {
            let status = call(function, Guest { caller }, &Arguments(arguments))?;
            if let Some(result) = results.first_mut() {
                *result = Val::I32(status.0.cast_signed());
            }
            Ok(())
        })?;
    }
    Ok(linker)
}

fn call(
    function: &'static HostFunction,
    mut guest: Guest<'_>,
    arguments: &Arguments<'_>,
) -> Result<Status, wasmtime::Error> {
    let state = guest.state();
    match state.counts.host_calls.get_mut(function.name) {
        Some(count) => *count += 1,
        None => drop(state.counts.host_calls.insert(function.name.into(), 1)),
    }
    if let Some(status) = state.failures.next(function.name) {
        return Ok(status);
    }
    match (function.run)(&mut guest, arguments) {
        Ok(()) => Ok(Status::OK),
        Err(Stop::Status(status)) => Ok(status),
        Err(Stop::Trap(error)) => Err(error),
    }
}
