//! `make bench-guardrails`: how often guardrails halt a mission in which nothing is wrong, and how soon one in which something
//! is. Prints the table of docs/guardrails.md.

mod trial;

use trial::{Setting, many, naive_false_alarms};

const ERRORS: &str = r#"{"metric": "error_rate", "above": "0%", "versus": "control", "confidence": "99.9%"}"#;
const ERRORS_95: &str =
    r#"{"metric": "error_rate", "above": "0%", "versus": "control", "confidence": "95%"}"#;
const LATENCY: &str =
    r#"{"metric": "latency_p95", "above": "0ms", "versus": "control", "confidence": "99.9%"}"#;
const LATENCY_95: &str =
    r#"{"metric": "latency_p95", "above": "0ms", "versus": "control", "confidence": "95%"}"#;
const THRESHOLD: &str = r#"{"metric": "error_rate", "above": "5%", "for": "30s", "min_requests": 50}"#;

fn main() {
    let missions = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(2_000);
    println!("Nothing is wrong:\n");
    println!("| rule | traffic | missions | false alarms |\n|---|---|---|---|");
    for (rule, name) in [
        (ERRORS, "`error_rate` versus control, 99.9%"),
        (ERRORS_95, "the same, 95%"),
        (LATENCY, "`latency_p95` versus control, 99.9%"),
        (LATENCY_95, "the same, 95%"),
        (THRESHOLD, "`error_rate` above 5 % for 30s"),
    ] {
        for (stages, errors) in [(1, 0.01), (4, 0.03)] {
            let setting = Setting { stages, errors, ..Setting::usual(rule) };
            let outcome = many(&setting, missions);
            let percent = errors * 100.0;
            println!("| {name} | {percent} % fail, {stages} stages | {missions} | {} |", outcome.halted);
        }
    }
    let naive = naive_false_alarms(&Setting::usual(ERRORS), missions);
    println!("| a z-test at 99.9 % as if looked at once | 1 % fail, 1 stages | {missions} | {naive} |");
    println!("\nSomething is wrong:\n");
    println!(
        "| rule | what | halted within 10 min | half of them within | 95 % within |\n|---|---|---|---|---|"
    );
    for rps in [100, 1000] {
        for points in [1.0, 5.0, 20.0] {
            let setting =
                Setting { more_errors: points / 100.0, requests_per_second: rps, ..Setting::usual(ERRORS) };
            row(
                "`error_rate` versus control, 99.9%",
                &format!("+{points} points, {rps}/s"),
                &setting,
                missions,
            );
        }
    }
    for ms in [5.0, 20.0, 100.0] {
        let setting = Setting { more_latency_us: ms * 1000.0, ..Setting::usual(LATENCY) };
        row("`latency_p95` versus control, 99.9%", &format!("+{ms} ms, 100/s"), &setting, missions);
    }
    for points in [1.0, 5.0, 20.0] {
        let setting = Setting { more_errors: points / 100.0, ..Setting::usual(THRESHOLD) };
        row("`error_rate` above 5 % for 30s", &format!("1 % +{points} points, 100/s"), &setting, missions);
    }
}

fn row(rule: &str, what: &str, setting: &Setting, missions: usize) {
    let outcome = many(setting, missions.div_ceil(4));
    let share = outcome.halted as f64 * 100.0 / outcome.missions as f64;
    let seconds = |s: Option<u64>| s.map_or("-".to_owned(), |s| format!("{s} s"));
    println!(
        "| {rule} | {what} | {share:.1} % | {} | {} |",
        seconds(outcome.median_s),
        seconds(outcome.p95_s)
    );
}
