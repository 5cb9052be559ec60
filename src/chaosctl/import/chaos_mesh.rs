//! Chaos Mesh: HTTPChaos, which works on what comes in to the pods that it selects.

use super::Gathered;
use super::draft::Draft;
use super::place::{Fields, Place};
use super::rule::{Condition, Purpose, Rule, escaped};
use super::told::{Code, Told};
use super::tree::text;
use super::{chaos_mesh_fault, istio, units};
use squall_policy::{Node, Value};

/// Reads one resource.
pub fn read(document: &Place<'_>, told: &Told, out: &mut Gathered) {
    let Some(mut fields) = document.fields(told) else { return };
    fields.refuse_twins(told);
    let _ = fields.take("apiVersion");
    match fields.take("kind").and_then(|kind| kind.text(told)) {
        Some("HTTPChaos") => {}
        other => {
            let message = format!("{} is no HTTPChaos", other.unwrap_or("this"));
            let hint = "of a Schedule or a Workflow, import what it has as httpChaos in a file of its own";
            return told.add(Code::OtherKind, document.key(), message, hint);
        }
    }
    let metadata = fields.take("metadata").and_then(|metadata| metadata.fields(told));
    let (name, namespace) = istio::named(metadata, told);
    fields.tell(
        &["status"],
        Code::StaysThere,
        told,
        "is no fault",
        "remove the HTTPChaos when Squall takes its place",
    );
    let spec = fields.take("spec");
    fields.finish(told, "apiVersion, kind, metadata, spec");
    let Some(spec) = spec else {
        return told.add(Code::BadValue, document.key(), "an HTTPChaos without `spec`", "add it");
    };
    let Some(mut fields) = spec.fields(told) else { return };
    fields.refuse_twins(told);
    let mut draft = Draft::new(&name, format!("HTTPChaos {name}"), document);
    let mut whole = chaos(&mut fields, namespace.as_ref(), &mut draft, told, out);
    // What is not known may be a condition with a slip in its name.
    whole &= fields.finish(told, "mode, value, selector, target, port, path, method, code, request_headers, abort, delay, replace, patch, duration");
    if !draft.has_faults() {
        let hint = "give it abort, delay, replace or patch";
        told.add(Code::NeverFires, document.key(), "nothing of this HTTPChaos can be injected here", hint);
    } else if whole {
        out.scenarios.extend(draft.finish(told));
    } else {
        let hint = "correct what the other findings name, and import again";
        let message = "something that narrows it did not come over: no scenario";
        told.add(Code::ConditionLost, document.key(), message, hint);
    }
}

/// Whether everything that narrows it came over.
fn chaos(
    fields: &mut Fields<'_>,
    namespace: Option<&Place<'_>>,
    draft: &mut Draft,
    told: &Told,
    out: &mut Gathered,
) -> bool {
    let side = side(fields, draft, told);
    let response = side == Some("Response");
    draft.scope.push(("direction", text("inbound")));
    let selected = fields.take("selector").is_none_or(|selector| select(&selector, draft, told, out));
    if let Some(namespace) = namespace.filter(|_| out.orders.namespace.is_none()) {
        out.belongs_to_mission(namespace, "namespace", told);
        out.set_namespace(namespace, told);
    }
    mode(fields, told);
    let (rule, narrowed) = rule(fields, response, told);
    if !rule.is_empty() {
        draft.rules.push(rule.clone());
    }
    if let Some(duration) = fields.take("duration") {
        out.belongs_to_mission(&duration, "duration", told);
        if let Some(ms) = units::millis(&duration, told) {
            out.set_duration(duration.put_text(units::span(ms)), ms);
        }
    }
    fields.tell(
        &["remoteCluster"],
        Code::Elsewhere,
        told,
        "says where it runs",
        "give `start` the proxies of that cluster",
    );
    fields.tell(
        &["tls"],
        Code::StaysThere,
        told,
        "is no fault",
        "the filter sees what its proxy has decrypted",
    );
    fields.tell(
        &["scheduler"],
        Code::NoCounterpart,
        told,
        "is not read here",
        "a scenario has `trigger`, a mission `start`",
    );
    chaos_mesh_fault::read(fields, response, draft, told);
    side.is_some() && selected && narrowed && rule.is_whole()
}

/// `Request` or `Response`.
fn side<'n>(fields: &mut Fields<'n>, draft: &Draft, told: &Told) -> Option<&'n str> {
    let Some(target) = fields.take("target") else {
        let hint = "write target: Request or target: Response";
        told.add(Code::BadValue, draft.place(), "an HTTPChaos without `target`: no scenario", hint);
        return None;
    };
    let side = target.text(told).filter(|word| matches!(*word, "Request" | "Response"));
    if side.is_none() {
        target.bad(told, "this is no target", "write Request or Response");
    }
    side
}

/// Which pods: here the proxies that have the filter, and whose workload has the labels.
fn select(selector: &Place<'_>, draft: &mut Draft, told: &Told, out: &mut Gathered) -> bool {
    let Some(mut fields) = selector.fields(told) else { return false };
    fields.refuse_twins(told);
    if let Some(labels) = fields.take("labelSelectors") {
        draft.scope.insert(0, ("labels", labels.copy()));
    }
    if let Some(namespaces) = fields.take("namespaces") {
        let items = namespaces.items(told);
        match items.as_slice() {
            [one] => {
                out.belongs_to_mission(one, "namespace", told);
                out.set_namespace(one, told);
            }
            _ => {
                let hint = "make a mission for each of them";
                told.add(Code::Elsewhere, namespaces.key(), "a mission is for one namespace", hint);
            }
        }
    }
    let which = [
        "annotationSelectors",
        "fieldSelectors",
        "expressionSelectors",
        "pods",
        "nodes",
        "nodeSelectors",
        "physicalMachines",
        "podPhaseSelectors",
    ];
    let mut whole = true;
    for key in which {
        if let Some(place) = fields.take(key) {
            let hint = "no scenario came of it, for without this more pods would inject; `scope.labels` and the proxies that \
                `start` is given choose pods here";
            told.add(Code::ConditionLost, place.key(), format!("`{key}` cannot be written here"), hint);
            whole = false;
        }
    }
    fields.finish(told, "namespaces, labelSelectors") && whole
}

/// How many of the pods.
fn mode(fields: &mut Fields<'_>, told: &Told) {
    let mode = fields.take("mode");
    let value = fields.take("value");
    match mode.as_ref().and_then(|mode| mode.text(told)) {
        Some("all") | None => {
            if let Some(value) = value {
                told.add(
                    Code::StaysThere,
                    value.key(),
                    "`value` has no meaning with this mode",
                    "nothing to do",
                );
            }
        }
        Some(word) => {
            let message = format!(
                "mode {word} chooses some of the pods; a scenario is for every proxy that runs its mission"
            );
            let hint = "start the mission on so many of them: `chaosctl start --proxy ...`";
            if let Some(mode) = &mode {
                told.add(Code::Elsewhere, mode.key(), message, hint);
            }
        }
    }
}

/// Which requests.
fn rule(fields: &mut Fields<'_>, response: bool, told: &Told) -> (Rule, bool) {
    let mut rule = Rule::default();
    let mut whole = true;
    if let Some(path) = fields.take("path") {
        match path.text(told) {
            Some("*" | "/*") => {}
            Some(glob) => rule.path(&wildcard(glob, &path), &path, Purpose::Hit, told),
            None => whole = false,
        }
    }
    if let Some(method) = fields.take("method") {
        match method.text(told) {
            Some(name) => rule.method(
                &Condition::new("exact", method.put_text(name.to_ascii_uppercase())),
                &method,
                Purpose::Hit,
                told,
            ),
            None => whole = false,
        }
    }
    let headers = fields.take("request_headers").map_or(Some(Vec::new()), |headers| headers.map(told));
    whole &= headers.is_some();
    for (name, value) in headers.unwrap_or_default() {
        match value.text(told) {
            Some(_) => rule.header(name, &Condition::new("exact", value.copy()), &value, Purpose::Hit, told),
            None => whole = false,
        }
    }
    if let Some(port) = fields.take("port") {
        match units::whole(&port, told) {
            Some(number) => {
                let hint = "elsewhere than in Istio name the cluster as that Envoy does, or remove it";
                let message = format!("port {number} came over as the cluster of it in an Istio sidecar");
                told.add(Code::Changed, port.key(), message, hint);
                rule.name("cluster", port.put_text(format!("inbound|{number}||")), &port, told);
            }
            None => whole = false,
        }
    }
    for key in ["code", "response_headers"] {
        if let Some(place) = fields.take(key) {
            if response {
                let hint = "it would hit every response without this, so no scenario came of it";
                let message = format!("`{key}` chooses by the response; a scenario chooses by the request");
                told.add(Code::ConditionLost, place.key(), message, hint);
                whole = false;
            } else {
                told.add(
                    Code::StaysThere,
                    place.key(),
                    format!("`{key}` has no meaning for requests"),
                    "nothing to do",
                );
            }
        }
    }
    (rule, whole)
}

/// `*` stands for anything, `?` for one character.
fn wildcard(glob: &str, place: &Place<'_>) -> Condition {
    let open = |text: &str| text.contains(['*', '?']);
    match glob.strip_suffix('*') {
        _ if !open(glob) => Condition::new("exact", place.copy()),
        Some(prefix) if !open(prefix) => Condition::new("prefix", place.put_text(prefix)),
        _ => {
            let mut source = String::new();
            for c in glob.chars() {
                match c {
                    '*' => source += ".*",
                    '?' => source.push('.'),
                    c => source += &escaped(&c.to_string()),
                }
            }
            Condition::new("regex", Node { value: Value::Text(source), at: place.node.at })
        }
    }
}
