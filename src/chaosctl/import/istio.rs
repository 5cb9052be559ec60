//! Istio: `fault` of the HTTP routes of a VirtualService.

use super::Gathered;
use super::draft::{Draft, MOST_RULES, too_many};
use super::istio_fault;
use super::istio_match::{self, Matched};
use super::place::{Fields, Place};
use super::rule::{Condition, Purpose, Rule, escaped};
use super::told::{Code, Told};
use super::tree::text;
use super::units;

/// What of a route is no fault.
const ROUTING: [&str; 13] = [
    "timeout",
    "retries",
    "rewrite",
    "redirect",
    "directResponse",
    "delegate",
    "mirror",
    "mirrors",
    "mirrorPercent",
    "mirrorPercentage",
    "mirror_percent",
    "corsPolicy",
    "headers",
];
const ITS_OWN: &str = "routing stays in the VirtualService: remove `fault` alone, and apply it again";

/// Reads one resource.
pub fn read(document: &Place<'_>, told: &Told, out: &mut Gathered) {
    let Some(mut fields) = document.fields(told) else { return };
    fields.refuse_twins(told);
    let _ = fields.take("apiVersion");
    match fields.take("kind").and_then(|kind| kind.text(told)) {
        Some("VirtualService") => {}
        other => {
            let message = format!("{} is no VirtualService", other.unwrap_or("this"));
            let hint = "faults stand in VirtualServices; `--from` says what else a file is";
            return told.add(Code::OtherKind, document.key(), message, hint);
        }
    }
    let metadata = fields.take("metadata").and_then(|metadata| metadata.fields(told));
    let (name, namespace) = named(metadata, told);
    if let Some(namespace) = &namespace {
        out.belongs_to_mission(namespace, "namespace", told);
        out.set_namespace(namespace, told);
    }
    fields.tell(&["status"], Code::StaysThere, told, "is no fault", ITS_OWN);
    if let Some(spec) = fields.take("spec") {
        let namespace = namespace.as_ref().and_then(|namespace| namespace.node.text());
        service(&spec, &name, namespace, told, out);
    }
    fields.finish(told, "apiVersion, kind, metadata, spec");
}

/// Name and namespace of a Kubernetes resource.
pub fn named<'n>(metadata: Option<Fields<'n>>, told: &Told) -> (String, Option<Place<'n>>) {
    let Some(mut metadata) = metadata else { return ("imported".to_owned(), None) };
    metadata.refuse_twins(told);
    let name = metadata.text("name", told).unwrap_or("imported").to_owned();
    let namespace = metadata.take("namespace");
    let rest = [
        "labels",
        "annotations",
        "generateName",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "managedFields",
        "finalizers",
        "ownerReferences",
    ];
    metadata.tell(&rest, Code::StaysThere, told, "is no fault", "a catalog has no such data");
    metadata.finish(told, "name, namespace");
    (name, namespace)
}

struct Service<'a> {
    name: &'a str,
    namespace: Option<&'a str>,
    hosts: Vec<&'a str>,
}

impl Service<'_> {
    /// Whether an authority is one of its hosts as they stand there.
    fn has(&self, authority: &str) -> bool {
        let authority = match authority.rsplit_once(':') {
            Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
            _ => authority,
        };
        self.hosts.iter().any(|host| match host.strip_prefix('*') {
            Some(domain) => authority.len() > domain.len() && authority.ends_with(domain),
            None => *host == authority,
        })
    }
}

fn service(spec: &Place<'_>, name: &str, namespace: Option<&str>, told: &Told, out: &mut Gathered) {
    let Some(mut fields) = spec.fields(told) else { return };
    fields.refuse_twins(told);
    let hosts = fields.take("hosts").map(|hosts| hosts.items(told)).unwrap_or_default();
    let hosts = hosts.iter().filter_map(|host| host.text(told)).collect();
    istio_match::tell_gateways(fields.take("gateways").as_ref(), told);
    fields.tell(&["exportTo", "tls", "tcp"], Code::StaysThere, told, "has no fault", ITS_OWN);
    let routes = fields.take("http").map(|routes| routes.items(told)).unwrap_or_default();
    fields.finish(told, "hosts, gateways, http, tls, tcp, exportTo");
    let service = Service { name, namespace, hosts };
    let mut earlier = Vec::new();
    let mut any = false;
    for place in &routes {
        let Some(mut fields) = place.fields(told) else { continue };
        fields.refuse_twins(told);
        let route = Route::read(&mut fields, place, told);
        let fault = fields.take("fault");
        any |= fault.is_some();
        fields.tell(&ROUTING, Code::StaysThere, told, "is no fault", ITS_OWN);
        let whole = fields.finish(told, "name, match, route, fault and what else routes") && route.known;
        if !whole && fault.is_some() {
            // What is not known may be `match` with a slip in its name.
            let message = "a key of the route is not known, and may narrow it: its fault is left out";
            told.add(
                Code::ConditionLost,
                place.key(),
                message,
                "correct or remove the key, and import again",
            );
        } else if let Some(fault) = fault {
            faulted(&service, &route, &fault, &earlier, told, out);
        }
        earlier.push(route);
    }
    if !any {
        let hint = "`fault` below an item of `spec.http` is what is read";
        told.add(Code::NeverFires, spec.key(), format!("{name} has no fault"), hint);
    }
}

/// Where a route goes, and what it takes.
struct Route<'n> {
    place: Place<'n>,
    name: Option<&'n str>,
    matches: Option<Place<'n>>,
    /// Of its destinations: host, subset and port.
    destinations: Vec<(&'n str, Option<&'n str>, Option<u64>)>,
    /// Nothing of them was lost that may narrow them.
    known: bool,
    /// What short and full names of its one host have in common. Hosts of other namespaces may have it too: then more
    /// is spared.
    label: Option<String>,
    /// What it takes, as who is spared by later routes.
    takes: Vec<Rule>,
}

impl<'n> Route<'n> {
    fn read(fields: &mut Fields<'n>, place: &Place<'n>, told: &Told) -> Self {
        let name = fields.text("name", told);
        let matches = fields.take("match");
        let (mut destinations, mut known) = (Vec::new(), true);
        for route in fields.take("route").map(|route| route.items(told)).unwrap_or_default() {
            let Some(mut route) = route.fields(told) else { continue };
            if let Some(mut to) = route.take("destination").and_then(|to| to.fields(told)) {
                let host = to.text("host", told).unwrap_or_default();
                let subset = to.take("subset");
                known &= subset.as_ref().is_none_or(|subset| subset.text(told).is_some());
                let subset = subset.and_then(|subset| subset.node.text());
                let mut port = to.take("port").and_then(|port| port.fields(told));
                let number = port.as_mut().and_then(|port| units::whole(&port.take("number")?, told));
                destinations.push((host, subset, number));
                known &= port.is_none_or(|port| port.finish(told, "number"));
                known &= to.finish(told, "host, subset, port");
            }
            route.tell(&["weight", "headers"], Code::StaysThere, told, "is no fault", ITS_OWN);
            known &= route.finish(told, "destination, weight, headers");
        }
        let takes = istio_match::rules(matches.as_ref(), Purpose::Spare);
        let mut route = Self { place: place.clone(), name, matches, destinations, known, label: None, takes };
        let host = route.host();
        route.label = host.map(|host| host.split('.').next().unwrap_or_default().to_ascii_lowercase());
        route
    }

    /// Whether it has no condition at all.
    fn takes_all(&self) -> bool {
        self.matches.as_ref().is_none_or(istio_match::is_all) || self.takes.iter().any(Rule::is_empty)
    }

    /// The one host that all of it goes to.
    fn host(&self) -> Option<&'n str> {
        let mut hosts = self.destinations.iter().map(|(host, ..)| *host);
        let first = hosts.next()?;
        hosts.all(|host| host == first).then_some(first)
    }
}

fn faulted(
    service: &Service<'_>,
    route: &Route<'_>,
    fault: &Place<'_>,
    earlier: &[Route<'_>],
    told: &Told,
    out: &mut Gathered,
) {
    let Some(mut fields) = fault.fields(told) else { return };
    fields.refuse_twins(told);
    let faults: Vec<_> = [
        fields.take("delay").and_then(|delay| istio_fault::delayed(&delay, told)),
        fields.take("abort").and_then(|abort| istio_fault::aborted(&abort, told)),
    ]
    .into_iter()
    .flatten()
    .collect();
    fields.finish(told, "delay, abort");
    let Some(protect) = spared(route, earlier, told) else { return };
    let groups = istio_match::groups(route.matches.as_ref(), told);
    if faults.is_empty() || groups.is_empty() {
        return;
    }
    for Matched { labels, rules } in groups {
        let name =
            route.name.map_or_else(|| service.name.to_owned(), |name| format!("{}-{name}", service.name));
        let from = format!("VirtualService {}, {}", service.name, route.place.path);
        let mut draft = Draft::new(&name, from, &route.place);
        draft.scope.extend(labels.map(|labels| ("labels", labels)));
        draft.rules = rules;
        if !narrow(&mut draft, service, route, told) {
            continue;
        }
        draft.scope.push(("direction", text("outbound")));
        draft.protect.clone_from(&protect);
        for (kind, keys, percent) in &faults {
            draft.fault(kind, keys.clone(), Some(percent.clone()));
        }
        out.scenarios.extend(draft.finish(told));
    }
}

/// Requests that an earlier route takes never come to this one. `None` when it takes all of them.
fn spared(route: &Route<'_>, earlier: &[Route<'_>], told: &Told) -> Option<Vec<Rule>> {
    let mut spared = Vec::new();
    for other in earlier {
        if other.takes_all() {
            let message = format!("{} before it may take every request: no scenario", other.place.path);
            let hint = "put it first in the VirtualService, or write the scenario by hand";
            told.add(Code::NeverFires, route.place.key(), message, hint);
            return None;
        }
        // Of another upstream: the scenario's dependency does not match it anyway.
        if other.label.is_some() && route.label.is_some() && other.label != route.label {
            continue;
        }
        if spared.len() + other.takes.len() > MOST_RULES {
            too_many(route.place.key(), told);
            return None;
        }
        spared.extend(other.takes.iter().cloned());
    }
    Some(spared)
}

/// Only what goes to the hosts of the service. False where nothing is left of it, which was told.
fn narrow(draft: &mut Draft, service: &Service<'_>, route: &Route<'_>, told: &Told) -> bool {
    let host = route.host();
    if let Some(host) = host {
        draft.scope.insert(0, ("dependency", text(host)));
    }
    if let Some(exact) = host.and_then(|host| subset(service, route, host, told)) {
        draft.scope.retain(|(key, _)| *key != "dependency");
        each(draft, |rule| rule.name("cluster", text(exact.clone()), &route.place, told));
    }
    let same = |other: &str| host == Some(other);
    if service.hosts.iter().all(|host| same(host)) && host.is_some() || service.hosts.contains(&"*") {
        return true;
    }
    let any: Vec<String> = service.hosts.iter().map(|host| authority(host, service.namespace)).collect();
    if any.is_empty() {
        return true;
    }
    let hosts = Condition::new("regex", text(format!("({})(:[0-9]+)?", any.join("|"))));
    each(draft, |rule| {
        // An authority that is one of the hosts says so already; beside any other the hosts cannot be written.
        if !rule.exact_authority().is_some_and(|name| service.has(name)) {
            rule.authority(&hosts, &route.place, Purpose::Hit, told);
        }
    });
    draft.rules.retain(Rule::is_whole);
    !draft.rules.is_empty()
}

/// Changes every rule; where there is none, the first one.
fn each(draft: &mut Draft, change: impl Fn(&mut Rule)) {
    if draft.rules.is_empty() {
        draft.rules.push(Rule::default());
    }
    draft.rules.iter_mut().for_each(change);
}

/// The cluster of a subset, whose name has the port; without one the subset cannot be told from others.
fn subset(service: &Service<'_>, route: &Route<'_>, host: &str, told: &Told) -> Option<String> {
    let (_, name, port) = *route.destinations.first()?;
    let mixed = route.destinations.iter().any(|(_, other, _)| *other != name);
    let name = name?;
    let full = match (host.contains('.'), service.namespace) {
        (true, _) => host.to_owned(),
        (false, Some(namespace)) => format!("{host}.{namespace}.svc.cluster.local"),
        (false, None) => format!("{host}.default.svc.cluster.local"),
    };
    match port {
        _ if mixed => None,
        Some(port) => Some(format!("outbound|{port}|{name}|{full}")),
        None => {
            let hint = format!("to have it alone, add `cluster: outbound|PORT|{name}|{full}` to the rule");
            let message = format!(
                "the faults are for all of {host}, whatever the subset: its cluster has a port in its name"
            );
            told.add(Code::Changed, route.place.key(), message, hint);
            None
        }
    }
}

/// A host with all that a client may call it by.
fn authority(host: &str, namespace: Option<&str>) -> String {
    if let Some(domain) = host.strip_prefix("*.") {
        return format!("[^:]*\\.{}", escaped(domain));
    }
    match (host.contains('.'), namespace) {
        (false, Some(namespace)) => {
            format!("{}(\\.{}(\\.svc(\\.cluster\\.local)?)?)?", escaped(host), escaped(namespace))
        }
        _ => escaped(host),
    }
}
