//! A mission that was started through the control API, as it came; every filter verifies it for itself (promise P6). It lives
//! in shared data under `squall/order`.

use super::bytes::{Reader, Writer};

/// The last order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Each order has the next number.
    pub serial: u64,
    /// When it came, wall clock, milliseconds since 1970.
    pub wall_ms: u64,
    /// A DSSE envelope or a mission, as JSON.
    pub bytes: Vec<u8>,
}

const FORM: u64 = u64::from_le_bytes(*b"order_v1");

impl Order {
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        Writer::default().word(FORM).word(self.serial).word(self.wall_ms).rest(&self.bytes).done()
    }

    /// `None` for what is no order of this version.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(bytes);
        from.form(FORM)?;
        Some(Self { serial: from.word()?, wall_ms: from.word()?, bytes: from.rest().to_vec() })
    }
}
