//! `render istio`: the resource that puts Squall into the proxies of a workload, a namespace or the mesh.

use super::template::{list, number, object, text};
use crate::arguments::{IstioPhase, Kind, RenderIstio, Scope, StatLabels};
use crate::inputs::Identity;
use crate::keys::{self, Key};
use crate::terminal::{self, Paint, complain};
use crate::{Outcome, emit};
use anyhow::{Context, bail, ensure};
use squall_policy::{Entry, Node, Value};

const ROOT_NAMESPACE: &str = "istio-system";

/// `kubectl apply` keeps a copy in an annotation, and annotations end at 256 KiB.
const LARGEST_APPLY: usize = 200 * 1024;

/// # Errors
/// When a file cannot be read or an argument is not what Istio takes.
pub fn run(arguments: &RenderIstio, paint: Paint) -> anyhow::Result<Outcome> {
    check(arguments)?;
    // A mission of another namespace than the proxies' is refused by them; it is better refused here. In the
    // root namespace, the proxies are in all namespaces.
    let checked = if arguments.scope == Scope::Mesh { None } else { arguments.namespace.as_deref() };
    let identity = Identity { namespace: checked, ..Identity::default() };
    let Some((inputs, plugin)) = super::plugin::build(&arguments.inputs, &identity, paint)? else {
        return Ok(Outcome::Finding);
    };
    let mission = inputs.mission.as_ref().map(|m| m.namespace.0.as_str());
    let namespace = match (&arguments.namespace, arguments.scope, mission) {
        (Some(namespace), _, _) => namespace.as_str(),
        (None, Scope::Mesh, _) => ROOT_NAMESPACE,
        (None, _, Some(namespace)) => namespace,
        (None, _, None) => bail!("without a mission, give --namespace NS"),
    };
    if let Some(own) = mission.filter(|_| arguments.scope == Scope::Mesh) {
        complain(&format!(
            "note: the mission belongs to namespace `{own}`: proxies elsewhere refuse it, stay disarmed and write \
             the event mission.refused\n"
        ));
    }
    for doubt in super::doubts::all(&inputs) {
        complain(&format!("note: {doubt}\n"));
    }
    let plugin = labelled(without_identity(plugin), arguments.stat_labels);
    let resource = resource(arguments, namespace, plugin)?;
    let head = head(arguments);
    let rendered = emit::file(
        &resource,
        arguments.output,
        &[("", &head), ("spec.phase", phase_comment(arguments.phase))],
    )?;
    if rendered.len() > LARGEST_APPLY {
        complain(
            "note: this is too large for `kubectl apply`; use `kubectl apply --server-side`, or --only-used\n",
        );
    }
    terminal::print(&rendered)?;
    Ok(Outcome::Fine)
}

/// Istio's proxies know their namespace and workload from their node metadata.
fn without_identity(plugin: Node) -> Node {
    match plugin.value {
        Value::Object(entries) => {
            Value::Object(entries.into_iter().filter(|e: &Entry| e.key != "identity").collect()).into()
        }
        other => other.into(),
    }
}

/// Says how labels stand in the names of stats, where that is not the default.
fn labelled(mut plugin: Node, labels: StatLabels) -> Node {
    if let (StatLabels::BuiltIn, Value::Object(entries)) = (labels, &mut plugin.value) {
        // In front of the catalog, where whoever looks for it finds it.
        let place = entries.iter().position(|e| e.key == "catalog").unwrap_or(entries.len());
        entries.insert(place, Entry { key: "stat_labels".to_owned(), at: None, value: text("built_in") });
    }
    plugin
}

fn check(arguments: &RenderIstio) -> anyhow::Result<()> {
    let workload = arguments.scope == Scope::Workload;
    ensure!(
        !workload || !arguments.selector.is_empty(),
        "--scope workload needs --selector, such as app=user-service"
    );
    ensure!(workload || arguments.selector.is_empty(), "--selector is for --scope workload");
    let name = &arguments.name;
    ensure!(dns_name(name, 253), "--name {name:?} is not a name for Kubernetes: use a-z, 0-9, `-` and `.`");
    let namespace = arguments.namespace.as_deref().unwrap_or(ROOT_NAMESPACE);
    ensure!(
        dns_name(namespace, 63) && !namespace.contains('.'),
        "--namespace {namespace:?} is not a DNS label"
    );
    let known = ["oci://", "https://", "http://", "file://"]
        .iter()
        .any(|s| arguments.url.len() > s.len() && arguments.url.starts_with(s));
    ensure!(known, "--url {:?} does not begin with oci://, https://, http:// or file://", arguments.url);
    if let Some(sum) = &arguments.sha256 {
        let hex = sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        ensure!(hex, "--sha256 {sum:?} is not 64 digits of 0-9 and a-f");
    }
    Ok(())
}

/// RFC 1123 subdomain, as Kubernetes checks names.
fn dns_name(text: &str, longest: usize) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let part = |p: &str| !p.is_empty() && p.chars().all(inner) && !p.starts_with('-') && !p.ends_with('-');
    text.len() <= longest && text.split('.').all(part)
}

fn labels(selector: &[String]) -> anyhow::Result<Vec<(String, Node)>> {
    let label = |given: &String| {
        let wrong = || format!("--selector {given:?} is not KEY=VALUE as Kubernetes writes labels");
        let (key, value) = given.split_once('=').with_context(wrong)?;
        let word = |t: &str| {
            let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
            t.len() <= 63
                && edge(t.chars().next())
                && edge(t.chars().last())
                && t.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        let good_key = match key.split_once('/') {
            Some((prefix, name)) => dns_name(prefix, 253) && word(name),
            None => word(key),
        };
        ensure!(good_key && (value.is_empty() || word(value)), wrong());
        Ok((key.to_owned(), text(value)))
    };
    let labels = selector.iter().map(label).collect::<anyhow::Result<Vec<_>>>()?;
    for (index, (key, _)) in labels.iter().enumerate() {
        ensure!(
            !labels.iter().take(index).any(|(earlier, _)| earlier == key),
            "--selector {key} is given twice"
        );
    }
    Ok(labels)
}

fn resource(arguments: &RenderIstio, namespace: &str, plugin: Node) -> anyhow::Result<Node> {
    let metadata = object([("name", text(&arguments.name)), ("namespace", text(namespace))]);
    let labels = labels(&arguments.selector)?;
    let selector = (!labels.is_empty()).then(|| ("selector", object([("matchLabels", object(labels))])));
    let phase = match arguments.phase {
        IstioPhase::Authn => "AUTHN",
        IstioPhase::Authz => "AUTHZ",
        IstioPhase::Stats => "STATS",
    };
    let place = [("phase", text(phase)), ("priority", number(arguments.priority))];
    let checksum = arguments.sha256.as_ref().map(|sum| ("sha256", text(sum)));
    let wasm = [("url", text(&arguments.url))].into_iter().chain(checksum).chain([
        ("pluginName", text("squall")),
        ("failStrategy", text("FAIL_OPEN")),
        ("pluginConfig", plugin),
    ]);
    // Istio's proxies have the variables of the pod's `istio-proxy` container.
    let keys = keys::read(&arguments.inputs.caller_key)?;
    let variables: Vec<Node> = keys
        .iter()
        .filter_map(Key::variable)
        .map(|name| object([("name", text(name)), ("valueFrom", text("HOST"))]))
        .collect();
    let vm = (!variables.is_empty()).then(|| ("vmConfig", object([("env", list(variables))])));
    let wasm = wasm.chain(vm);
    let (kind, spec): (_, Vec<(&str, Node)>) = match arguments.kind {
        Kind::WasmPlugin => ("WasmPlugin", selector.into_iter().chain(place).chain(wasm).collect()),
        Kind::TrafficExtension => {
            ("TrafficExtension", selector.into_iter().chain(place).chain([("wasm", object(wasm))]).collect())
        }
    };
    Ok(object([
        ("apiVersion", text("extensions.istio.io/v1alpha1")),
        ("kind", text(kind)),
        ("metadata", metadata),
        ("spec", object(spec)),
    ]))
}

fn head(arguments: &RenderIstio) -> String {
    let (who, tags) = match arguments.scope {
        Scope::Workload => ("the pods with these labels", "stat-tags"),
        Scope::Namespace => ("every pod of this namespace", "stat-tags"),
        Scope::Mesh => ("every pod of the mesh, when this is Istio's root namespace", "stat-tags --mesh"),
    };
    let labels = match arguments.stat_labels {
        StatLabels::Own => format!("need stat tags: `chaosctl render {tags}`."),
        StatLabels::BuiltIn => "are those that every istio-proxy has: docs/metrics.md, Labels.".to_owned(),
    };
    format!(
        "Squall in {who}. Written by `chaosctl render istio`; docs/istio.md explains it.\n\
         The labels of its metrics {labels}"
    )
}

fn phase_comment(phase: IstioPhase) -> &'static str {
    match phase {
        IstioPhase::Authn => {
            "Before Istio authenticates: also requests that would be refused are faulted. `priority` is always set:\n\
             without one a plugin sorts last, not as 0."
        }
        IstioPhase::Authz => {
            "After authentication, before Istio authorizes: also requests that policies would deny are faulted.\n\
             `priority` is always set: without one a plugin sorts last, not as 0."
        }
        IstioPhase::Stats => {
            "After authentication and authorization: what they refuse is neither faulted nor counted. `priority` is\n\
             always set: without one a plugin sorts last, not as 0."
        }
    }
}
