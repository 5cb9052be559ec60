//! Which exports each linked module keeps, and why. An export that Envoy does not find is skipped, and each
//! callback it does find costs about 0.3 us per request: the lists are as short as the modules allow.

/// Prefix of our own callbacks, which take the place of the SDK's.
pub const GUARD_PREFIX: &str = "squall_on_";
/// Prefix of the callbacks that the host looks for.
pub const CALLBACK_PREFIX: &str = "proxy_on_";

/// An export of the linked module.
pub struct Kept {
    /// Its name in the linked module.
    pub name: &'static str,
    /// Another name under which the host looks for the same function.
    pub alias: Option<&'static str>,
    /// Whether the filter's guard of the same tail (`squall_on_log` for `proxy_on_log`) takes this name.
    pub guarded: bool,
    /// Whether linking is refused without it.
    pub needed: bool,
    /// Why it is kept.
    pub reason: &'static str,
}

/// Everything that survives linking of the filter. The SDK calls its allocator `malloc` on wasm32-unknown-unknown and
/// `proxy_on_memory_allocate` elsewhere; the host takes either.
pub const FILTER: &[Kept] = &[
    plain("memory", "the host reads arguments and writes results here"),
    plain("_initialize", "registers the root context; the host calls it once, before anything else"),
    plain("proxy_abi_version_0_2_1", "the host picks the ABI by the name of this export"),
    allocator("malloc", "proxy_on_memory_allocate", "the host asks for the memory of every value it returns"),
    guarded("proxy_on_vm_start", "says that the VM has started"),
    guarded("proxy_on_configure", "hands over the plugin configuration"),
    guarded("proxy_on_tick", "the timer of waiting requests"),
    guarded("proxy_on_queue_ready", "another worker says that a slot is free"),
    guarded("proxy_on_context_create", "a root context per plugin; streams get one only when they need it"),
    guarded("proxy_on_request_headers", "the verdict on a request"),
    guarded("proxy_on_response_headers", "the verdict on a response"),
    guarded("proxy_on_request_body", "the bandwidth of a request's body"),
    guarded("proxy_on_request_trailers", "they come after a body that is held back"),
    guarded("proxy_on_response_body", "bandwidth, change and end of a response's body"),
    guarded("proxy_on_response_trailers", "they come after a body that is held back"),
    guarded("proxy_on_log", "what became of the request: status class and latency"),
    guarded("proxy_on_delete", "a stream is gone: its timer and its context go with it"),
];

/// Everything that survives linking of the control module, which answers every request itself: nothing comes back through
/// it.
pub const CONTROL: &[Kept] = &[
    plain("memory", "the host reads arguments and writes results here"),
    plain("_initialize", "sets up the log; the host calls it once, before anything else"),
    plain("proxy_abi_version_0_2_1", "the host picks the ABI by the name of this export"),
    allocator("malloc", "proxy_on_memory_allocate", "the host asks for the memory of every value it returns"),
    guarded("proxy_on_context_create", "says which configuration a request belongs to"),
    guarded("proxy_on_configure", "hands over the plugin configuration"),
    guarded("proxy_on_request_headers", "route, and the answer where no body is needed"),
    guarded("proxy_on_request_body", "the body of a request that changes something"),
    guarded("proxy_on_request_trailers", "they come after such a body"),
    guarded("proxy_on_delete", "a stream is gone: what is kept of its body goes with it"),
];

const fn plain(name: &'static str, reason: &'static str) -> Kept {
    Kept { name, alias: None, guarded: false, needed: true, reason }
}

const fn allocator(name: &'static str, alias: &'static str, reason: &'static str) -> Kept {
    Kept { alias: Some(alias), ..plain(name, reason) }
}

const fn guarded(name: &'static str, reason: &'static str) -> Kept {
    Kept { guarded: true, ..plain(name, reason) }
}

/// The entry of an export's name in the linked module.
pub fn kept(list: &'static [Kept], name: &str) -> Option<&'static Kept> {
    list.iter().find(|kept| kept.name == name || kept.alias == Some(name))
}

/// The guard's name for a callback: `squall_on_log` for `proxy_on_log`.
pub fn guard_of(callback: &str) -> Option<String> {
    callback.strip_prefix(CALLBACK_PREFIX).map(|tail| format!("{GUARD_PREFIX}{tail}"))
}

/// The callback that a guard takes the place of: `proxy_on_log` for `squall_on_log`.
pub fn callback_of(guard: &str) -> Option<String> {
    guard.strip_prefix(GUARD_PREFIX).map(|tail| format!("{CALLBACK_PREFIX}{tail}"))
}
