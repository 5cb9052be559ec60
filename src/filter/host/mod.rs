//! The one door to the host: every call returns a `Result`, and none panics on a status it does not know.
//!
//! The numbers of the ABI are the SDK's. Its wrappers are not used: they panic there, and a panic in the filter is an outage of
//! our making (HTTP 503 for the request and hanging streams for the whole worker).

mod abi;
mod entropy;
mod environment;
mod logger;
mod pairs;

pub use environment::variable;
pub use logger::install as install_logger;
pub use pairs::HeaderMap;

use proxy_wasm::types::{BufferType, MapType, Status as Code};
use std::ptr::null_mut;

pub use proxy_wasm::types::MetricType as MetricKind;

/// A host status that is not `Ok`, as the number that the host gave (proxy-wasm ABI 0.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub u32);

impl Status {
    pub const NOT_FOUND: Self = Self(Code::NotFound as u32);
    pub const CAS_MISMATCH: Self = Self(Code::CasMismatch as u32);
    /// Not the host's: shared data that nobody of ours wrote.
    pub const UNREADABLE: Self = Self(u32::MAX);
    /// Not the host's either: it has no entropy.
    pub const NO_ENTROPY: Self = Self(u32::MAX - 1);
}

pub type Result<T> = std::result::Result<T, Status>;

/// A direction of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Request = 0,
    Response = 1,
}

impl Side {
    fn headers(self) -> u32 {
        match self {
            Self::Request => REQUEST_HEADERS,
            Self::Response => RESPONSE_HEADERS,
        }
    }
}

/// Clock ids of WASI.
const MONOTONIC: u32 = 1;
const NS_PER_MS: u64 = 1_000_000;
const PLUGIN_CONFIGURATION: u32 = BufferType::PluginConfiguration as u32;
const REQUEST_HEADERS: u32 = MapType::HttpRequestHeaders as u32;
const RESPONSE_HEADERS: u32 = MapType::HttpResponseHeaders as u32;
const RESPONSE_TRAILERS: u32 = MapType::HttpResponseTrailers as u32;
const REQUEST_BODY: u32 = BufferType::HttpRequestBody as u32;
const RESPONSE_BODY: u32 = BufferType::HttpResponseBody as u32;

#[inline]
fn check(status: u32) -> Result<()> {
    if status == 0 { Ok(()) } else { Err(Status(status)) }
}

/// `NotFound` is an answer, not a failure.
#[inline]
fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Status::NOT_FOUND) => Ok(None),
        Err(status) => Err(status),
    }
}

/// Runs a call that returns bytes which the host allocated in this module's memory.
#[inline]
fn bytes(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>> {
    let mut data = null_mut();
    let mut size = 0;
    check(call(&mut data, &mut size))?;
    if data.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: the host got this memory from our exported allocator, which makes blocks whose capacity is
    // their size, and gave it to us alone.
    Ok(unsafe { Vec::from_raw_parts(data, size, size) })
}

/// The plugin configuration, at most `limit` bytes of it.
pub fn plugin_configuration(limit: usize) -> Result<Vec<u8>> {
    // SAFETY: the pointers are valid for the duration of the call.
    found(bytes(|data, size| unsafe {
        abi::proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, limit, data, size)
    }))
    .map(Option::unwrap_or_default)
}

/// The first value of a request header; only valid in the request phase.
#[inline]
pub fn request_header(name: &str) -> Result<Option<Vec<u8>>> {
    header(Side::Request, name)
}

/// The first value of a header; only valid in the phase of its headers.
#[inline]
pub fn header(side: Side, name: &str) -> Result<Option<Vec<u8>>> {
    value_in(side.headers(), name)
}

/// The first value of a trailer of the response; valid in `on_log`.
pub fn trailer(name: &str) -> Result<Option<Vec<u8>>> {
    value_in(RESPONSE_TRAILERS, name)
}

fn value_in(map: u32, name: &str) -> Result<Option<Vec<u8>>> {
    // SAFETY: as above.
    found(bytes(|data, size| unsafe {
        abi::proxy_get_header_map_value(map, name.as_ptr(), name.len(), data, size)
    }))
}

/// Sets a header, a pseudo-header too, in place of all its values; only valid in the phase of its headers.
pub fn set_header(side: Side, name: &str, value: &str) -> Result<()> {
    replace_in(side.headers(), name, value)
}

/// Sets a trailer of the response; only valid in its trailers' callback, and in a body callback that is the last: there
/// the host makes trailers.
pub fn set_trailer(name: &str, value: &str) -> Result<()> {
    replace_in(RESPONSE_TRAILERS, name, value)
}

fn replace_in(map: u32, name: &str, value: &str) -> Result<()> {
    // SAFETY: as above.
    check(unsafe {
        abi::proxy_replace_header_map_value(map, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

/// Removes all values of a header; only valid in the phase of its headers.
pub fn remove_header(side: Side, name: &str) -> Result<()> {
    // SAFETY: as above.
    check(unsafe { abi::proxy_remove_header_map_value(side.headers(), name.as_ptr(), name.len()) })
}

/// Removes all values of a trailer of the response; valid when [`set_trailer`] is.
pub fn remove_trailer(name: &str) -> Result<()> {
    // SAFETY: as above.
    check(unsafe { abi::proxy_remove_header_map_value(RESPONSE_TRAILERS, name.as_ptr(), name.len()) })
}

/// The first `size` bytes of the request body in hand. Only valid in its callback.
pub fn request_body(size: usize) -> Result<Vec<u8>> {
    // SAFETY: as above.
    bytes(|data, length| unsafe { abi::proxy_get_buffer_bytes(REQUEST_BODY, 0, size, data, length) })
}

/// The first `size` bytes of the response body in hand. Only valid in a body callback, or in the trailers' while
/// the host buffers the body for us: at any other time the host reads memory that is gone.
pub fn response_body(size: usize) -> Result<Vec<u8>> {
    // SAFETY: as above.
    bytes(|data, length| unsafe { abi::proxy_get_buffer_bytes(RESPONSE_BODY, 0, size, data, length) })
}

/// Puts other bytes in the place of the `size` bytes of response body in hand. Valid when [`response_body`] is.
pub fn replace_response_body(size: usize, by: &[u8]) -> Result<()> {
    // SAFETY: as above.
    check(unsafe { abi::proxy_set_buffer_bytes(RESPONSE_BODY, 0, size, by.as_ptr(), by.len()) })
}

/// All request headers; only valid in the request phase.
pub fn request_headers() -> Result<HeaderMap> {
    // SAFETY: as above.
    bytes(|data, size| unsafe { abi::proxy_get_header_map_pairs(REQUEST_HEADERS, data, size) })
        .map(HeaderMap::new)
}

/// A property of the stream, the plugin or the node, by its path.
pub fn property(path: &[&str]) -> Result<Option<Vec<u8>>> {
    let joined = path.join("\0");
    // SAFETY: as above.
    found(bytes(|data, size| unsafe { abi::proxy_get_property(joined.as_ptr(), joined.len(), data, size) }))
}

/// Sets filter state `wasm.NAME` of the stream.
pub fn set_property(name: &str, value: &str) -> Result<()> {
    // SAFETY: as above.
    check(unsafe { abi::proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
}

/// A value of shared data and its version for compare-and-swap.
pub fn shared_data(key: &str) -> Result<Option<(Vec<u8>, u32)>> {
    let mut version = 0;
    // SAFETY: as above.
    let value = found(bytes(|data, size| unsafe {
        abi::proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &mut version)
    }))?;
    Ok(value.map(|value| (value, version)))
}

/// Writes shared data if its version is still `version`; any version fits a key that is not there.
pub fn set_shared_data(key: &str, value: &[u8], version: u32) -> Result<()> {
    // SAFETY: as above.
    check(unsafe {
        abi::proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), version)
    })
}

/// Makes a queue, or finds it, and has its callbacks come to the root in effect, or that of the stream in effect.
pub fn register_queue(name: &str) -> Result<u32> {
    let mut id = 0;
    // SAFETY: as above.
    check(unsafe { abi::proxy_register_shared_queue(name.as_ptr(), name.len(), &mut id) })?;
    Ok(id)
}

/// Puts an empty value into a queue, whose owner is called soon after.
pub fn enqueue(queue: u32) -> Result<()> {
    let value = b"";
    // SAFETY: as above.
    check(unsafe { abi::proxy_enqueue_shared_queue(queue, value.as_ptr(), value.len()) })
}

/// Takes a value off a queue.
pub fn dequeue(queue: u32) -> Result<Vec<u8>> {
    // SAFETY: as above.
    bytes(|data, size| unsafe { abi::proxy_dequeue_shared_queue(queue, data, size) })
}

/// Gives a new id each time, so ask once per name.
pub fn define_metric(kind: MetricKind, name: &str) -> Result<u32> {
    let mut id = 0;
    // SAFETY: as above.
    check(unsafe { abi::proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &mut id) })?;
    Ok(id)
}

/// Sets a gauge, or adds a sample to a histogram.
pub fn record_metric(id: u32, value: u64) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { abi::proxy_record_metric(id, value) })
}

/// Adds to a counter or a gauge; a gauge takes negative numbers too.
pub fn increment_metric(id: u32, by: i64) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { abi::proxy_increment_metric(id, by) })
}

/// Nanoseconds on the clock that no step moves; the same for all workers of a process.
pub fn monotonic_ns() -> Result<u64> {
    let mut ns = 0;
    // SAFETY: the pointer is valid for the duration of the call.
    check(unsafe { abi::clock_time_get(MONOTONIC, 0, &mut ns) })?;
    Ok(ns)
}

/// Milliseconds since 1970 on the wall clock.
pub fn wall_ms() -> Result<u64> {
    let mut ns: u64 = 0;
    // SAFETY: as above.
    check(unsafe { abi::proxy_get_current_time_nanoseconds(&mut ns) })?;
    Ok(ns / NS_PER_MS)
}

/// The timer of the root context that the effective context belongs to; 0 switches it off.
pub fn set_tick_period_ms(period: u32) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { abi::proxy_set_tick_period_milliseconds(period) })
}

/// Makes the calls that follow act on another context. When this fails the old one stays in effect: the
/// caller must not act at all.
pub fn set_effective_context(id: u32) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { abi::proxy_set_effective_context(id) })
}

/// Lets a paused stream go on. Only for a stream that is paused on that side: anything else can crash Envoy.
pub fn continue_stream(side: Side) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { abi::proxy_continue_stream(side as u32) })
}

/// Resets a stream. The host does it after the callback has returned.
pub fn close_stream(side: Side) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { abi::proxy_close_stream(side as u32) })
}

/// Answers the request. `grpc_status` is for gRPC clients; `None` lets Envoy map the HTTP status.
pub fn send_local_response(
    status: u16,
    details: &str,
    body: &str,
    headers: &[(String, String)],
    grpc_status: Option<u32>,
) -> Result<()> {
    let headers = pairs::serialize(headers);
    let grpc_status = grpc_status.and_then(|code| i32::try_from(code).ok()).unwrap_or(-1);
    // SAFETY: the pointers are valid for the duration of the call; the host copies what it keeps.
    check(unsafe {
        abi::proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            grpc_status,
        )
    })
}
