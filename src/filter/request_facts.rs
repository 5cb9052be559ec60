//! The facts of one request, fetched from the host when first asked for, and once.

use crate::first;
use crate::host::{self, HeaderMap};
use crate::load::Arrivals;
use squall_policy::{Direction, Fact, Facts, Measured, Moment, Turn, Turns};

/// Envoy's numbers of `xds.listener_direction` (`core.v3.TrafficDirection`).
const INBOUND: i64 = 1;
const OUTBOUND: i64 = 2;

type Known = (Fact, Option<Vec<u8>>);

/// A lazy view of the request in whose request phase it is made.
#[derive(Default)]
pub struct RequestFacts {
    /// Nearly every request is asked for one fact alone, which then needs no memory of its own.
    first: Option<Known>,
    others: Vec<Known>,
    headers: Option<HeaderMap>,
    direction: Option<Direction>,
    /// The start of the mission on the monotonic clock, nanoseconds.
    started_ns: i64,
    moment: Option<Moment>,
    /// The scopes that the request counts in while it is under way.
    pub arrivals: Arrivals,
    /// Host calls that failed; the fact then counts as absent.
    pub failures: u32,
}

impl RequestFacts {
    #[inline]
    pub fn new(started_ns: i64) -> Self {
        Self { started_ns, ..Self::default() }
    }

    #[inline]
    fn all(&self) -> impl Iterator<Item = &Known> {
        self.first.iter().chain(&self.others)
    }

    /// Whether the request has it, where that was asked before.
    pub fn known(&self, fact: &Fact) -> Option<bool> {
        self.all().find(|(known, _)| known == fact).map(|(_, value)| value.is_some())
    }

    fn fetch(&mut self, fact: &Fact) -> Option<Vec<u8>> {
        match fact {
            Fact::Path => self.pseudo_header(":path"),
            Fact::Method => self.pseudo_header(":method"),
            Fact::Authority => self.pseudo_header(":authority"),
            // Nearly every request has one, and the map then has the request id too.
            Fact::Header(name) if name == "user-agent" && self.first.is_some() => self.mapped(name),
            Fact::Header(name) => self.header(name),
            Fact::Route => self.property("route_name"),
            Fact::Cluster => self.property("cluster_name"),
            Fact::VirtualHost => self.property("virtual_host_name"),
            Fact::Principal => {
                let principal = host::property(&["connection", "uri_san_peer_certificate"]);
                self.or_count(principal)
            }
            Fact::RequestId => self.request_id(),
        }
    }

    /// One header costs about as much as the whole map (the host re-enters the module to allocate), so the
    /// first is read alone and the second brings the map.
    #[inline]
    fn pseudo_header(&mut self, name: &str) -> Option<Vec<u8>> {
        if self.headers.is_some() || self.first.is_some() {
            return self.mapped(name);
        }
        let value = host::request_header(name);
        self.or_count(value)
    }

    /// An absent header is the common case and nearly free to ask for. A present one may have several
    /// values, which only the map has all of.
    fn header(&mut self, name: &str) -> Option<Vec<u8>> {
        if self.headers.is_none() {
            let first = host::request_header(name);
            self.or_count(first)?;
        }
        self.mapped(name)
    }

    fn mapped(&mut self, name: &str) -> Option<Vec<u8>> {
        if self.headers.is_none() {
            let headers = host::request_headers();
            self.headers = self.or_count(headers.map(Some));
        }
        let mut values = self.headers.as_ref()?.values(name);
        let first = values.next()?.to_vec();
        Some(values.fold(first, |mut joined, value| {
            joined.push(b',');
            joined.extend_from_slice(value);
            joined
        }))
    }

    /// `xds.*` since Envoy 1.29, the bare name before.
    fn property(&mut self, name: &str) -> Option<Vec<u8>> {
        let value = host::property(&["xds", name]);
        if let Some(value) = self.or_count(value) {
            return Some(value);
        }
        let value = host::property(&[name]);
        self.or_count(value)
    }

    /// A request without an id gets one for itself: it is sampled fairly, and cannot be replayed.
    fn request_id(&mut self) -> Option<Vec<u8>> {
        if let Some(id) = self.header("x-request-id") {
            return Some(id);
        }
        let mut id = [0; 16];
        if getrandom::fill(&mut id).is_err() {
            self.failures = self.failures.saturating_add(1);
        }
        Some(id.to_vec())
    }

    #[inline]
    fn or_count<T>(&mut self, result: host::Result<Option<T>>) -> Option<T> {
        result.unwrap_or_else(|_| {
            self.failures = self.failures.saturating_add(1);
            None
        })
    }
}

impl Facts for RequestFacts {
    #[inline]
    fn fact(&mut self, fact: &Fact) -> Option<&[u8]> {
        if !self.all().any(|(known, _)| known == fact) {
            let known = (fact.clone(), self.fetch(fact));
            match &mut self.first {
                first @ None => *first = Some(known),
                Some(_) => self.others.push(known),
            }
        }
        self.all().find(|(known, _)| known == fact).and_then(|(_, value)| value.as_deref())
    }

    fn direction(&mut self) -> Direction {
        if let Some(direction) = self.direction {
            return direction;
        }
        let raw = self.property("listener_direction");
        let number = raw.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok()).map(i64::from_le_bytes);
        let direction = match number {
            Some(INBOUND) => Direction::Inbound,
            Some(OUTBOUND) => Direction::Outbound,
            _ => Direction::Unspecified,
        };
        self.direction = Some(direction);
        direction
    }
    fn moment(&mut self) -> Option<Moment> {
        if self.moment.is_none() {
            let clocks = host::wall_ms().and_then(|wall_ms| Ok((wall_ms, host::monotonic_ns()?)));
            let (wall_ms, mono_ns) = self.or_count(clocks.map(Some))?;
            let since = i64::try_from(mono_ns).unwrap_or(i64::MAX).saturating_sub(self.started_ns);
            let running_ns = since.max(0).unsigned_abs();
            self.moment = Some(Moment { wall_ms, running_ns });
        }
        self.moment
    }

    fn busy(&mut self, scope: &str) -> Measured {
        let busy = self.arrivals.arrive(scope).map(Some);
        self.or_count(busy).map_or(Measured::Unknown, Measured::Busy)
    }

    fn count(&mut self, turns: &Turns) -> Turn {
        let turn = first::count(turns).map(Some);
        self.or_count(turn).unwrap_or(Turn::Unknown)
    }
}
