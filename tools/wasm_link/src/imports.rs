//! Which imports Envoy's proxy-wasm host offers. A module that asks for anything else is refused here,
//! where the message can say why, and not by every proxy at start-up.

const ENV: &str = "env";
const WASI: &str = "wasi_snapshot_preview1";

/// Host functions of ABI 0.2.1 (proxy-wasm-cpp-host, `exports.h`).
const PROXY: &[&str] = &[
    "proxy_add_header_map_value",
    "proxy_call_foreign_function",
    "proxy_close_stream",
    "proxy_continue_stream",
    "proxy_define_metric",
    "proxy_dequeue_shared_queue",
    "proxy_done",
    "proxy_enqueue_shared_queue",
    "proxy_get_buffer_bytes",
    "proxy_get_buffer_status",
    "proxy_get_current_time_nanoseconds",
    "proxy_get_header_map_pairs",
    "proxy_get_header_map_size",
    "proxy_get_header_map_value",
    "proxy_get_log_level",
    "proxy_get_metric",
    "proxy_get_property",
    "proxy_get_shared_data",
    "proxy_get_status",
    "proxy_grpc_call",
    "proxy_grpc_cancel",
    "proxy_grpc_close",
    "proxy_grpc_send",
    "proxy_grpc_stream",
    "proxy_http_call",
    "proxy_increment_metric",
    "proxy_log",
    "proxy_record_metric",
    "proxy_register_shared_queue",
    "proxy_remove_header_map_value",
    "proxy_replace_header_map_value",
    "proxy_resolve_shared_queue",
    "proxy_send_local_response",
    "proxy_set_buffer_bytes",
    "proxy_set_effective_context",
    "proxy_set_header_map_pairs",
    "proxy_set_property",
    "proxy_set_shared_data",
    "proxy_set_tick_period_milliseconds",
];

/// The part of WASI that the host implements with an effect a filter may rely on.
const WASI_OFFERED: &[&str] = &[
    "args_get",
    "args_sizes_get",
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "fd_write",
    "proc_exit",
    "random_get",
];

/// `None` if the host offers the import, else a hint where it may come from.
pub fn refusal(module: &str, name: &str, is_function: bool) -> Option<&'static str> {
    match module {
        _ if !is_function => Some("the host offers functions only; memory and table belong to the module"),
        ENV if PROXY.contains(&name) => None,
        WASI if WASI_OFFERED.contains(&name) => None,
        ENV if name.starts_with("proxy_") => Some("Envoy has no host function of this name in ABI 0.2.1"),
        ENV => Some("an `extern \"C\"` function without a definition; a misspelt name or a C dependency"),
        WASI => Some("Envoy does not implement it; look for file or socket use in a dependency"),
        _ if module.starts_with("__wbindgen") || name.starts_with("__wbindgen") => {
            Some("made for browsers (wasm-bindgen); look for a `js` or `wasm_js` feature, often of getrandom")
        }
        _ => Some("Envoy offers `env` and `wasi_snapshot_preview1` only"),
    }
}
