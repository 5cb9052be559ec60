//! The proxy that `explain` asks for, as the command line describes it.

use crate::arguments::Explain;
use anyhow::Context;
use squall_policy::{Identified, Plan, Proxy, wire};
use std::collections::BTreeMap;

/// What the command line says of the proxy; the rest is as each scenario wants it.
struct Told {
    service: Option<String>,
    labels: BTreeMap<String, String>,
}

impl Proxy for Told {
    fn namespace(&mut self) -> Option<String> {
        None
    }

    fn service(&mut self) -> Option<String> {
        self.service.clone()
    }

    fn label(&mut self, name: &str) -> Option<String> {
        self.labels.get(name).cloned()
    }
}

/// The plan of that proxy.
///
/// # Errors
/// When a label has no `=`.
pub fn plan(catalog: &wire::Catalog, mission: &wire::Mission, arguments: &Explain) -> anyhow::Result<Plan> {
    let labels = arguments.label.iter().map(|label| {
        let pair = label.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        pair.with_context(|| format!("{label:?} is no label: write --label name=value"))
    });
    let mut told = Told { service: arguments.service.clone(), labels: labels.collect::<Result<_, _>>()? };
    let mut catalog = catalog.clone();
    for scope in catalog.scenarios.iter_mut().filter_map(|s| s.scope.as_mut()) {
        scope.service = scope.service.take().filter(|_| told.service.is_some());
        scope.labels = scope.labels.take().filter(|_| !told.labels.is_empty());
    }
    Ok(Plan::compile_on(&catalog, mission, &mut Identified { identity: None, node: &mut told }))
}
