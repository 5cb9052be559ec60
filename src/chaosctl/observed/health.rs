//! How requests fared: groups over the whole mission, and their way through time.

use super::read::{count, moment, number, text};
use serde_json::Value;
use std::collections::BTreeMap;

/// A group over the whole mission.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    pub name: String,
    pub requests: u64,
    pub errors: u64,
    /// Left out of the other numbers, because Squall's own fault ended them.
    pub ended_by_squall: u64,
    /// p50, p95, p99 in milliseconds.
    pub latency_ms: [Option<f64>; 3],
}

/// A group between two points in time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    pub requests: u64,
    pub errors: u64,
    pub latency_ms: [Option<f64>; 3],
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    pub at_ms: u64,
    pub control: Summary,
    pub treatment: Summary,
}

fn latency(value: &Value) -> [Option<f64>; 3] {
    ["/p50_ms", "/p95_ms", "/p99_ms"].map(|key| number(value, key).filter(|ms| *ms >= 0.0))
}

fn percent(errors: u64, requests: u64) -> Option<f64> {
    (requests > 0).then(|| (errors as f64 * 100.0 / requests as f64).min(100.0))
}

impl Group {
    pub fn read(value: &Value) -> Option<Self> {
        Some(Self {
            name: text(value, "/group")?,
            requests: count(value, "/requests").unwrap_or(0),
            errors: count(value, "/errors").unwrap_or(0),
            ended_by_squall: count(value, "/ended_by_squall").unwrap_or(0),
            latency_ms: latency(value),
        })
    }

    #[must_use]
    pub fn error_percent(&self) -> Option<f64> {
        percent(self.errors, self.requests)
    }

    /// The group of several proxies: counts add up; of percentiles, which do not, the worst.
    pub fn add(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.errors = self.errors.saturating_add(other.errors);
        self.ended_by_squall = self.ended_by_squall.saturating_add(other.ended_by_squall);
        self.latency_ms = worst(self.latency_ms, other.latency_ms);
    }
}

impl Summary {
    fn read(value: &Value) -> Self {
        Self {
            requests: count(value, "/requests").unwrap_or(0),
            errors: count(value, "/errors").unwrap_or(0),
            latency_ms: latency(value),
        }
    }

    #[must_use]
    pub fn error_percent(&self) -> Option<f64> {
        percent(self.errors, self.requests)
    }

    /// As [`Group::add`].
    pub fn add(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.errors = self.errors.saturating_add(other.errors);
        self.latency_ms = worst(self.latency_ms, other.latency_ms);
    }
}

fn worst(a: [Option<f64>; 3], b: [Option<f64>; 3]) -> [Option<f64>; 3] {
    let [a50, a95, a99] = a;
    let [b50, b95, b99] = b;
    // An unknown one is less than any other.
    [(a50, b50), (a95, b95), (a99, b99)].map(|(a, b)| if a > b { a } else { b })
}

impl Point {
    pub fn read(value: &Value) -> Option<Self> {
        let side = |key: &str| value.get(key).map(Summary::read).unwrap_or_default();
        Some(Self { at_ms: moment(value, "/at")?, control: side("control"), treatment: side("treatment") })
    }
}

/// The way of several proxies, point by point of the same moment.
#[must_use]
pub fn merged<'p>(all: impl Iterator<Item = &'p [Point]>) -> Vec<Point> {
    let mut moments: BTreeMap<u64, Point> = BTreeMap::new();
    for point in all.flatten() {
        let both = moments.entry(point.at_ms).or_insert(Point { at_ms: point.at_ms, ..Point::default() });
        both.control.add(&point.control);
        both.treatment.add(&point.treatment);
    }
    moments.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn counts_of_proxies_add_up_and_the_worst_percentile_stays() {
        let point = |at: &str, p95: Option<f64>| {
            let side = json!({"requests": 10, "errors": 1, "p95_ms": p95});
            Point::read(&json!({"at": at, "treatment": side})).expect("a point")
        };
        let a = [point("2026-01-01T00:00:00Z", Some(5.0)), point("2026-01-01T00:00:01Z", None)];
        let b = [point("2026-01-01T00:00:01Z", Some(9.0))];
        let both = merged([&a[..], &b[..]].into_iter());
        let treatment: Vec<(u64, Option<f64>)> =
            both.iter().map(|point| (point.treatment.requests, point.treatment.latency_ms[1])).collect();
        assert_eq!(treatment, [(10, Some(5.0)), (20, Some(9.0))]);
        assert_eq!(both[1].treatment.error_percent(), Some(10.0));
        assert_eq!(both[1].control.error_percent(), None);
    }
}
