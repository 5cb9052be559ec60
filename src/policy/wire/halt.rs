//! The body of a request that halts.

use super::declare::object;
use super::decode::no_check;
use super::scalar::Text;

object! {
    /// Why somebody halts; both are for those who read it later.
    pub struct HaltRequest check no_check {
        /// Why.
        "reason" => reason: Text<512> [optional],
        /// Who.
        "by" => by: Text<128> [optional],
    }
}
