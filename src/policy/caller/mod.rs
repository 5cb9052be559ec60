//! Faults that a caller asks for: what stands in the headers of a request, and whether it may be believed.
//! docs/faults/requested.md is the specification; whoever mints tokens in another language follows that.

mod asked;
mod baggage;
mod keys;
mod token;

pub use asked::Asked;
pub(crate) use keys::check;
pub use token::{Callers, MintError, Minted, mint};

/// The header with the fault.
pub const FAULT_HEADER: &str = "x-chaos-fault";
/// The header with the token.
pub const TOKEN_HEADER: &str = "x-chaos-token";
/// The header of W3C Baggage, whose members `chaos` and `chaos-token` are read alike.
pub const BAGGAGE_HEADER: &str = "baggage";

/// Longest fault that is read, in bytes.
pub const LONGEST_FAULT: usize = 512;
/// Longest token: `v1.`, a name, an expiry and 43 digits.
pub const LONGEST_TOKEN: usize = 128;
/// Longest baggage that is read: what W3C Baggage says that everybody passes on.
const LONGEST_BAGGAGE: usize = 8192;

/// Why a request for a fault is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ignored {
    /// It has no token.
    Unsigned,
    /// It, or its token, does not follow its form, or is too long.
    Malformed,
    /// No key that the scenario trusts has signed this text.
    BadSignature,
    /// Its time is over.
    Expired,
    /// It asks for another fault, a longer delay, a slower pace, another status or a longer life than the scenario allows.
    OverLimit,
    /// It is bound to another authority or path.
    OtherTarget,
}

impl Ignored {
    /// Every cause there is.
    pub const ALL: [Self; 6] = [
        Self::Unsigned,
        Self::Malformed,
        Self::BadSignature,
        Self::Expired,
        Self::OverLimit,
        Self::OtherTarget,
    ];

    /// The label of metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Malformed => "malformed",
            Self::BadSignature => "bad_signature",
            Self::Expired => "expired",
            Self::OverLimit => "over_limit",
            Self::OtherTarget => "other_target",
        }
    }
}

/// A fault and its token, as a request carries them; neither is believed yet.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Carried {
    pub fault: Vec<u8>,
    pub token: Option<Vec<u8>>,
}

impl Carried {
    /// From the two headers. `None` for what is no request for a fault: the mark that another Squall has left on a
    /// request (`mark: headers`) has the same name, names kinds of faults alone, and has no token.
    pub(crate) fn in_headers(fault: &[u8], token: Option<&[u8]>) -> Option<Self> {
        let fault = first(fault);
        let token = token.map(|token| up_to(first(token), LONGEST_TOKEN));
        (token.is_some() || fault.contains(&b'=')).then(|| Self { fault: up_to(fault, LONGEST_FAULT), token })
    }

    /// From baggage.
    pub(crate) fn in_baggage(baggage: &[u8]) -> Option<Result<Self, Ignored>> {
        if baggage.len() > LONGEST_BAGGAGE {
            return None;
        }
        let fault = baggage::member(baggage, b"chaos")?;
        let token = baggage::member(baggage, b"chaos-token");
        let fault = fault.map(|fault| up_to(&fault, LONGEST_FAULT));
        let token = token.transpose().map(|token| token.map(|token| up_to(&token, LONGEST_TOKEN)));
        Some(fault.and_then(|fault| Ok(Self { fault, token: token? })))
    }
}

/// The first value of a header that stands there several times: neither of the two has a comma in it.
fn first(value: &[u8]) -> &[u8] {
    value.split(|byte| *byte == b',').next().unwrap_or_default().trim_ascii()
}

/// One byte more than may be, so that what is too long is seen to be so.
fn up_to(text: &[u8], longest: usize) -> Vec<u8> {
    text.get(..=longest).unwrap_or(text).to_vec()
}
