//! Toxiproxy: its configuration file, the answer of `GET /proxies`, or toxics alone.

use super::Gathered;
use super::draft::Draft;
use super::place::{Fields, Place};
use super::told::{Code, Told};
use super::tree::text;
use super::units;
use squall_policy::{Node, Value, wire};

/// Whether an object looks like a proxy.
pub fn is_proxy(node: &Node) -> bool {
    node.get("upstream").is_some() && (node.get("listen").is_some() || node.get("toxics").is_some())
}

/// Whether an object looks like a toxic.
pub fn is_toxic(node: &Node) -> bool {
    node.get("type").is_some() && (node.get("attributes").is_some() || node.get("toxicity").is_some())
}

/// Reads one document.
pub fn read(document: &Place<'_>, told: &Told, out: &mut Gathered) {
    out.orders.independent = true;
    let before = out.scenarios.len();
    match &document.node.value {
        Value::List(_) => document.items(told).iter().for_each(|item| one(item, None, told, out)),
        Value::Object(_) if is_proxy(document.node) || is_toxic(document.node) => {
            one(document, None, told, out)
        }
        Value::Object(_) if document.node.get("proxies").is_some() => {
            let Some(mut fields) = document.fields(told) else { return };
            if let Some(proxies) = fields.take("proxies") {
                read(&proxies, told, out);
            }
            fields.finish(told, "proxies");
            return;
        }
        Value::Object(_) => {
            document.named(told).iter().for_each(|(name, item)| one(item, Some(name), told, out))
        }
        _ => document.bad(
            told,
            "this is neither proxies nor toxics",
            "give the file of `-config`, or what `GET /proxies` answers",
        ),
    }
    if out.scenarios.len() == before {
        let hint = "toxics are in what `GET /proxies` answers; a configuration file alone has none";
        told.add(Code::NeverFires, document.key(), "there is no toxic that can be injected here", hint);
    }
}

fn one(place: &Place<'_>, name: Option<&str>, told: &Told, out: &mut Gathered) {
    if is_toxic(place.node) {
        let hint = "add `scope: {dependency: NAME}`: the faults are for every request without it";
        told.add(Code::Changed, place.key(), "a toxic without its proxy", hint);
        return toxic(place, None, told, out);
    }
    let Some(mut fields) = place.fields(told) else { return };
    fields.refuse_twins(told);
    let name = fields.text("name", told).or(name).unwrap_or("proxy").to_owned();
    let upstream = fields.text("upstream", told);
    if let Some(listen) = fields.take("listen") {
        let hint = format!(
            "let clients of {name} go through Envoy, and call the cluster of {} `{name}`",
            upstream.unwrap_or("it")
        );
        told.add(Code::Elsewhere, listen.key(), "Squall listens nowhere: it is in Envoy", hint);
    }
    if let Some(enabled) = fields.take("enabled")
        && enabled.bool(told) == Some(false)
    {
        let hint = "`drop: {mode: reset}` for the dependency comes near; an abort with status 503 is what a mesh answers";
        told.add(Code::NoCounterpart, enabled.key(), "a proxy that is off refuses connections", hint);
    }
    for list in ["toxics", "upstreamToxics", "downstreamToxics"] {
        for item in fields.take(list).map(|toxics| toxics.items(told)).unwrap_or_default() {
            toxic(&item, Some(&name), told, out);
        }
    }
    fields.finish(told, "name, listen, upstream, enabled, toxics");
}

fn toxic(place: &Place<'_>, proxy: Option<&str>, told: &Told, out: &mut Gathered) {
    let Some(mut fields) = place.fields(told) else { return };
    fields.refuse_twins(told);
    let kind = fields.take("type");
    let kind_text = kind.as_ref().and_then(|kind| kind.text(told)).unwrap_or_default();
    let stream = fields.take("stream");
    let upstream = match stream.as_ref().map(|stream| stream.text(told)) {
        Some(Some("upstream")) => true,
        Some(Some("downstream")) | None => false,
        // It was told.
        Some(None) => return,
        Some(Some(other)) => {
            if let Some(stream) = &stream {
                stream.bad(told, format!("{other:?} is no stream"), "write upstream or downstream");
            }
            return;
        }
    };
    let name = fields.text("name", told).map_or_else(
        || format!("{kind_text}_{}", if upstream { "upstream" } else { "downstream" }),
        ToOwned::to_owned,
    );
    let percent = match fields.take("toxicity") {
        Some(toxicity) => {
            toxicity.number(told).and_then(|share| units::percent(&toxicity, share * 100.0, told))
        }
        None => Some(place.put(Value::Number(100.0))),
    };
    let attributes = fields.take("attributes");
    if !fields.finish(told, "name, type, stream, toxicity, attributes") {
        let message = "a key of the toxic is not known, and may narrow it: it is left out";
        return told.add(
            Code::ConditionLost,
            place.key(),
            message,
            "correct or remove the key, and import again",
        );
    }
    let Some(kind) = kind else {
        return place.bad(told, "a toxic without a type", "say which: type: latency");
    };
    // Both were told.
    let Some(percent) = percent else { return };
    let keys = match attributes {
        Some(attributes) => attributes.fields(told),
        None => Some(Fields::none(&place.path)),
    };
    let Some(mut keys) = keys else { return };
    keys.refuse_twins(told);
    let whole = match proxy {
        Some(proxy) => format!("{proxy}-{name}"),
        None => name.clone(),
    };
    let mut draft =
        Draft::new(&whole, format!("Toxiproxy: toxic {name} of {}", proxy.unwrap_or("no proxy")), place);
    draft.scope.extend(proxy.map(|proxy| ("dependency", text(proxy))));
    injected(&mut draft, (kind_text, &kind), &mut keys, upstream, percent, told);
    keys.finish(told, "those of its type");
    if draft.has_faults() {
        out.scenarios.extend(draft.finish(told));
    }
}

/// The fault that comes nearest. Toxics work on connections and pieces of data, faults on requests.
fn injected(
    draft: &mut Draft,
    (kind, place): (&str, &Place<'_>),
    keys: &mut Fields<'_>,
    upstream: bool,
    percent: Node,
    told: &Told,
) {
    let lost = |message: &str, hint: &str| told.add(Code::NoCounterpart, place.key(), message, hint);
    let changed = |message: &str| {
        told.add(
            Code::Changed,
            place.key(),
            message,
            "a scenario is about requests, a toxic about connections",
        );
    };
    let mut millis = |key: &str| match keys.take(key) {
        Some(place) => units::number_of_millis(&place, told).map(|ms| (ms, Some(place))),
        None => Some((0, None)),
    };
    match kind {
        "latency" => {
            let (Some((latency, _)), Some((jitter, _))) = (millis("latency"), millis("jitter")) else {
                return;
            };
            changed("each piece of data is late there, here each request or response is, once");
            if latency + jitter == 0 {
                return told.add(
                    Code::NeverFires,
                    place.key(),
                    "a latency of 0 ms is none",
                    "give it a `latency`",
                );
            }
            let span = |ms| text(units::span(ms));
            let mut delay = vec![match jitter {
                0 => ("fixed", span(latency)),
                jitter => {
                    let (min, max) = (latency.saturating_sub(jitter), latency + jitter);
                    ("uniform", super::tree::object(vec![("min", span(min)), ("max", span(max))]))
                }
            }];
            delay.extend((!upstream).then(|| ("phase", text("response"))));
            draft.fault("delay", delay, Some(percent));
        }
        "timeout" | "reset_peer" => {
            let Some((ms, _)) = millis("timeout") else { return };
            changed("a connection ends there, here a request does");
            if ms > 0 {
                draft.fault("delay", vec![("fixed", text(units::span(ms)))], None);
            }
            let mode = if kind == "timeout" && ms == 0 { "hang" } else { "reset" };
            draft.fault("drop", vec![("mode", text(mode))], None);
            // The wait and the end belong together: they are not drawn apart.
            draft.sample = Some(percent);
        }
        "bandwidth" => {
            let Some(rate) = keys.take("rate") else {
                return place.bad(told, "a bandwidth without a `rate`", "say how many KB per second");
            };
            let Some(number) = units::whole(&rate, told) else { return };
            changed("all data of a connection share the rate there, here each body has it for itself");
            let side = if upstream { "request" } else { "response" };
            let rate = rate.put_text(format!("{}/s", wire::show_bytes(number.saturating_mul(1000))));
            draft.fault("throttle", vec![(side, rate)], Some(percent));
        }
        "limit_data" => {
            let Some(bytes) = keys.take("bytes") else {
                return place.bad(told, "a limit without `bytes`", "say how many bytes pass");
            };
            let Some(number) = units::whole(&bytes, told) else { return };
            if upstream {
                return lost(
                    "what a client sends cannot be cut off after so many bytes",
                    "`drop: {mode: reset}` closes it at once",
                );
            }
            changed("all bytes of a connection count there, here those of one response's body");
            let after = bytes.put_text(wire::show_bytes(number));
            draft.fault("drop", vec![("mode", text("truncate")), ("after", after)], Some(percent));
        }
        "slow_close" => {
            let _ = millis("delay");
            lost(
                "how slowly a connection closes is below HTTP",
                "`delay: {phase: response}` holds responses back",
            );
        }
        "slicer" => {
            for key in ["average_size", "size_variation", "delay"] {
                let _ = keys.take(key);
            }
            lost("how data is cut into pieces is below HTTP", "`throttle` slows a body down");
        }
        other => lost(
            &format!("there is no toxic {other:?} that is known here"),
            "known are latency, bandwidth, timeout, \
            reset_peer, limit_data, slow_close, slicer",
        ),
    }
}
