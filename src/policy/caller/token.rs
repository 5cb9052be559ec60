//! Tokens: HMAC-SHA-256 (RFC 2104) over the fault, the name of the key and the expiry.
//!
//! A token is a capability: whoever has it may use it, as often as they like, until it expires.

use super::{Ignored, LONGEST_FAULT, LONGEST_TOKEN};
use crate::base64;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;

type HmacSha256 = Hmac<Sha256>;

/// Version of the token, its first part.
const VERSION: &[u8] = b"v1";
/// What every signed text begins with, so that a signature of anything else made with the same key is none of a fault.
const DOMAIN: &[u8] = b"squall-fault-v1";
/// Digits of a signature: 32 bytes in base64.
const SIGNATURE_DIGITS: usize = 43;

/// The keys of those who may ask for faults.
#[derive(Default)]
pub struct Callers(Vec<(String, HmacSha256)>);

impl fmt::Debug for Callers {
    /// The names alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Callers {
    pub fn add(&mut self, name: &str, secret: &[u8]) {
        // A key of any length is one for HMAC.
        if let Ok(mac) = HmacSha256::new_from_slice(secret) {
            self.0.push((name.to_owned(), mac));
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The expiry of a token that signs this fault, seconds since 1970. `trusted` says whose tokens count.
    pub(crate) fn verify(
        &self,
        token: &[u8],
        fault: &[u8],
        trusted: impl Fn(&str) -> bool,
    ) -> Result<u64, Ignored> {
        if token.len() > LONGEST_TOKEN || fault.len() > LONGEST_FAULT {
            return Err(Ignored::Malformed);
        }
        let mut parts = token.split(|byte| *byte == b'.');
        let (Some(VERSION), Some(name), Some(expiry), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Ignored::Malformed);
        };
        let expires = seconds(expiry).ok_or(Ignored::Malformed)?;
        let signature = Some(signature).filter(|digits| digits.len() == SIGNATURE_DIGITS);
        let signature = signature.and_then(base64::decode).ok_or(Ignored::Malformed)?;
        let (_, mac) = self
            .0
            .iter()
            .find(|(known, _)| known.as_bytes() == name && trusted(known))
            .ok_or(Ignored::BadSignature)?;
        // In constant time.
        let genuine = signed(mac.clone(), name, expiry, fault).verify_slice(&signature);
        genuine.map(|()| expires).map_err(|_| Ignored::BadSignature)
    }
}

/// Four lines without a line feed at the end. None of the first three can have one, so no two texts are the same bytes.
fn signed(mut mac: HmacSha256, name: &[u8], expiry: &[u8], fault: &[u8]) -> HmacSha256 {
    for part in [DOMAIN, b"\n", name, b"\n", expiry, b"\n", fault] {
        mac.update(part);
    }
    mac
}

/// Up to twelve digits.
fn seconds(text: &[u8]) -> Option<u64> {
    let digits = (1..=12).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

/// A request for a fault, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minted {
    pub fault: String,
    pub token: String,
}

impl Minted {
    /// The members of `baggage` that say the same.
    #[must_use]
    pub fn baggage(&self) -> String {
        let mut text = String::from("chaos=");
        for byte in self.fault.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(byte.into()),
                other => text.push_str(&format!("%{other:02X}")),
            }
        }
        text + ",chaos-token=" + &self.token
    }
}

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MintError {
    /// The fault is not one that a filter would read.
    Fault,
    /// The expiry has more than twelve digits.
    Expiry,
}

/// Signs a fault. `expires`: seconds since 1970.
pub fn mint(name: &str, secret: &[u8], expires: u64, fault: &str) -> Result<Minted, MintError> {
    // Blanks around a value are none of a header's.
    let fault = fault.trim_ascii();
    if fault.len() > LONGEST_FAULT || super::Asked::parse(fault.as_bytes()).is_none() {
        return Err(MintError::Fault);
    }
    let expiry = expires.to_string();
    seconds(expiry.as_bytes()).ok_or(MintError::Expiry)?;
    let mac = HmacSha256::new_from_slice(secret).map_err(|_| MintError::Fault)?;
    let mac = signed(mac, name.as_bytes(), expiry.as_bytes(), fault.as_bytes());
    let signature = base64::encode(&mac.finalize().into_bytes());
    Ok(Minted { fault: fault.to_owned(), token: format!("v1.{name}.{expiry}.{signature}") })
}
