//! Who this proxy is, as Envoy's node says: Istio puts workload, namespace and labels into its metadata.

use crate::{accepted, host};
use squall_policy::Proxy;

/// The node of this Envoy.
pub struct Node;

impl Proxy for Node {
    fn namespace(&mut self) -> Option<String> {
        read(&["metadata", "NAMESPACE"])
    }

    fn service(&mut self) -> Option<String> {
        read(&["metadata", "WORKLOAD_NAME"]).or_else(|| read(&["cluster"]))
    }

    fn label(&mut self, name: &str) -> Option<String> {
        read(&["metadata", "LABELS", name])
    }

    fn environment(&mut self, name: &str) -> Option<String> {
        host::variable(name).ok().flatten()
    }

    fn has_accepted(&mut self, mission: &str, digest: &[u8; 32]) -> bool {
        accepted::is_kept(mission, digest)
    }
}

/// `xds.node` since Envoy 1.29, `node` before.
fn read(path: &[&str]) -> Option<String> {
    let of = |root: &[&str]| host::property(&[root, path].concat()).ok().flatten();
    let bytes = of(&["xds", "node"]).or_else(|| of(&["node"]))?;
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}
