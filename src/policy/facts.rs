//! What a request can be asked. The host answers lazily: a fact that no armed scenario needs is never fetched.

use crate::traffic::Measured;
use crate::turns::{Turn, Turns};

/// One question about a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Fact {
    /// `:path` with its query, as sent.
    Path,
    Method,
    /// `:authority` (HTTP/2) or `Host` (HTTP/1.1), as sent.
    Authority,
    /// A header by its lower-case name; several values are joined by a comma (RFC 9110 section 5.3).
    Header(String),
    /// Name of the Envoy route.
    Route,
    /// Name of the Envoy cluster that the route points to.
    Cluster,
    /// Name of the Envoy virtual host.
    VirtualHost,
    /// The first URI of the caller's certificate.
    Principal,
    /// The identity of this request in all draws: `x-request-id`.
    RequestId,
}

/// Which side of the proxy a request is on (`xds.listener_direction`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Inbound,
    Outbound,
    /// A standalone listener without `traffic_direction`.
    Unspecified,
}

/// A moment of a running mission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock, milliseconds since 1970.
    pub wall_ms: u64,
    /// Since the start of the mission, on the monotonic clock, nanoseconds.
    pub running_ns: u64,
}

/// The request as the policy sees it.
pub trait Facts {
    /// The answer, or `None` when the request has no such thing. Asking twice must give the same answer.
    fn fact(&mut self, fact: &Fact) -> Option<&[u8]>;
    fn direction(&mut self) -> Direction;
    /// Now, or `None` without a clock. Only a scenario with a trigger or a burst asks.
    fn moment(&mut self) -> Option<Moment> {
        None
    }
    /// Measures the request as one more of a scope, and tells how busy that is. Only a scenario with a `load` trigger asks, once.
    fn busy(&mut self, _scope: &str) -> Measured {
        Measured::Nobody
    }
    /// Counts the request as one more of a key. Only a scenario with `first` asks, once, and only about a request that is
    /// about to get its faults. Who knows no other requests tells of a first one.
    fn count(&mut self, _turns: &Turns) -> Turn {
        Turn::First
    }
}
