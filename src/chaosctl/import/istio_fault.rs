//! Istio: the keys of `fault` of one route.

use super::place::{Fields, Place};
use super::told::{Code, Told};
use super::units;
use squall_policy::Node;

/// Kind, keys and share of a fault.
pub type Fault = (&'static str, Vec<(&'static str, Node)>, Node);

pub fn delayed(delay: &Place<'_>, told: &Told) -> Option<Fault> {
    let mut fields = delay.fields(told)?;
    fields.refuse_twins(told);
    let percent = share(&mut fields, delay, told);
    let fixed = fields.take("fixedDelay");
    let hint = "a catalog has `fixed`, `uniform`, `lognormal` and others: docs/faults/delay.md";
    fields.tell(&["exponentialDelay"], Code::NoCounterpart, told, "is not carried out by Istio either", hint);
    fields.finish(told, "fixedDelay, percentage, percent");
    let Some(fixed) = fixed else {
        delay.bad(told, "a delay without `fixedDelay`", "say how long: fixedDelay: 5s");
        return None;
    };
    let span = fixed.put_text(units::span(units::millis(&fixed, told)?));
    Some(("delay", vec![("fixed", span)], percent?))
}

pub fn aborted(abort: &Place<'_>, told: &Told) -> Option<Fault> {
    let mut fields = abort.fields(told)?;
    fields.refuse_twins(told);
    let percent = share(&mut fields, abort, told);
    let mut keys = Vec::new();
    keys.extend(fields.take("httpStatus").map(|status| ("status", status.copy())));
    keys.extend(fields.take("grpcStatus").map(|status| ("grpc_status", status.copy())));
    let hint = "`drop: {mode: reset}` closes the stream without an answer";
    fields.tell(&["http2Error"], Code::NoCounterpart, told, "is not carried out by Istio either", hint);
    fields.finish(told, "httpStatus, grpcStatus, percentage, percent");
    if keys.is_empty() {
        abort.bad(told, "an abort without a status", "say which: httpStatus: 503");
        return None;
    }
    Some(("abort", keys, percent?))
}

/// `percentage.value`, else the older `percent`, else none at all.
fn share(fields: &mut Fields<'_>, fault: &Place<'_>, told: &Told) -> Option<Node> {
    let percent = fields.take("percent");
    if let Some(percentage) = fields.take("percentage") {
        let mut fields = percentage.fields(told)?;
        let value = fields.take("value");
        fields.finish(told, "value");
        if let Some(value) = value {
            return units::percent(&value, value.number(told)?, told);
        }
    } else if let Some(percent) = percent {
        return units::percent(&percent, percent.number(told)?, told);
    }
    let hint = "Istio reads none as 0 %; write `percentage: {value: 100}` where all are meant";
    told.add(Code::NeverFires, fault.key(), "a fault without a percentage never fires", hint);
    None
}
