//! Lines side by side, point by point: tables of percentiles, and the intensity over the time of a mission.

use super::change::{Verdict, quantity};
use super::compare::Both;
use squall_policy::{Node, Value};

/// Of two delays the longer one is the one that is nowhere shorter.
pub fn percentiles((old, new): Both<'_>) -> (Verdict, String) {
    let (Some(a), Some(b)) = (old.and_then(points), new.and_then(points)) else {
        return (Verdict::Unclear, "values that cannot be compared".to_owned());
    };
    let places = a.iter().chain(&b).map(|(at, _)| *at);
    let both: Vec<(f64, f64)> = places.map(|at| (value(&a, at), value(&b, at))).collect();
    told(
        &both,
        ("no delay shorter than before", "no delay longer than before", "longer here and shorter there"),
    )
}

/// `p95: 1s` as 95 and 1000, from 0 up.
fn points(table: &Node) -> Option<Vec<(f64, f64)>> {
    let Value::Object(entries) = &table.value else { return None };
    let mut points = Vec::new();
    for entry in entries {
        let digits = entry.key.strip_prefix('p')?;
        let at: f64 = if digits == "999" { 99.9 } else { digits.parse().ok()? };
        points.push((at, quantity(&entry.value)?));
    }
    points.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    if points.first().is_none_or(|(at, _)| *at > 0.0) {
        points.insert(0, (0.0, 0.0));
    }
    Some(points)
}

/// As a proxy draws it: linear between the points, and flat after the last.
fn value(points: &[(f64, f64)], at: f64) -> f64 {
    let mut before = (0.0, 0.0);
    for &(place, value) in points {
        if place >= at {
            let span = place - before.0;
            let share = if span > 0.0 { (at - before.0) / span } else { 1.0 };
            return before.1 + (value - before.1) * share;
        }
        before = (place, value);
    }
    before.1
}

/// The intensity in percent at each moment of the mission's time.
pub fn intensities(old: &Node, new: &Node) -> (Verdict, String) {
    let (a, b) = (steps(old), steps(new));
    let mut moments: Vec<f64> = a.iter().chain(&b).map(|(at, _)| *at).collect();
    moments.sort_by(f64::total_cmp);
    let at = |steps: &[(f64, f64)], moment: f64| {
        steps.iter().rev().find(|(from, _)| *from <= moment).map_or(0.0, |(_, share)| *share)
    };
    let both: Vec<(f64, f64)> = moments.iter().map(|moment| (at(&a, *moment), at(&b, *moment))).collect();
    let (verdict, why) = told(
        &both,
        (
            "a higher intensity at some time, at none a lower one",
            "a lower intensity at some time, at none a higher one",
            "a higher intensity at one time, a lower one at another",
        ),
    );
    (verdict, if verdict == Verdict::Same { "the same intensities, in other words".to_owned() } else { why })
}

/// From when on which intensity holds.
fn steps(mission: &Node) -> Vec<(f64, f64)> {
    let ms = |name: &str| mission.get(name).and_then(quantity).unwrap_or(0.0);
    let (mut from, end) = (ms("baseline"), ms("duration"));
    let stages = mission.get("stages").and_then(Node::list).unwrap_or_default();
    let mut steps = Vec::new();
    if stages.is_empty() {
        steps.push((from, 100.0));
    }
    for stage in stages {
        steps.push((from, stage.get("intensity").and_then(quantity).unwrap_or(100.0)));
        from = stage.get("for").and_then(quantity).map_or(end, |lasts| (from + lasts).min(end));
    }
    steps.push((end, 0.0));
    steps
}

fn told(both: &[(f64, f64)], (more, less, mixed): (&str, &str, &str)) -> (Verdict, String) {
    let is_more = both.iter().any(|(a, b)| b > a);
    let is_less = both.iter().any(|(a, b)| b < a);
    match (is_more, is_less) {
        (false, false) => (Verdict::Same, String::new()),
        (true, false) => (Verdict::Wider, more.to_owned()),
        (false, true) => (Verdict::Narrower, less.to_owned()),
        (true, true) => (Verdict::Unclear, mixed.to_owned()),
    }
}
