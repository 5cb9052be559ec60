//! The plugin configuration's keys about sign-off: who may sign, how many have to, and where nothing ever runs.

use super::catalog::Severity;
use super::declare::{object, words};
use super::decode::{Decode, Kind, no_check, text};
use super::form::{Name, NamespacePattern};
use super::scalar::FormatVersion;
use super::whole::Whole;
use crate::base64;
use crate::diagnostic::{Code, Report};
use crate::node::Node;
use ed25519_dalek::VerifyingKey;

object! {
    /// A person, or a pipeline, whose signatures count.
    pub struct Operator check no_check {
        /// Name of the operator, which the signatures carry as their `keyid`.
        "name" => name: Name [required],
        /// Public key (`chaosctl keygen` makes a pair and prints it). No two operators have the same one.
        "key" => key: PublicKey [required],
        /// What the operator may do. A mission needs one among its signers who may `start` it; the others may `approve`.
        "may" => may: Vec<Permission> [required],
        /// Highest severity of missions that the operator may start, approve, renew or release; everything may be stopped.
        "up_to" => up_to: Severity [required],
    }
}

object! {
    /// The file that `chaosctl` reads operators from (`--operators`), with the same keys as the plugin configuration.
    pub struct OperatorsFile check no_check {
        /// Format of this file.
        "version" => version: FormatVersion [required],
        /// Whose signatures count.
        "operators" => operators: Vec<Operator> [required],
        /// How many operators have to sign. Absent: the defaults of its keys.
        "sign_off" => sign_off: SignOff [optional],
        /// Namespaces whose missions are refused, whoever signed them.
        "deny_namespaces" => deny_namespaces: Vec<NamespacePattern> [optional],
    }
}

words! {
    /// What an operator may do.
    pub enum Permission { Start = "start", Approve = "approve", Stop = "stop", Renew = "renew", Release = "release" }
}

object! {
    /// How many distinct operators have to sign a mission, by the highest severity among its scenarios. Can only be raised; a
    /// severity never needs fewer than a lower one.
    pub struct SignOff check no_check {
        /// For `low`.
        "low" => low: Whole<0, 8> [default "0" = Whole(0)],
        /// For `medium`.
        "medium" => medium: Whole<1, 8> [default "1" = Whole(1)],
        /// For `high`.
        "high" => high: Whole<2, 8> [default "2" = Whole(2)],
        /// For `critical`.
        "critical" => critical: Whole<2, 8> [default "2" = Whole(2)],
    }
}

/// An Ed25519 public key that is the one way to write a point of large order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(pub VerifyingKey);

impl Decode for PublicKey {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let bytes = base64::decode(text(node, report)?.as_bytes());
        let Some(bytes) = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) else {
            let hint = "copy the `key` that `chaosctl keygen` printed";
            report.add(Code::BadFormat, node.at, "this is not base64 of 32 bytes", hint);
            return None;
        };
        // A point of small order verifies signatures that nobody made. A point with a second way to write it could
        // stand under two names.
        let key = VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak());
        let key = key.filter(|key| key.to_edwards().compress().as_bytes() == &bytes);
        if key.is_none() {
            let hint = "make a new pair with `chaosctl keygen`";
            report.add(Code::WeakKey, node.at, "no Ed25519 key pair has this public key", hint);
        }
        key.map(Self)
    }

    fn kind() -> Kind {
        Kind::plain("base64 of an Ed25519 public key (32 bytes)")
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        super::schema::text::<Self>(Some("^[A-Za-z0-9+/_-]{43}=?$"), 44)
    }
}
