//! Who a proxy is, and which scenarios are for it. The others are dropped while the configuration is read: they cost the
//! proxy nothing.

use crate::wire;

/// What the host knows about its own proxy. Each is asked for only when a mission or a scenario wants to know.
pub trait Proxy {
    /// The namespace of the workload.
    fn namespace(&mut self) -> Option<String>;
    /// The name of the workload, else of Envoy's node cluster.
    fn service(&mut self) -> Option<String>;
    /// A label of the workload.
    fn label(&mut self, name: &str) -> Option<String>;
    /// What the module does that reads the configuration.
    fn role(&self) -> wire::Role {
        wire::Role::Filter
    }
    /// Whether it is a proxy that stands in some namespace, known or not: false where none in particular is meant.
    fn is_somewhere(&self) -> bool {
        true
    }
    /// An environment variable of the VM.
    fn environment(&mut self, _name: &str) -> Option<String> {
        None
    }
    /// Whether this very mission, known by its digest ([`crate::Approval::digest`]), was accepted here while it could be: then
    /// it may go on after its expiry.
    fn has_accepted(&mut self, _mission: &str, _digest: &[u8; 32]) -> bool {
        false
    }
}

/// A scenario of the mission that is not for this proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dormant {
    pub scenario: String,
    /// What is otherwise here, in words.
    pub because: String,
}

/// The configuration's `identity` first, then what the node says.
pub struct Identified<'i> {
    pub identity: Option<&'i wire::Identity>,
    pub node: &'i mut dyn Proxy,
}

impl Identified<'_> {
    /// Why a scope is for another proxy. What this one does not know of itself is not what the scope wants.
    pub(crate) fn differs(&mut self, scope: &wire::Scope) -> Option<String> {
        let service = scope.service.as_ref().and_then(|wanted| {
            let own = self.identity.and_then(|i| i.service.as_ref()).map(|s| s.0.clone());
            differs("service", &wanted.0, own.or_else(|| self.node.service()))
        });
        service.or_else(|| {
            let labels = scope.labels.as_ref()?;
            labels.0.iter().find_map(|(name, wanted)| {
                let own = self.identity.and_then(|i| i.labels.as_ref()).and_then(|l| l.get(name));
                let own = own.map(ToOwned::to_owned).or_else(|| self.node.label(name));
                differs(&format!("label {name}"), wanted, own)
            })
        })
    }
}

fn differs(what: &str, wanted: &str, own: Option<String>) -> Option<String> {
    match own {
        Some(own) if own == wanted => None,
        Some(own) => Some(format!("{what} is {own:?} here, not {wanted:?}")),
        None => Some(format!("{what} is not known here, and has to be {wanted:?}")),
    }
}
