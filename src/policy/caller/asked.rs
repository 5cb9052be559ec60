//! The text of a fault that a caller asks for: `delay=100ms;abort=503`.

use crate::draw::PPM;
use crate::wire::{self, GrpcCode, HttpStatus};

/// What a text asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub delay_us: Option<u64>,
    pub delay_ppm: Option<u32>,
    pub abort: Option<HttpStatus>,
    pub abort_grpc: Option<GrpcCode>,
    pub abort_ppm: Option<u32>,
    /// Bytes per second of response body.
    pub throttle: Option<u64>,
    pub throttle_ppm: Option<u32>,
    /// Only a request with this authority.
    pub authority: Option<String>,
    /// Only a request whose path begins so.
    pub path: Option<String>,
}

/// Longest delay, as in a catalog.
const LONGEST_DELAY_US: u64 = 3_600_000_000;

impl Asked {
    /// Parts `name=value`, joined by semicolons, each name once. `None` when anything is wrong with it, or when it asks for
    /// nothing: half of an experiment is not the one that was meant.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let visible = |c: char| c == ' ' || c.is_ascii_graphic() && c != ',';
        if !text.chars().all(visible) {
            return None;
        }
        let mut asked = Self::default();
        for part in text.split(';') {
            let (name, value) = part.split_once('=')?;
            let value = value.trim_matches(' ');
            match name.trim_matches(' ') {
                "delay" => once(&mut asked.delay_us, micros(value))?,
                "delay-percent" => once(&mut asked.delay_ppm, ppm(value))?,
                "abort" => once(&mut asked.abort, status(value))?,
                "abort-grpc" => once(&mut asked.abort_grpc, grpc_status(value))?,
                "abort-percent" => once(&mut asked.abort_ppm, ppm(value))?,
                "throttle" => once(&mut asked.throttle, rate(value))?,
                "throttle-percent" => once(&mut asked.throttle_ppm, ppm(value))?,
                "authority" => once(&mut asked.authority, authority(value))?,
                "path" => once(&mut asked.path, path(value))?,
                _ => return None,
            }
        }
        let something = asked.delay_us.is_some() || asked.throttle.is_some() || asked.aborts();
        something.then_some(asked)
    }

    #[must_use]
    pub fn aborts(&self) -> bool {
        self.abort.is_some() || self.abort_grpc.is_some()
    }
}

fn once<T>(place: &mut Option<T>, value: Option<T>) -> Option<()> {
    let fresh = place.is_none();
    *place = Some(value?);
    fresh.then_some(())
}

fn micros(text: &str) -> Option<u64> {
    let us = u64::try_from(humantime::parse_duration(text).ok()?.as_micros()).ok()?;
    Some(us).filter(|us| *us <= LONGEST_DELAY_US)
}

fn status(text: &str) -> Option<HttpStatus> {
    let status = number(text, 3)?;
    (200..=599).contains(&status).then(|| u16::try_from(status).ok().map(HttpStatus)).flatten()
}

fn grpc_status(text: &str) -> Option<GrpcCode> {
    if let Some((code, _)) = (1_u32..).zip(GrpcCode::NAMES).find(|(_, name)| *name == text) {
        return Some(GrpcCode(code));
    }
    number(text, 2).filter(|code| *code >= 1).map(GrpcCode)
}

fn rate(text: &str) -> Option<u64> {
    wire::bytes_of(text.strip_suffix("/s")?).filter(|rate| wire::PACES.contains(rate))
}

/// A percentage with at most four decimals, in parts per million.
fn ppm(text: &str) -> Option<u32> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let scale = [100_000_u32, 10_000, 1000, 100, 10].get(decimals.len()).copied()?;
    // One decimal is a tenth of a percent: 1,000 parts per million.
    let decimals = number(decimals, 4)?.checked_mul(scale)?.checked_div(10)?;
    let ppm = number(whole, 3)?.checked_mul(10_000)?.checked_add(decimals)?;
    Some(ppm).filter(|ppm| *ppm <= PPM)
}

/// A number of at most so many digits.
fn number(text: &str, digits: usize) -> Option<u32> {
    let fits = (1..=digits).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

fn authority(text: &str) -> Option<String> {
    (!text.is_empty() && !text.contains(' ')).then(|| text.to_owned())
}

fn path(text: &str) -> Option<String> {
    (text.starts_with('/') && !text.contains([' ', '?', '#'])).then(|| text.to_owned())
}
