//! The mutate fault: an answer that is there and wrong.

use super::declare::object;
use super::decode::{Decode, Kind, exactly_one, no_check, wrong_type};
use super::faults::Headers;
use super::form::{FieldName, RequestField};
use super::scalar::{Percent, Text};
use super::size::Size;
use super::status::HttpStatus;
use crate::diagnostic::{Code, Report};
use crate::node::{Node, Value};

object! {
    /// Changes the request on its way upstream, or the response on its way back.
    pub struct MutateFault shape some_side, check no_check {
        /// What the upstream sees instead.
        "request" => request: MutateRequest [optional],
        /// What the client sees instead.
        "response" => response: MutateResponse [optional],
        /// Share of the sampled requests that gets this fault.
        "percent" => percent: Percent [default "100" = Percent::ALL],
    }
}

object! {
    /// Changes to the request headers, made when the request arrives. The route was chosen before.
    pub struct MutateRequest shape some_request_change, check check_request {
        /// The new path with its query.
        "path" => path: Text<4096> [optional],
        /// Headers that are set, in place of all values they had.
        "headers" => headers: Headers [optional],
        /// Headers that are removed.
        "remove_headers" => remove_headers: Vec<RequestField> [optional],
    }
}

object! {
    /// Changes to the response. An upgrade to another protocol (101) stays as it is.
    pub struct MutateResponse shape some_response_change, check check_response {
        /// The new status; none of 204, 205 and 304, which have no body, while the upstream's response may have one.
        "status" => status: HttpStatus [optional],
        /// Headers that are set, in place of all values they had.
        "headers" => headers: Headers [optional],
        /// Headers that are removed.
        "remove_headers" => remove_headers: Vec<FieldName> [optional],
        /// The new body; a response without one keeps none.
        "body" => body: MutateBody [optional],
    }
}

object! {
    /// A change of the response body; exactly one of `replace`, `merge` and `corrupt`. `content-length` follows.
    pub struct MutateBody shape one_change, check no_check {
        /// The new body.
        "replace" => replace: Text<16384> [optional],
        /// JSON merge patch (RFC 7396) for a JSON body; one that is no JSON passes as it is.
        "merge" => merge: MergePatch [optional],
        /// Share of the bytes that are changed, each to another value; the length stays.
        "corrupt" => corrupt: Percent [optional],
        /// For `merge`: a larger body passes as it is. Envoy holds it meanwhile, so its buffer limit
        /// (`per_connection_buffer_limit_bytes`) must not be smaller; Istio's is 32KiB.
        "max_size" => max_size: Size<1, 1_048_576> [default "32KiB" = Size(32_768)],
    }
}

/// A JSON merge patch: an object, whose `null` members remove.
#[derive(Debug, Clone)]
pub struct MergePatch(pub serde_json::Value);

impl Decode for MergePatch {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        if let Value::Object(_) = node.value {
            return Some(Self(json(node)));
        }
        wrong_type(node, "an object", report);
        None
    }

    fn kind() -> Kind {
        Kind::plain("object")
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        serde_json::json!({"type": "object"})
    }
}

fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(b) => (*b).into(),
        // Whole numbers stay whole: 7, not 7.0.
        Value::Number(n) if n.trunc() == *n && n.abs() < 9_007_199_254_740_992.0 => (*n as i64).into(),
        Value::Number(n) => (*n).into(),
        Value::Text(text) => text.as_str().into(),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Object(entries) => {
            // One by one: a collected map brings a sort of its own into the module.
            let mut map = serde_json::Map::new();
            for entry in entries {
                map.insert(entry.key.clone(), json(&entry.value));
            }
            map.into()
        }
    }
}

fn nothing_of(keys: &[&str], example: &str, node: &Node, all_known: bool, report: &mut Report) {
    if all_known && keys.iter().all(|key| node.get(key).is_none()) {
        let message = format!("nothing is changed: none of {} is given", keys.join(", "));
        report.add(Code::NothingGiven, node.at, message, format!("add `{example}`"));
    }
}

fn some_side(node: &Node, all_known: bool, report: &mut Report) {
    nothing_of(&["request", "response"], "response: {status: 500}", node, all_known, report);
}

fn some_request_change(node: &Node, all_known: bool, report: &mut Report) {
    nothing_of(&["path", "headers", "remove_headers"], "headers: {x-tenant: none}", node, all_known, report);
}

fn some_response_change(node: &Node, all_known: bool, report: &mut Report) {
    nothing_of(&["status", "headers", "remove_headers", "body"], "status: 500", node, all_known, report);
}

fn one_change(node: &Node, all_known: bool, report: &mut Report) {
    exactly_one(&["replace", "merge", "corrupt"], node, all_known, report);
    if let (Some(size), None, true) = (node.get("max_size"), node.get("merge"), all_known) {
        report
            .in_key("max_size", |r| r.add(Code::Conflict, size.at, "`max_size` is for `merge`", "remove it"));
    }
}

fn check_request(change: &MutateRequest, node: &Node, report: &mut Report) {
    let set = change.headers.iter().flat_map(|headers| &headers.0).map(|(name, _)| name);
    for name in set.filter(|name| name.0.starts_with("x-chaos-")) {
        let at = node.get("headers").and_then(|n| n.get(&name.0)).and_then(|n| n.at);
        let message = format!("`{}` is a mark, which tells the upstream what Squall did", name.0);
        let hint = "set another header; for the marks write `mark: headers` into the mission";
        report.in_key("headers", |r| r.in_key(&name.0, |r| r.add(Code::Conflict, at, message, hint)));
    }
    let good = |text: &str| text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    if let Some(path) = change.path.as_ref().filter(|path| !good(&path.0)) {
        let at = node.get("path").and_then(|n| n.at);
        let message = format!("{:?} is not a path", path.0);
        report
            .in_key("path", |r| r.add(Code::BadFormat, at, message, "begin with `/`; percent-encode blanks"));
    }
}

fn check_response(change: &MutateResponse, node: &Node, report: &mut Report) {
    if let Some(status) = change.status.filter(|status| matches!(status.0, 204 | 205 | 304)) {
        let at = node.get("status").and_then(|n| n.at);
        let message = format!(
            "status {} has no body (RFC 9110 section 6.4.1), and the response may have one",
            status.0
        );
        let hint = "use another status, or `abort`";
        report.in_key("status", |r| r.add(Code::Conflict, at, message, hint));
    }
}
