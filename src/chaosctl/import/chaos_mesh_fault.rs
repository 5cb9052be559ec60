//! Chaos Mesh: what an HTTPChaos does.

use super::draft::Draft;
use super::place::{Fields, Place};
use super::told::{Code, Told};
use super::tree::{object, text};
use super::units;
use squall_policy::{Entry, Node, Report, Value, from_base64};

/// The order there: abort, delay, replace, patch.
pub fn read(fields: &mut Fields<'_>, response: bool, draft: &mut Draft, told: &Told) {
    let delay = fields.take("delay").and_then(|delay| {
        let ms = units::millis(&delay, told)?;
        let phase = response.then(|| ("phase", text("response")));
        Some([("fixed", delay.put_text(units::span(ms)))].into_iter().chain(phase).collect())
    });
    if let Some(delay) = delay {
        draft.fault("delay", delay, None);
    }
    if let Some(abort) = fields.take("abort")
        && abort.bool(told) == Some(true)
    {
        if response {
            let hint = "here the upstream's answer begins and breaks off before its body";
            told.add(Code::Changed, abort.key(), "an aborted response is one that is cut off", hint);
            draft.fault("drop", vec![("mode", text("truncate")), ("after", text("0B"))], None);
        } else {
            draft.fault("drop", vec![("mode", text("reset"))], None);
        }
    }
    let mut change = Change::default();
    if let Some(replace) = fields.take("replace") {
        change.replace(&replace, response, told);
    }
    if let Some(patch) = fields.take("patch") {
        change.patch(&patch, response, told);
    }
    if let Some(keys) = change.keys() {
        let side = if response { "response" } else { "request" };
        draft.fault("mutate", vec![(side, keys)], None);
    }
}

/// A change of one side, by the keys of `mutate`.
#[derive(Default)]
struct Change {
    path: Option<Node>,
    status: Option<Node>,
    headers: Vec<Entry>,
    body: Option<Node>,
}

impl Change {
    fn keys(self) -> Option<Node> {
        let headers = (!self.headers.is_empty()).then(|| Value::Object(self.headers).into());
        let keys = [("path", self.path), ("status", self.status), ("headers", headers), ("body", self.body)];
        let keys: Vec<_> = keys.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        (!keys.is_empty()).then(|| object(keys))
    }

    fn header(&mut self, name: &str, value: Node) {
        self.headers.push(Entry { key: name.to_ascii_lowercase(), at: value.at, value });
    }

    fn replace(&mut self, place: &Place<'_>, response: bool, told: &Told) {
        let Some(mut fields) = place.fields(told) else { return };
        fields.refuse_twins(told);
        if let Some(headers) = fields.take("headers") {
            for (name, value) in headers.named(told) {
                if value.text(told).is_some() {
                    self.header(name, value.copy());
                }
            }
        }
        if response {
            self.status = fields.take("code").map(|code| code.copy());
            if let Some(body) = fields.take("body") {
                self.body = decoded(&body, told).map(|body| object(vec![("replace", body)]));
            }
            fields.tell(
                &["path", "method", "queries"],
                Code::StaysThere,
                told,
                "has no meaning for responses",
                "nothing to do",
            );
        } else {
            self.path = fields.take("path").map(|path| path.copy());
            let hint = "of a request, `mutate` changes path and headers";
            fields.tell(
                &["method", "body", "queries"],
                Code::NoCounterpart,
                told,
                "of a request cannot be replaced here",
                hint,
            );
            fields.tell(&["code"], Code::StaysThere, told, "has no meaning for requests", "nothing to do");
        }
        fields.finish(told, "path, method, headers, body, queries, code");
    }

    fn patch(&mut self, place: &Place<'_>, response: bool, told: &Told) {
        let Some(mut fields) = place.fields(told) else { return };
        fields.refuse_twins(told);
        for pair in fields.take("headers").map(|headers| headers.items(told)).unwrap_or_default() {
            let items = pair.items(told);
            match items.as_slice() {
                [name, value] if name.node.text().is_some() && value.node.text().is_some() => {
                    let hint = "here it is set in place of the values that are there";
                    told.add(Code::Changed, pair.key(), "a header that is added there", hint);
                    self.header(name.node.text().unwrap_or_default(), value.copy());
                }
                _ => pair.bad(told, "a pair of name and value is needed", "write [name, value]"),
            }
        }
        if let Some(body) = fields.take("body") {
            self.patched(&body, response, told);
        }
        let hint = "`mutate: {request: {path: ...}}` sets path and query as a whole";
        fields.tell(&["queries"], Code::NoCounterpart, told, "cannot be added to here", hint);
        fields.finish(told, "headers, body, queries");
    }

    fn patched(&mut self, body: &Place<'_>, response: bool, told: &Told) {
        let Some(mut fields) = body.fields(told) else { return };
        let (kind, value) = (fields.take("type"), fields.take("value"));
        fields.finish(told, "type, value");
        if !response {
            let hint = "of a request, `mutate` changes path and headers";
            return told.add(
                Code::NoCounterpart,
                body.key(),
                "the body of a request cannot be patched here",
                hint,
            );
        }
        let kind_fits = kind
            .as_ref()
            .and_then(|kind| kind.text(told))
            .is_none_or(|kind| kind.eq_ignore_ascii_case("JSON"));
        let Some(value) = value.filter(|_| kind_fits) else {
            return body.bad(told, "a patch of this type is not read", "write type: JSON and a value");
        };
        let Some(source) = value.text(told) else { return };
        match crate::reader::read(source, &mut Report::default())
            .filter(|node| matches!(node.value, Value::Object(_)))
        {
            Some(patch) => {
                let merge = Node { at: value.node.at, ..patch };
                self.body = Some(object(vec![("merge", placed(merge, value.node.at))]));
            }
            None => {
                value.bad(told, "the patch is no JSON object", "write an object: '{\"name\": \"value\"}'")
            }
        }
    }
}

/// All of it where the text stands that it was read from.
fn placed(node: Node, at: Option<squall_policy::Position>) -> Node {
    let value = match node.value {
        Value::List(items) => Value::List(items.into_iter().map(|item| placed(item, at)).collect()),
        Value::Object(entries) => Value::Object(
            entries.into_iter().map(|entry| Entry { at, value: placed(entry.value, at), ..entry }).collect(),
        ),
        value => value,
    };
    Node { value, at }
}

/// A body, which is in base64 there.
fn decoded(place: &Place<'_>, told: &Told) -> Option<Node> {
    let source = place.text(told)?;
    let decoded = from_base64(source.trim().as_bytes()).and_then(|bytes| String::from_utf8(bytes).ok());
    if decoded.is_none() {
        place.bad(told, "the body is no text in base64", "a catalog has bodies of text alone");
    }
    decoded.map(|body| place.put_text(body))
}
