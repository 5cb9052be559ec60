//! Signed missions: taking them out of their envelopes, and putting them in.

use crate::key_file::{KeyFile, standard};
use crate::reader;
use crate::source::Source;
use ed25519_dalek::Signer;
use squall_policy::wire::{self, Decode};
use squall_policy::{Code, Entry, MISSION_TYPE, Node, Report, Value, is_envelope, pae};

/// A signed mission.
pub struct Sealed {
    pub envelope: wire::Envelope,
    /// As a plugin configuration carries it.
    pub node: Node,
}

impl Source {
    /// Opens the envelope of a signed mission: from then on this source is the mission itself. `None` for a plain one, and
    /// for an envelope that cannot be opened, which is a finding.
    pub fn unseal(&mut self) -> Option<Sealed> {
        let node = self.node.take_if(|node| is_envelope(node))?;
        let mut report = Report::default();
        let envelope = wire::Envelope::decode(&node, &mut report);
        if let Some(envelope) = envelope.as_ref().filter(|envelope| envelope.payload_type.0 != MISSION_TYPE) {
            let message = format!("the envelope holds {:?}", envelope.payload_type.0);
            let hint = format!("a signed mission is {MISSION_TYPE:?}");
            report.in_key("payloadType", |r| r.add(Code::WrongPayloadType, node.at, message, hint));
        }
        let envelope = envelope.filter(|_| !report.has_errors());
        if let Some(envelope) = &envelope {
            self.name += " (payload)";
            self.text = reader::decode(&envelope.payload.0, &mut report);
            self.node = reader::read(&self.text, &mut report);
        }
        self.add(report);
        Some(Sealed { envelope: envelope?, node })
    }
}

/// An envelope with one more signature than those that are there.
pub fn sealed(
    kind: &str,
    payload: &[u8],
    signatures: &[wire::EnvelopeSignature],
    signer: &KeyFile,
    name: &str,
) -> Node {
    let own = signer.key.sign(&pae(kind, payload)).to_bytes();
    let there = signatures.iter().map(|signature| (signature.keyid.0.as_str(), signature.sig.0.as_slice()));
    let signatures = there
        .chain([(name, own.as_slice())])
        .map(|(keyid, sig)| object([("keyid", text(keyid)), ("sig", text(&standard(sig)))]));
    object([
        ("payloadType", text(kind)),
        ("payload", text(&standard(payload))),
        ("signatures", Value::List(signatures.collect()).into()),
    ])
}

pub fn text(text: &str) -> Node {
    Value::Text(text.to_owned()).into()
}

pub fn object<const N: usize>(entries: [(&str, Node); N]) -> Node {
    let entries = entries.map(|(key, value)| Entry { key: key.to_owned(), at: None, value });
    Value::Object(entries.into()).into()
}
