//! `render stat-tags`: what makes Istio's proxies turn the tags in the names of Squall's stats into labels.

use super::template::{list, object, text};
use crate::arguments::{Format, RenderStatTags};
use crate::terminal;
use crate::{Outcome, emit};

/// The tags. None may be the end of another: Istio's expressions are not anchored.
const STAT_TAGS: [&str; 8] = [
    "chaos_scenario",
    "chaos_fault",
    "chaos_group",
    "chaos_code_class",
    "chaos_cause",
    "chaos_namespace",
    "chaos_result",
    "chaos_reason",
];

const POD_HEAD: &str = "Labels of Squall's metrics, for the pods of one workload, which restart:\n\
    `kubectl patch deployment -n NAMESPACE NAME --patch-file FILE`. Written by `chaosctl render stat-tags`.";

const MESH_HEAD: &str = "Labels of Squall's metrics, for every proxy of the mesh: values for istiod, as in\n\
    `helm upgrade istiod istio/istiod -n istio-system --reuse-values -f FILE`. Pods take them over when they restart.\n\
    Written by `chaosctl render stat-tags --mesh`.";

/// # Errors
/// When nothing can be written.
pub fn run(arguments: &RenderStatTags) -> anyhow::Result<Outcome> {
    let (tree, head) = if arguments.mesh {
        let config = object([("defaultConfig", object([("extraStatTags", list(STAT_TAGS.map(text)))]))]);
        (object([("meshConfig", config)]), MESH_HEAD)
    } else {
        let annotation = object([("sidecar.istio.io/extraStatTags", text(STAT_TAGS.join(",")))]);
        let template = object([("metadata", object([("annotations", annotation)]))]);
        (object([("spec", object([("template", template)]))]), POD_HEAD)
    };
    let comments: &emit::Comments<'_> = if arguments.output == Format::Yaml { &[("", head)] } else { &[] };
    terminal::print(&emit::file(&tree, arguments.output, comments)?)?;
    Ok(Outcome::Fine)
}
