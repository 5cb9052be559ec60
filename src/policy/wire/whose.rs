//! Whose proxy a scenario is for, and who calls.

use super::declare::object;
use super::decode::{Decode, Kind, check_twice, entries, no_check};
use super::matching::TextMatch;
use super::scalar::Text;
use crate::diagnostic::{Code, Report};
use crate::node::Node;

object! {
    /// Who calls. It needs mutual TLS between the caller and this proxy, as Istio's sidecars have.
    pub struct Source check no_check {
        /// First URI of the caller's certificate, such as `spiffe://cluster.local/ns/shop/sa/web`. A request without one
        /// does not match.
        "principal" => principal: TextMatch [required],
    }
}

/// Labels of a workload: names and values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels(pub Vec<(String, String)>);

/// A prefix of 253 characters, a slash and a name of 63, as Kubernetes has them.
const LONGEST_NAME: usize = 317;

impl Labels {
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Decode for Labels {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let entries = entries(node, report)?;
        check_twice(entries, report);
        if entries.is_empty() {
            report.add(Code::NothingGiven, node.at, "no label is given", "add one, or remove `labels`");
            return None;
        }
        let read: Vec<_> = entries
            .iter()
            .map(|entry| {
                report.in_key(&entry.key, |r| {
                    let visible = entry.key.bytes().all(|b| b.is_ascii_graphic());
                    if entry.key.is_empty() || entry.key.len() > LONGEST_NAME || !visible {
                        let hint = "use a label's name, such as `app.kubernetes.io/name`";
                        r.add(Code::BadFormat, entry.at, "this is not the name of a label", hint);
                    }
                    Text::<256>::decode(&entry.value, r).map(|value| (entry.key.clone(), value.0))
                })
            })
            .collect();
        read.into_iter().collect::<Option<_>>().map(Self)
    }

    fn kind() -> Kind {
        Kind::plain("object of label names and values")
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        serde_json::json!({"type": "object", "additionalProperties": {"type": "string"}})
    }
}
