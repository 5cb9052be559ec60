//! What Envoy calls. The SDK's dispatcher is not between (docs/decisions/0004-stream-guards.md).

use crate::server::{self, Verdict};
use squall_adapter::host;

/// What a callback of headers or trailers tells the host: go on, which leads to the route's own answer; or stop, because there
/// is one of ours or the body is still to come.
const CONTINUE: u32 = 0;
const STOP: u32 = 1;
/// In a body: the host forgets it, since we have copied it. So no limit of the host on buffers matters.
const FORGET: u32 = 3;

proxy_wasm::main! {{
    host::install_logger();
}}

#[unsafe(no_mangle)]
extern "C" fn squall_on_context_create(id: u32, root: u32) {
    server::with(|server| server.create(id, root));
}

#[unsafe(no_mangle)]
extern "C" fn squall_on_configure(root: u32, _size: usize) -> u32 {
    server::with(|server| server.configure(root));
    // Never false: Envoy would end, or keep an older configuration behind the back of who replaced it.
    1
}

#[unsafe(no_mangle)]
extern "C" fn squall_on_request_headers(id: u32, _headers: usize, end_of_stream: u32) -> u32 {
    number(server::with(|server| server.headers(id, end_of_stream != 0)), STOP)
}

#[unsafe(no_mangle)]
extern "C" fn squall_on_request_body(id: u32, size: usize, end_of_stream: u32) -> u32 {
    number(server::with(|server| server.piece(id, size, end_of_stream != 0)), FORGET)
}

#[unsafe(no_mangle)]
extern "C" fn squall_on_request_trailers(id: u32, _trailers: usize) -> u32 {
    number(server::with(|server| server.end(id)), STOP)
}

#[unsafe(no_mangle)]
extern "C" fn squall_on_delete(id: u32) {
    server::with(|server| server.delete(id));
}

fn number(verdict: Verdict, stop: u32) -> u32 {
    match verdict {
        Verdict::Stop => stop,
        Verdict::Continue => CONTINUE,
    }
}
