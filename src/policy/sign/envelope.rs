//! DSSE envelopes: opening them, and whose signatures they carry.

use super::Operators;
use crate::diagnostic::{Code, Level, Report};
use crate::node::{Node, Value};
use crate::plugin::load_json;
use crate::wire::{Decode, Envelope, Operator};
use ed25519_dalek::Signature;

/// The payload type of a mission.
pub const MISSION_TYPE: &str = "application/vnd.squall.mission+json";
/// The payload type of a request to the control listener.
pub const REQUEST_TYPE: &str = "application/vnd.squall.request+json";

/// Most signatures of one envelope.
const MOST_SIGNATURES: usize = 8;

/// How a mission came.
#[derive(Debug)]
pub(crate) enum Carrier {
    Plain,
    Signed(Envelope),
    /// In an envelope that could not be opened; what is wrong with it has been reported.
    Broken,
}

/// Whether this is an envelope, or would like to be one.
#[must_use]
pub fn is_envelope(node: &Node) -> bool {
    ["payloadType", "payload", "signatures"].iter().any(|key| node.get(key).is_some())
}

/// What is signed (DSSE's pre-authentication encoding): type and payload with their lengths.
#[must_use]
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// Puts the mission of a signed one in the place of its envelope.
pub(crate) fn open(plugin: &mut Node, report: &mut Report) -> Carrier {
    let Value::Object(entries) = &mut plugin.value else { return Carrier::Plain };
    let Some(place) = entries.iter().position(|entry| entry.key == "mission") else { return Carrier::Plain };
    let Some(entry) = entries.get_mut(place).filter(|entry| is_envelope(&entry.value)) else {
        return Carrier::Plain;
    };
    match report.in_key("mission", |r| open_as(&entry.value, MISSION_TYPE, r)) {
        Some((envelope, payload)) => {
            entry.value = payload;
            Carrier::Signed(envelope)
        }
        None => {
            entries.remove(place);
            Carrier::Broken
        }
    }
}

/// An envelope as it came over the wire: with its payload, and the envelope itself where there is one. A plain payload is
/// given back as it is.
pub(crate) fn open_bytes(
    bytes: &[u8],
    payload_type: &str,
    report: &mut Report,
) -> Option<(Option<Envelope>, Node)> {
    let node = load_json(bytes, report)?;
    if !is_envelope(&node) {
        return Some((None, node));
    }
    open_as(&node, payload_type, report).map(|(envelope, payload)| (Some(envelope), payload))
}

fn open_as(node: &Node, payload_type: &str, report: &mut Report) -> Option<(Envelope, Node)> {
    let envelope = Envelope::decode(node, report)?;
    if envelope.payload_type.0 != payload_type {
        let message = format!("the envelope holds {:?}", envelope.payload_type.0);
        let hint = format!("what is read here is {payload_type:?}");
        report.add_below("payloadType", None, (Code::WrongPayloadType, node.at), &message, &hint);
        return None;
    }
    let count = envelope.signatures.len();
    if count > MOST_SIGNATURES {
        let message = format!("{count} signatures, where {MOST_SIGNATURES} are read");
        let hint = "remove those that nobody asks for";
        report.add_below("signatures", None, (Code::OutOfRange, node.at), &message, hint);
        return None;
    }
    let payload = report.in_key("payload", |r| load_json(&envelope.payload.0, r))?;
    Some((envelope, payload))
}

/// Who signed. `None` when any of the signatures is not one that counts, which is reported.
pub(crate) fn signers<'o>(
    envelope: &Envelope,
    operators: &'o Operators,
    report: &mut Report,
) -> Option<Vec<&'o Operator>> {
    let errors = report.count(Level::Error);
    let signed = pae(&envelope.payload_type.0, &envelope.payload.0);
    let mut signers: Vec<&Operator> = Vec::new();
    for (index, signature) in envelope.signatures.iter().enumerate() {
        let name = signature.keyid.0.as_str();
        let mut earlier = envelope.signatures.iter().take(index);
        let (code, message, hint) = match operators.get(name) {
            _ if earlier.any(|earlier| earlier.keyid.0 == name) => {
                (Code::SignedTwice, "has signed twice", "somebody else has to approve")
            }
            Some(operator) if operator.has_signed(&signed, &signature.sig.0) => {
                signers.push(operator);
                continue;
            }
            Some(_) => (
                Code::BadSignature,
                "has not signed this payload, as it is now, with the key that is known here",
                "sign it anew; `operators` says which keys are known",
            ),
            None => (
                Code::UnknownOperator,
                "is no operator of this proxy",
                "remove the signature, or add the operator to `operators`",
            ),
        };
        report.add_below("signatures", Some(index), (code, None), &format!("`{name}` {message}"), hint);
    }
    (report.count(Level::Error) == errors).then_some(signers)
}

impl Operator {
    /// Whether this is the operator's signature of these bytes. Strictly: there is one way to write a signature, and no point of
    /// small order in it.
    #[must_use]
    pub fn has_signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.0.verify_strict(bytes, &signature).is_ok())
    }
}
