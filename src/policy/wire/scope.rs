//! Which requests a scenario is about: direction, match rules, protection, sample.

use super::declare::{object, words};
use super::decode::{Decode, Kind, no_check, text, wrong_type};
use super::first::First;
use super::form::RequestField;
use super::matching::{MatchRule, protector};
use super::scalar::{Percent, Text};
use super::whole::Whole;
use super::whose::{Labels, Source};
use crate::diagnostic::{Code, Report};
use crate::node::{Node, Value};

object! {
    /// Which requests a scenario is about. Absent: all of them.
    pub struct Scope check check_scope {
        /// Service whose proxies inject: `identity.service` of the plugin configuration, else the workload's name in the node
        /// metadata (`WORKLOAD_NAME`), else Envoy's node cluster. In all other proxies the scenario is dormant.
        "service" => service: Text<256> [optional],
        /// Labels of the workload (`identity.labels`, else `LABELS` of the node metadata); all have to be there, or the
        /// scenario is dormant.
        "labels" => labels: Labels [optional],
        /// Upstream that is called: name of the Envoy cluster, or the host of an Istio cluster (`outbound|80||HOST`), whole
        /// or up to a dot: `profile-db` is `profile-db.shop.svc.cluster.local`.
        "dependency" => dependency: Text<1024> [optional],
        /// Who calls.
        "source" => source: Source [optional],
        /// Side of the proxy (`traffic_direction` of the listener). A listener without one is matched by `any` only.
        "direction" => direction: DirectionWord [default "any" = DirectionWord::Any],
        /// Rules, of which any has to match.
        "match" => any_of: Vec<MatchRule> [optional],
        /// Only these tries of a retried request, the first being 1: `x-envoy-attempt-count`, which an Envoy before this one
        /// sends with `include_request_attempt_count`, else `grpc-previous-rpc-attempts` plus 1, else 1.
        "attempts" => attempts: Vec<Whole<1, 100>> [optional],
        /// Only the first requests of each key.
        "first" => first: First [optional],
        /// Rules for requests that are never faulted, beside the built-in list: user agents that begin with `kube-probe/`,
        /// `GoogleHC/` or `Envoy/HC`; the paths `/healthz`, `/livez`, `/readyz`, `/healthz/ready` and `/stats/prometheus`;
        /// the gRPC service `grpc.health.v1.Health`.
        "protect" => protect: Vec<MatchRule> [optional],
        /// `true` lifts the built-in list for this scenario; rules of `protect` hold all the same.
        "allow_protected" => allow_protected: bool [default "false" = false],
        /// The share of the matched requests that gets a fault.
        "sample" => sample: Sample [optional],
    }
}

words! {
    /// Side of the proxy.
    pub enum DirectionWord { Inbound = "inbound", Outbound = "outbound", Any = "any" }
}

object! {
    /// The share of the matched requests that gets a fault.
    pub struct Sample check no_check {
        /// Share of requests, or of values of the header.
        "percent" => percent: Percent [default "100" = Percent::ALL],
        /// What is sampled: each `request` for itself, or a `header`, so that one value is always treated alike.
        "by" => by: SampleBy [default "request" = SampleBy::Request],
    }
}

/// What a draw is keyed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SampleBy {
    Request,
    Header(RequestField),
}

object! {
    /// Sticky sampling.
    pub struct StickyHeader check no_check {
        /// Header whose value decides, such as `x-user-id`; requests without it are never sampled.
        "header" => header: RequestField [required],
    }
}

impl Decode for SampleBy {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::Text(word) if word == "request" => Some(Self::Request),
            Value::Object(_) => StickyHeader::decode(node, report).map(|s| Self::Header(s.header)),
            Value::Text(_) => {
                let word = text(node, report)?;
                super::decode::unknown_word(word, &["request"], node, report);
                None
            }
            _ => {
                wrong_type(node, "`request` or {header: NAME}", report);
                None
            }
        }
    }

    fn kind() -> Kind {
        Kind::plain("`request` \\| `{header: NAME}`")
    }

    #[cfg(feature = "docs")]
    fn schema(definitions: &mut super::schema::Definitions) -> serde_json::Value {
        serde_json::json!({"anyOf": [{"const": "request"}, StickyHeader::schema(definitions)]})
    }
}

fn check_scope(scope: &Scope, node: &Node, report: &mut Report) {
    let Some(rules) = scope.any_of.as_ref().filter(|_| !scope.allow_protected) else { return };
    let by: Option<Vec<&str>> = rules.iter().map(protector).collect();
    if let Some(by) = by {
        let at = node.get("match").and_then(|n| n.at);
        let message = format!("every request that matches is protected ({})", by.join(", "));
        let hint = "match other requests, or write `allow_protected: true` to fault these";
        report.in_key("match", |r| r.add(Code::OnlyProtected, at, message, hint));
    }
}
