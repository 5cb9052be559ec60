//! Who may run what: operators, their signatures over missions and requests, and what a signature binds.
//! docs/sign-off.md is the specification.

mod canonical;
mod envelope;
mod mission;
mod nonces;
mod operators;
mod request;

pub use canonical::{digest, digest_text};
pub(crate) use envelope::open;
pub use envelope::{MISSION_TYPE, REQUEST_TYPE, is_envelope, pae};
pub use mission::{Approval, LONGEST_EXPIRY_MS};
pub(crate) use mission::{When, check};
pub use nonces::Nonces;
pub use operators::Operators;
pub use request::{Approved, FRESH_MS, Refused, Wanted, verify_request};
