//! Envoy: the keys of one HTTPFault.

use super::place::{Fields, Place};
use super::rule::{Condition, Purpose, Rule, escaped};
use super::told::{Code, Told};
use super::tree::{list, text};
use super::{envoy_header, units};
use squall_policy::{Node, Value, wire};

/// Kind, keys and share of a fault.
pub type Fault = (&'static str, Vec<(&'static str, Node)>, Option<Node>);

/// Above a scenario whose faults callers ask for.
pub const REQUESTED: &str = "Callers ask for it with a token in x-chaos-token, not with x-envoy-fault-* headers: docs/faults/requested.md.";

/// What one HTTPFault says.
pub struct Read {
    pub rule: Rule,
    pub faults: Vec<Fault>,
    pub requested: Vec<Fault>,
    pub most: Option<Node>,
}

const RUNTIME: [&str; 7] = [
    "delay_percent_runtime",
    "abort_percent_runtime",
    "delay_duration_runtime",
    "abort_http_status_runtime",
    "abort_grpc_status_runtime",
    "max_active_faults_runtime",
    "response_rate_limit_percent_runtime",
];

impl Read {
    /// `None` when it injects nothing, which is told.
    pub fn new(place: &Place<'_>, told: &Told) -> Option<Self> {
        let mut fields = place.fields(told)?;
        fields.refuse_twins(told);
        // A filter as a list of them has it.
        if let Some(config) = fields.take("typed_config") {
            let _ = (fields.take("name"), fields.take("disabled"));
            fields.finish(told, "name, typed_config, disabled");
            return Self::new(&config, told);
        }
        let _ = fields.take("@type");
        let mut asked = Asked::default();
        let faults = [
            fields.take("delay").and_then(|delay| delayed(&delay, &mut asked, told)),
            fields.take("abort").and_then(|abort| aborted(&abort, &mut asked, told)),
            fields.take("response_rate_limit").and_then(|limit| limited(&limit, &mut asked, told)),
        ];
        let mut rule = rule(&mut fields, told);
        let most = fields.take("max_active_faults");
        rest(&mut fields, told);
        // What is not known may be a condition with a slip in its name.
        if !fields.finish(told, "delay, abort, response_rate_limit, headers, upstream_cluster, downstream_nodes, max_active_faults") {
            rule.lack(Purpose::Hit);
        }
        let most = match most.map(|most| (units::whole(&most, told), most)) {
            Some((Some(0), most)) => {
                told.add(
                    Code::NeverFires,
                    most.here(),
                    "at most 0 faults at a time are none",
                    "remove it, or give 1 or more",
                );
                return None;
            }
            Some((Some(number), most)) => Some(most.put(Value::Number(number as f64))),
            // A bound that could not be read must not become none.
            Some((None, _)) => return None,
            None => None,
        };
        let read =
            Self { rule, faults: faults.into_iter().flatten().collect(), requested: asked.fault(told), most };
        if read.faults.is_empty() && read.requested.is_empty() {
            told.add(
                Code::NeverFires,
                place.key(),
                "this HTTPFault injects nothing",
                "give it a delay, an abort or a rate limit",
            );
        }
        Some(read)
    }
}

/// Who is hit.
fn rule(fields: &mut Fields<'_>, told: &Told) -> Rule {
    let mut rule = Rule::default();
    match fields.take("headers").map(|headers| headers.list(told)) {
        Some(Some(headers)) => {
            headers.iter().for_each(|header| envoy_header::read(header, &mut rule, told));
        }
        Some(None) => rule.lack(Purpose::Hit),
        None => {}
    }
    if let Some(nodes) = fields.take("downstream_nodes") {
        let names: Option<Vec<_>> =
            nodes.list(told).and_then(|nodes| nodes.iter().map(|node| node.text(told)).collect());
        if names.is_none() {
            rule.lack(Purpose::Hit);
        }
        let names = names.unwrap_or_default();
        let condition = match names.as_slice() {
            [] => None,
            [one] => Some(Condition::new("exact", nodes.put_text(*one))),
            all => {
                let any: Vec<String> = all.iter().map(|name| escaped(name)).collect();
                Some(Condition::new("regex", nodes.put_text(any.join("|"))))
            }
        };
        if let Some(condition) = condition {
            rule.header("x-envoy-downstream-service-node", &condition, &nodes, Purpose::Hit, told);
        }
    }
    if let Some(cluster) = fields.take("upstream_cluster") {
        match cluster.text(told) {
            Some("") => {}
            Some(_) => rule.name("cluster", cluster.copy(), &cluster, told),
            None => rule.lack(Purpose::Hit),
        }
    }
    rule
}

fn rest(fields: &mut Fields<'_>, told: &Told) {
    let hint = "change the catalog or the mission instead; proxies take it while they run";
    fields.tell(
        &RUNTIME,
        Code::NoCounterpart,
        told,
        "names a value of Envoy's runtime, which the filter does not read",
        hint,
    );
    let hint = "the filter state `wasm.chaos_fault` tells later filters and logs of a fault";
    fields.tell(&["filter_metadata"], Code::NoCounterpart, told, "cannot be written by a Wasm filter", hint);
    let hint = "statistics are by scenario: docs/metrics.md";
    fields.tell(
        &["disable_downstream_cluster_stats"],
        Code::NoCounterpart,
        told,
        "has nothing to switch off here",
        hint,
    );
}

/// What callers may ask for.
#[derive(Default)]
struct Asked<'n> {
    kinds: Vec<(&'static str, Place<'n>, Node)>,
}

impl<'n> Asked<'n> {
    fn add(&mut self, kind: &'static str, place: &Place<'n>, percent: Option<Node>, told: &Told) {
        let hint =
            "sign tokens with `chaosctl token`, and give the proxies the key with `render --caller-key`";
        let message = "callers ask for it with a signed token here, not with an x-envoy-fault-* header";
        told.add(Code::Changed, place.key(), message, hint);
        if let Some(percent) = percent {
            self.kinds.push((kind, place.clone(), percent));
        }
    }

    fn fault(self, told: &Told) -> Vec<Fault> {
        let number = |node: &Node| match node.value {
            Value::Number(number) => number,
            _ => 0.0,
        };
        let Some((_, place, least)) = self.kinds.iter().min_by(|a, b| number(&a.2).total_cmp(&number(&b.2)))
        else {
            return Vec::new();
        };
        if self.kinds.iter().any(|(_, _, percent)| number(percent) != number(least)) {
            let message = format!("all that callers may ask for has one share here: {} %", number(least));
            told.add(
                Code::Changed,
                place.key(),
                message,
                "make a scenario for each kind where they should differ",
            );
        }
        let kinds = self.kinds.iter().map(|(kind, ..)| text(*kind)).collect();
        vec![("requested", vec![("allow", list(kinds))], Some(least.clone()))]
    }
}

fn delayed<'n>(delay: &Place<'n>, asked: &mut Asked<'n>, told: &Told) -> Option<Fault> {
    let mut fields = delay.fields(told)?;
    fields.refuse_twins(told);
    let percent = share(&mut fields, delay, told);
    let fixed = fields.take("fixed_delay");
    let header = fields.take("header_delay");
    let _ = fields.take("type");
    fields.finish(told, "fixed_delay, header_delay, percentage");
    if let Some(header) = header {
        asked.add("delay", &header, percent, told);
        return None;
    }
    let Some(fixed) = fixed else {
        delay.bad(told, "a delay without `fixed_delay` or `header_delay`", "say how long: fixed_delay: 5s");
        return None;
    };
    let ms = units::millis(&fixed, told)?;
    if ms == 0 {
        told.add(Code::NeverFires, fixed.here(), "a delay of nothing is none", "give 1ms or more");
        return None;
    }
    Some(("delay", vec![("fixed", fixed.put_text(units::span(ms)))], Some(percent?)))
}

fn aborted<'n>(abort: &Place<'n>, asked: &mut Asked<'n>, told: &Told) -> Option<Fault> {
    let mut fields = abort.fields(told)?;
    fields.refuse_twins(told);
    let percent = share(&mut fields, abort, told);
    let statuses = [("status", fields.take("http_status")), ("grpc_status", fields.take("grpc_status"))];
    let header = fields.take("header_abort");
    fields.finish(told, "http_status, grpc_status, header_abort, percentage");
    if let Some(header) = header {
        asked.add("abort", &header, percent, told);
        return None;
    }
    let keys: Vec<_> = statuses.into_iter().filter_map(|(key, status)| Some((key, status?.copy()))).collect();
    if keys.is_empty() {
        abort.bad(told, "an abort without a status", "say which: http_status: 503");
        return None;
    }
    Some(("abort", keys, Some(percent?)))
}

fn limited<'n>(limit: &Place<'n>, asked: &mut Asked<'n>, told: &Told) -> Option<Fault> {
    let mut fields = limit.fields(told)?;
    fields.refuse_twins(told);
    let percent = share(&mut fields, limit, told);
    let fixed = fields.take("fixed_limit");
    let header = fields.take("header_limit");
    fields.finish(told, "fixed_limit, header_limit, percentage");
    if let Some(header) = header {
        asked.add("throttle", &header, percent, told);
        return None;
    }
    let Some(fixed) = fixed else {
        limit.bad(
            told,
            "a rate limit without `fixed_limit` or `header_limit`",
            "say which: fixed_limit: {limit_kbps: 64}",
        );
        return None;
    };
    let mut keys = fixed.fields(told)?;
    let kbps = keys.take("limit_kbps");
    keys.finish(told, "limit_kbps");
    let kbps = kbps?;
    let number = units::whole(&kbps, told)?;
    let rate = format!("{}/s", wire::show_bytes(number.saturating_mul(1024)));
    Some(("throttle", vec![("response", kbps.put_text(rate))], Some(percent?)))
}

/// `percentage`, whose numerator and share are 0 where nothing says otherwise.
fn share(fields: &mut Fields<'_>, fault: &Place<'_>, told: &Told) -> Option<Node> {
    let Some(percentage) = fields.take("percentage") else {
        let hint = "Envoy reads none as 0 %; write `percentage: {numerator: 100}` where all are meant";
        told.add(Code::NeverFires, fault.key(), "a fault without a percentage never fires", hint);
        return None;
    };
    let mut keys = percentage.fields(told)?;
    let numerator = match keys.take("numerator") {
        Some(numerator) => units::whole(&numerator, told)? as f64,
        None => 0.0,
    };
    let denominator = keys.take("denominator");
    if !keys.finish(told, "numerator, denominator") {
        let message = "a key of the percentage is not known, and may make it smaller: its fault is left out";
        told.add(
            Code::ConditionLost,
            percentage.key(),
            message,
            "correct or remove the key, and import again",
        );
        return None;
    }
    let of = match &denominator {
        None => 100.0,
        Some(denominator) => match &denominator.node.value {
            Value::Text(word) if word == "HUNDRED" => 100.0,
            Value::Text(word) if word == "TEN_THOUSAND" => 10_000.0,
            Value::Text(word) if word == "MILLION" => 1_000_000.0,
            Value::Number(number) if *number == 0.0 => 100.0,
            Value::Number(number) if *number == 1.0 => 10_000.0,
            Value::Number(number) if *number == 2.0 => 1_000_000.0,
            _ => {
                denominator.bad(told, "this is no denominator", "write HUNDRED, TEN_THOUSAND or MILLION");
                return None;
            }
        },
    };
    units::percent(&percentage, numerator * 100.0 / of, told)
}
