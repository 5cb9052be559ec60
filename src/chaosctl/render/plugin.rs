//! `render plugin`: the plugin configuration, checked by the filter's own reader before it is printed.

use crate::arguments::{Format, IdentityInputs, PluginInputs, RenderPlugin};
use crate::inputs::{Identity, Inputs, Keys, SignOff, assemble};
use crate::terminal::{self, Paint};
use crate::{Outcome, emit};
use crate::{keys, operators};
use anyhow::bail;
use squall_policy::{Entry, Node, Report, Value, load_plugin};

impl IdentityInputs {
    pub fn identity(&self) -> Identity<'_> {
        Identity {
            namespace: self.namespace.as_deref(),
            service: self.service.as_deref(),
            keys: Keys::Elsewhere,
            sign_off: SignOff::Elsewhere,
        }
    }
}

/// # Errors
/// When a file cannot be read.
pub fn run(arguments: &RenderPlugin, paint: Paint) -> anyhow::Result<Outcome> {
    let Some((_, plugin)) = build(&arguments.inputs, &arguments.identity.identity(), paint)? else {
        return Ok(Outcome::Finding);
    };
    terminal::print(&match arguments.compact && arguments.output == Format::Json {
        true => format!("{}\n", serde_json::to_string(&plugin)?),
        false => emit::file(&plugin, arguments.output, &[])?,
    })?;
    Ok(Outcome::Fine)
}

/// The inputs and the plugin configuration made from them. `None` when they have mistakes, which stand on
/// standard error then.
///
/// # Errors
/// When a file cannot be read.
pub fn build(
    inputs: &PluginInputs,
    identity: &Identity<'_>,
    paint: Paint,
) -> anyhow::Result<Option<(Inputs, Node)>> {
    let keys = Keys::Given(keys::node(&keys::read(&inputs.caller_key)?));
    let sign_off = match &inputs.operators {
        Some(file) => match operators::read(file, paint)? {
            Some(keys) => keys,
            None => return Ok(None),
        },
        None => Vec::new(),
    };
    let identity = &Identity {
        keys,
        sign_off: SignOff::Given(sign_off),
        namespace: identity.namespace,
        service: identity.service,
    };
    let Some(loaded) = Inputs::load(&inputs.catalog, inputs.mission.as_deref(), identity, paint)? else {
        return Ok(None);
    };
    let used = loaded.mission.as_ref().filter(|_| inputs.only_used);
    let names: Option<Vec<&str>> = used.map(|m| m.scenarios.iter().map(|n| n.0.as_str()).collect());
    let catalog = match names {
        Some(names) => keep(&loaded.catalog_node, &names),
        None => loaded.catalog_node.clone(),
    };
    let sealed = loaded.sealed.as_ref().map(|sealed| &sealed.node);
    let mut plugin = assemble(&catalog, sealed.or(loaded.mission_node.as_ref()), identity);
    if let (Some(revision), Value::Object(entries)) = (&inputs.revision, &mut plugin.value) {
        let value = Value::Text(revision.clone()).into();
        // In front of the catalog, where whoever looks for it finds it.
        let place = entries.iter().position(|e| e.key == "catalog").unwrap_or(entries.len());
        entries.insert(place, Entry { key: "revision".to_owned(), at: None, value });
    }
    // What is printed is what the filter will read: its own reader has the last word.
    let mut report = Report::default();
    if load_plugin(&serde_json::to_vec(&plugin)?, None, &mut report).is_none() {
        let all: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        bail!("the filter would refuse this configuration: {}", all.join("; "));
    }
    Ok(Some((loaded, plugin)))
}

/// The catalog with these scenarios only.
fn keep(catalog: &Node, names: &[&str]) -> Node {
    let named = |scenario: &Node| matches!(scenario.get("name").map(|n| &n.value), Some(Value::Text(name)) if names.contains(&name.as_str()));
    let entries = match &catalog.value {
        Value::Object(entries) => entries.as_slice(),
        _ => &[],
    };
    let kept = entries.iter().map(|entry| match &entry.value.value {
        Value::List(items) if entry.key == "scenarios" => {
            let items = items.iter().filter(|s| named(s)).cloned().collect();
            Entry { value: Value::List(items).into(), ..entry.clone() }
        }
        _ => entry.clone(),
    });
    Value::Object(kept.collect()).into()
}
