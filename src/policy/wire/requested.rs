//! Faults that callers ask for, and the keys of those who may.

use super::body::Pace;
use super::declare::{object, words};
use super::decode::{Decode, Kind, exactly_one, no_check, text};
use super::form::{EnvironmentName, Name};
use super::scalar::{Percent, Span};
use super::size::Rate;
use super::status::{GrpcCode, HttpStatus};
use crate::base64;
use crate::diagnostic::{Code, Report};
use crate::node::{Node, Value};
use std::fmt;

/// A week, in milliseconds.
const WEEK_MS: u64 = 7 * 24 * 3_600_000;

object! {
    /// What the caller asks for in `x-chaos-fault` with a token in `x-chaos-token`, or in members `chaos` and `chaos-token` of
    /// `baggage`, as far as this allows it; the only fault of its scenario. A request without them passes and belongs to the
    /// control group; one that asks wrongly or for too much passes and is counted with the cause.
    pub struct RequestedFault shape asked_for, check no_check {
        /// Kinds of faults that may be asked for.
        "allow" => allow: Vec<RequestedKind> [default "[delay, abort]" = vec![RequestedKind::Delay, RequestedKind::Abort]],
        /// Longest delay.
        "max_delay" => max_delay: Span<1, 3_600_000> [default "1s" = Span(std::time::Duration::from_secs(1))],
        /// HTTP statuses of aborts. Absent, and `grpc_statuses` too: all from 200 to 599.
        "statuses" => statuses: Vec<HttpStatus> [optional],
        /// gRPC statuses of aborts. Absent, and `statuses` too: all from 1 to 99.
        "grpc_statuses" => grpc_statuses: Vec<GrpcCode> [optional],
        /// Slowest pace of a throttled response.
        "min_rate" => min_rate: Pace [default "1KiB/s" = Rate(1024)],
        /// Keys, of the plugin configuration's `caller_keys`, whose tokens count. Absent: all.
        "keys" => keys: Vec<Name> [optional],
        /// Longest time from now on for which a token may still be good; one that lives longer is over the limit.
        "max_age" => max_age: Span<1000, WEEK_MS> [default "1h" = Span(std::time::Duration::from_secs(3600))],
        /// `true` lets `x-chaos-fault` and `x-chaos-token` go on to the upstream; else they end here. Baggage always goes on.
        "forward" => forward: bool [default "false" = false],
        /// Highest percentage of each fault; one that a caller asks for is at most this, and is this where none is given.
        "percent" => percent: Percent [default "100" = Percent::ALL],
    }
}

words! {
    /// A kind of fault that may be asked for.
    pub enum RequestedKind { Delay = "delay", Abort = "abort", Throttle = "throttle" }
}

object! {
    /// A key that signs requests for faults. Its secret belongs into no catalog and into no repository.
    pub struct CallerKey shape one_secret, check no_check {
        /// Name of the key, which its tokens carry.
        "name" => name: Name [required],
        /// The secret itself.
        "secret" => secret: Secret [optional],
        /// Environment variable of the Wasm VM that has the secret, in base64.
        "secret_env" => secret_env: EnvironmentName [optional],
    }
}

/// A limit of a fault that nobody may ask for says nothing.
fn asked_for(node: &Node, _: bool, report: &mut Report) {
    let limits =
        [("max_delay", "delay"), ("statuses", "abort"), ("grpc_statuses", "abort"), ("min_rate", "throttle")];
    let Some(Value::List(allowed)) = node.get("allow").map(|allow| &allow.value) else {
        return limit_without(node, ("min_rate", "throttle"), report);
    };
    for (limit, fault) in limits {
        if !allowed.iter().any(|word| matches!(&word.value, Value::Text(word) if word == fault)) {
            limit_without(node, (limit, fault), report);
        }
    }
}

fn limit_without(node: &Node, (limit, fault): (&str, &str), report: &mut Report) {
    if let Some(given) = node.get(limit) {
        let message = format!("`{limit}` is for `allow: [{fault}]`");
        let hint = format!("allow `{fault}`, or remove it");
        report.in_key(limit, |r| r.add(Code::Conflict, given.at, message, hint));
    }
}

fn one_secret(node: &Node, all_known: bool, report: &mut Report) {
    exactly_one(&["secret", "secret_env"], node, all_known, report);
}

/// A secret, decoded.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// Fewest and most bytes.
    const SIZES: std::ops::RangeInclusive<usize> = 16..=256;

    /// From base64; `None` for anything else, and for too few or too many bytes.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        base64::decode(text.trim().as_bytes()).filter(|bytes| Self::SIZES.contains(&bytes.len())).map(Self)
    }
}

impl Decode for Secret {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let secret = Self::read(text(node, report)?);
        if secret.is_none() {
            // Never the text itself: findings go into logs.
            let hint = "`chaosctl token --new-key FILE` makes one";
            report.add(Code::BadFormat, node.at, "this is not base64 of 16 to 256 bytes", hint);
        }
        secret
    }

    fn kind() -> Kind {
        Kind::plain("base64 of 16 to 256 bytes")
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        super::schema::text::<Self>(Some("^\\s*[A-Za-z0-9+/_-]{22,342}={0,2}\\s*$"), 4096)
    }
}
