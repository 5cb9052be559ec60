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

/// For so long an order may be on its way to the filters, in milliseconds. Until then it counts as under way, and after it no
/// filter begins it: whoever ordered it has long gone on.
const ON_ITS_WAY_MS: u64 = 3_000;

impl Order {
    /// Whether it may still begin a mission. A clock that was set since, either way, says no.
    #[must_use]
    pub fn may_begin(&self, now_ms: u64) -> bool {
        now_ms.abs_diff(self.wall_ms) < ON_ITS_WAY_MS
    }

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
