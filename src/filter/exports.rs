//! What Envoy calls. The SDK's dispatcher is not between (docs/decisions/0004-stream-guards.md), so that a stream without a mission
//! costs a table look-up, and a callback for a context that is gone cannot panic. The link step names the callbacks as
//! the host does (`squall_on_X` becomes `proxy_on_X`).

use squall_adapter::armed::Armed;
use squall_adapter::finish;
use squall_adapter::host::Side;
use squall_adapter::stream;
use squall_adapter::{engine, host};

proxy_wasm::main! {{
    host::install_logger();
}}

#[unsafe(no_mangle)]
extern "C" fn squall_on_vm_start(_root: u32, _size: usize) -> bool {
    true
}

#[unsafe(no_mangle)]
extern "C" fn squall_on_configure(id: u32, _size: usize) -> bool {
    engine::with(|engine| engine.configure(id));
    // Never false: see `configure`.
    true
}

#[unsafe(no_mangle)]
extern "C" fn squall_on_context_create(id: u32, root_id: u32) {
    if root_id == 0 {
        engine::with(|engine| engine.create_root(id));
        return;
    }
    engine::with(|engine| {
        let root = engine.roots.get_mut(&root_id);
        if let Some(root) = root.filter(|root| root.armed.as_ref().is_some_and(Armed::concerns_streams)) {
            root.notice_stream();
            if !root.is_stopped() {
                engine.expect(id, root_id);
            }
        }
    });
}

#[unsafe(no_mangle)]
extern "C" fn squall_on_tick(id: u32) {
    engine::with(|engine| engine.tick(id));
}

#[unsafe(no_mangle)]
extern "C" fn squall_on_queue_ready(_root: u32, queue: u32) {
    engine::with(|engine| engine.rung(queue));
}

#[unsafe(no_mangle)]
extern "C" fn squall_on_request_headers(id: u32, _headers: usize, end_of_stream: bool) -> u32 {
    engine::with(|engine| stream::request_headers(engine, id, end_of_stream)) as u32
}

#[unsafe(no_mangle)]
extern "C" fn squall_on_request_body(id: u32, size: usize, end_of_stream: bool) -> u32 {
    engine::with(|engine| stream::body(engine, id, Side::Request, size, end_of_stream)) as u32
}

#[unsafe(no_mangle)]
extern "C" fn squall_on_request_trailers(id: u32, _trailers: usize) -> u32 {
    engine::with(|engine| stream::trailers(engine, id, Side::Request)) as u32
}

#[unsafe(no_mangle)]
extern "C" fn squall_on_response_headers(id: u32, _headers: usize, end_of_stream: bool) -> u32 {
    engine::with(|engine| stream::response_headers(engine, id, end_of_stream)) as u32
}

#[unsafe(no_mangle)]
extern "C" fn squall_on_response_body(id: u32, size: usize, end_of_stream: bool) -> u32 {
    engine::with(|engine| stream::body(engine, id, Side::Response, size, end_of_stream)) as u32
}

#[unsafe(no_mangle)]
extern "C" fn squall_on_response_trailers(id: u32, _trailers: usize) -> u32 {
    engine::with(|engine| stream::trailers(engine, id, Side::Response)) as u32
}

#[unsafe(no_mangle)]
extern "C" fn squall_on_log(id: u32) {
    engine::with(|engine| finish::finish(engine, id, response_code));
}

#[unsafe(no_mangle)]
extern "C" fn squall_on_delete(id: u32) {
    engine::with(|engine| {
        finish::finish(engine, id, || 0);
        engine.delete_root(id);
    });
}

/// The status of the response; 0 when the client left before there was one.
fn response_code() -> u64 {
    let bytes = host::property(&["response", "code"]).ok().flatten();
    bytes.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok()).map_or(0, u64::from_le_bytes)
}
