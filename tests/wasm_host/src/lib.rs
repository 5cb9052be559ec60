//! A small proxy-wasm host for tests: it runs the compiled filter natively, in virtual time, with failures
//! injected into host calls on demand, and counts host calls and wasm instructions exactly. It is no
//! proxy: nothing here forwards a request; a test says what happens to a stream and reads what the filter did.
//!
//! It follows Envoy's host where a filter can tell the difference:
//! - a callback that the module does not export is skipped (`Continue`, `true`);
//! - a header map is readable in its own phase and while the filter holds the stream there, and all maps are
//!   readable (not writable) in `proxy_on_log`; otherwise a single header is `BAD_ARGUMENT`, while the list of
//!   pairs is empty and `OK`;
//! - `proxy_set_effective_context` with an unknown id is `BAD_ARGUMENT` and changes nothing: what follows acts
//!   on the context that was effective before;
//! - a trap kills the VM: each later call is [`HostError::Dead`];
//! - a local response sent from the request path is followed, in Envoy, by the filter's own
//!   `proxy_on_response_headers` with the status of that response; a test that wants it calls
//!   [`Vm::response_headers`]. One sent from the response path is not.
//!
//! What crashes or confuses a real Envoy is not executed but noted in [`Vm::violations`].

mod abi;
mod callbacks;
mod clock;
mod contexts;
mod control;
mod counts;
mod empty_filter;
mod error;
mod failures;
mod guest;
mod imports;
mod metrics;
mod module;
mod queues;
mod random;
mod shared;
mod squall;
mod state;
#[cfg(test)]
mod tests;
mod timers;
mod vm;

pub use abi::{Action, HeaderMap, MapKind, Side, Status};
pub use clock::Clock;
pub use contexts::{Effect, LocalResponse, RootId, StreamId};
pub use control::{Control, Reply, control_module};
pub use counts::Counts;
pub use empty_filter::build_empty_filter;
pub use error::HostError;
pub use metrics::Metric;
pub use module::Module;
pub use random::Random;
pub use shared::Shared;
pub use squall::{Proxy, Request, catalog, every_kind_of_fault, mission, plugin, ring, squall_module};
pub use state::{Log, LogLevel};
pub use vm::Vm;
