//! What is signed as it travels: a DSSE envelope, the digests in a signed mission, and a signed request.

use super::declare::{object, words};
use super::decode::{Decode, Kind, check_twice, entries, no_check, text};
use super::form::{MissionId, Name, Nonce};
use super::mission::Mission;
use super::scalar::{FormatVersion, Text, Timestamp};
use crate::base64;
use crate::diagnostic::{Code, Report};
use crate::node::Node;

object! {
    /// A DSSE envelope (Dead Simple Signing Envelope, version 1). Unlike there, other keys are refused.
    pub struct Envelope check no_check {
        /// What the payload is: `application/vnd.squall.mission+json` for a mission.
        "payloadType" => payload_type: Text<128> [required],
        /// What was signed, in base64.
        "payload" => payload: Bytes<1, PAYLOAD_LIMIT> [required],
        /// One per signer, at most 8.
        "signatures" => signatures: Vec<EnvelopeSignature> [required],
    }
}

object! {
    /// One signature of an envelope.
    pub struct EnvelopeSignature check no_check {
        /// Name of the operator who signed.
        "keyid" => keyid: Name [required],
        /// Ed25519 signature over `DSSEv1`, type and payload (DSSE's pre-authentication encoding), in base64.
        "sig" => sig: Bytes<64, 64> [required],
    }
}

/// Largest payload of an envelope, in bytes: in base64, it fits into what the control listener takes.
pub(crate) const PAYLOAD_LIMIT: u32 = 180 * 1024;

/// From `MIN` to `MAX` bytes, written as base64 in either alphabet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bytes<const MIN: u32, const MAX: u32>(pub Vec<u8>);

impl<const MIN: u32, const MAX: u32> Decode for Bytes<MIN, MAX> {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        bytes(node, MIN, MAX, report).map(Self)
    }

    fn kind() -> Kind {
        Kind::plain(if MIN == MAX {
            format!("base64 of {MIN} bytes")
        } else {
            format!("base64 of at most {MAX} bytes")
        })
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        super::schema::text::<Self>(
            Some("^[A-Za-z0-9+/_-]*={0,2}$"),
            MAX.div_ceil(3).saturating_mul(4) as usize,
        )
    }
}

/// Out of line, for all lengths.
#[inline(never)]
fn bytes(node: &Node, min: u32, max: u32, report: &mut Report) -> Option<Vec<u8>> {
    let text = text(node, report)?;
    let Some(bytes) = base64::decode(text.as_bytes()) else {
        report.add(
            Code::BadFormat,
            node.at,
            "this is not base64",
            "leave the envelope as `chaosctl sign` wrote it",
        );
        return None;
    };
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    if !(min..=max).contains(&length) {
        let message = format!("{length} bytes of base64, where {min} to {max} are read");
        report.add(Code::OutOfRange, node.at, message, "leave the envelope as `chaosctl sign` wrote it");
        return None;
    }
    Some(bytes)
}

/// Digests of scenarios by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests(pub Vec<(String, String)>);

impl Digests {
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, digest)| digest.as_str())
    }
}

impl Decode for Digests {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let entries = entries(node, report)?;
        check_twice(entries, report);
        let read = entries.iter().map(|entry| {
            report.in_key(&entry.key, |r| {
                let digest = text(&entry.value, r)?;
                let hex = digest.strip_prefix("sha256:").filter(|hex| hex.len() == 64);
                if hex.is_none_or(|hex| !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))) {
                    let hint = "write `sha256:` and 64 digits of 0-9 and a-f";
                    r.add(Code::BadFormat, entry.value.at, "this is not a digest", hint);
                    return None;
                }
                Some((entry.key.clone(), digest.to_owned()))
            })
        });
        let read: Vec<_> = read.collect();
        read.into_iter().collect::<Option<_>>().map(Self)
    }

    fn kind() -> Kind {
        Kind::plain("object of scenario names and digests (`sha256:` and 64 hex digits)")
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        let digest = serde_json::json!({"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"});
        serde_json::json!({"type": "object", "additionalProperties": digest})
    }
}

/// A mission as a plugin configuration has it: plain, or within an envelope, which was opened before this is read.
#[derive(Debug, Clone)]
pub struct Carried(pub Mission);

impl Decode for Carried {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        Mission::decode(node, report).map(Self)
    }

    fn kind() -> Kind {
        Kind {
            label: "Mission, or an envelope with one ([sign-off.md](sign-off.md))".to_owned(),
            ..Mission::kind()
        }
    }

    #[cfg(feature = "docs")]
    fn schema(definitions: &mut super::schema::Definitions) -> serde_json::Value {
        serde_json::json!({"anyOf": [Mission::schema(definitions), Envelope::schema(definitions)]})
    }
}

object! {
    /// A request to the control listener. It travels in an envelope of type `application/vnd.squall.request+json`, and plain
    /// where no operators are configured.
    pub struct Request check no_check {
        /// Format of this request.
        "version" => version: FormatVersion [required],
        /// What to do.
        "action" => action: Action [required],
        /// The mission that is meant; for `release` the one that was halted, absent: whichever it was.
        "mission" => mission: MissionId [optional],
        /// Id of the proxy that is meant (`proxy.id` of its status). Absent: any.
        "proxy" => proxy: Text<256> [optional],
        /// When it was made; the proxy's clock may differ by 60 seconds.
        "time" => time: Timestamp [required],
        /// Random text, another one for each request.
        "nonce" => nonce: Nonce [required],
        /// For those who read the events.
        "reason" => reason: Text<512> [optional],
    }
}

words! {
    /// What a request to the control listener asks for.
    pub enum Action { Stop = "stop", Renew = "renew", Release = "release" }
}
