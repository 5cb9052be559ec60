//! Contexts of one VM: a root per plugin configuration, and the streams under it.

use std::collections::BTreeMap;

use crate::abi::{HeaderMap, MapKind, Side};

/// A root context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RootId(pub u32);

/// A stream context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u32);

/// What the filter did to a stream, in the order of its calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A held stream goes on.
    Continue {
        /// The stream.
        stream: StreamId,
        /// Which way.
        side: Side,
    },
    /// The filter answers in place of the upstream.
    LocalResponse {
        /// The stream.
        stream: StreamId,
        /// The answer.
        response: LocalResponse,
    },
    /// The stream is reset.
    Close {
        /// The stream.
        stream: StreamId,
        /// Which way.
        side: Side,
    },
}

/// The arguments of `proxy_send_local_response`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalResponse {
    /// HTTP status; like Envoy's, this host does not check it.
    pub status: u32,
    /// Response code details, for the access log.
    pub details: Vec<u8>,
    /// The body.
    pub body: Vec<u8>,
    /// Additional headers, names in lower case.
    pub headers: HeaderMap,
    /// gRPC status; `None` for -1, where Envoy derives it from the HTTP status.
    pub grpc_status: Option<i32>,
}

/// A header map and whether the filter may use it now.
#[derive(Default)]
pub(crate) struct Map {
    pub(crate) pairs: HeaderMap,
    pub(crate) known: bool,
    pub(crate) open: bool,
}

/// A body on its way through the filter.
#[derive(Default)]
pub(crate) struct Body {
    /// What the filter may read and change now.
    pub(crate) open: Option<Vec<u8>>,
    /// Buffered for the filter: it comes again with the next piece.
    pub(crate) buffered: Vec<u8>,
    /// Held back, out of the filter's reach.
    pub(crate) held: Vec<u8>,
    /// Whether the filter has stopped it.
    pub(crate) stopped: bool,
    /// What has gone on.
    pub(crate) passed: Vec<u8>,
}

impl Body {
    /// Everything that was stopped goes on.
    pub(crate) fn resume(&mut self) {
        self.stopped = false;
        self.passed.append(&mut self.held);
        self.passed.append(&mut self.buffered);
    }
}

#[derive(Default)]
pub(crate) struct Stream {
    pub(crate) root: u32,
    pub(crate) request: Map,
    pub(crate) response: Map,
    pub(crate) trailers: Map,
    pub(crate) request_body: Body,
    pub(crate) response_body: Body,
    pub(crate) properties: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What the filter has set with `proxy_set_property`: Envoy's filter state under `wasm.`.
    pub(crate) filter_state: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) held: Option<Side>,
    pub(crate) logging: bool,
    pub(crate) deleted: bool,
    pub(crate) answered: bool,
}

impl Stream {
    pub(crate) fn body_mut(&mut self, side: Side) -> &mut Body {
        match side {
            Side::Request => &mut self.request_body,
            Side::Response => &mut self.response_body,
        }
    }

    pub(crate) fn map(&self, kind: MapKind) -> Option<&Map> {
        match kind {
            MapKind::RequestHeaders => Some(&self.request),
            MapKind::ResponseHeaders => Some(&self.response),
            MapKind::ResponseTrailers => Some(&self.trailers),
            MapKind::Absent => None,
        }
    }

    pub(crate) fn map_mut(&mut self, kind: MapKind) -> Option<&mut Map> {
        match kind {
            MapKind::RequestHeaders => Some(&mut self.request),
            MapKind::ResponseHeaders => Some(&mut self.response),
            MapKind::ResponseTrailers => Some(&mut self.trailers),
            MapKind::Absent => None,
        }
    }
}

#[derive(Default)]
pub(crate) struct Root {
    pub(crate) plugin_name: String,
    /// Readable during `proxy_on_configure` only.
    pub(crate) configuration: Option<Vec<u8>>,
    /// Milliseconds; 0 is off.
    pub(crate) tick_period: u32,
    /// Monotonic nanoseconds of the next tick.
    pub(crate) next_tick: Option<u64>,
}

pub(crate) enum Context {
    Root(Root),
    Stream(Box<Stream>),
}
