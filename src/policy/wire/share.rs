//! A percentage as text with its unit: the form of every percentage whose key does not carry the unit in its name.

use super::decode::{Decode, Kind, text};
use crate::diagnostic::{Code, Report};
use crate::draw::PPM;
use crate::node::{Node, Plain, Value};

/// Above 0 to 100 %, with at most four decimals; kept in parts per million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(pub u32);

impl Share {
    pub const ALL: Self = Self(PPM);
}

impl Decode for Share {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let hint = "give above 0 to 100 with the sign, such as 10% or 0.5%";
        if let Value::Number(number) = node.value {
            let message = format!("a percentage needs its sign, found the number {}", Plain(number));
            report.add(Code::WrongType, node.at, message, hint);
            return None;
        }
        let text = text(node, report)?;
        let Some(ppm) = ppm(text) else {
            let shown: String = text.chars().take(80).collect();
            let message = format!("{shown:?} is not a percentage with at most four decimals");
            report.add(Code::BadFormat, node.at, message, hint);
            return None;
        };
        if !(1..=PPM).contains(&ppm) {
            report.add(Code::OutOfRange, node.at, format!("{} is out of range", text.trim()), hint);
            return None;
        }
        Some(Self(ppm))
    }

    fn kind() -> Kind {
        Kind::plain("percentage with its sign, above `0%` to `100%`, at most four decimals")
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        super::schema::text::<Self>(Some(r"^\s*[0-9]{1,9}([.][0-9]{1,4})?\s*%\s*$"), 64)
    }
}

/// `12.5 %` in parts per million. Digit by digit: the parser of floating-point numbers would bring 10 KiB into the module.
fn ppm(text: &str) -> Option<u32> {
    let number = text.trim().strip_suffix('%')?.trim_end();
    let (whole, decimals) = number.split_once('.').map_or((number, None), |(w, d)| (w, Some(d)));
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(whole, 9) || !decimals.is_none_or(|decimals| digits(decimals, 4)) {
        return None;
    }
    let all = whole.bytes().chain(decimals.unwrap_or_default().bytes().chain(*b"0000").take(4));
    let ppm = all.fold(0_u64, |sum, digit| {
        sum.saturating_mul(10).saturating_add(u64::from(digit.saturating_sub(b'0')))
    });
    Some(u32::try_from(ppm).unwrap_or(u32::MAX))
}
