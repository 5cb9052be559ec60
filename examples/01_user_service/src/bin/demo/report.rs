//! The text of the report: what runs, the phases, the ledger, the promises, and what the experiment showed.

use std::{
    io::{IsTerminal, stdout},
    time::Duration,
};

use squall_envoy_tests::{FALSE_ALARM, Interval, LoadReport};
use user_service_example::call_stats::CallStats;

use crate::{
    experiment::Experiment,
    ledger::{Entry, promises},
    mesh::Mesh,
    observation::Observations,
};

pub fn introduction(experiment: &Experiment, mesh: &Mesh, rps: u32) {
    println!(
        "client -> Envoy ingress -> user-service -> Envoy egress with Squall -> auth-service, profile-db"
    );
    println!("{rps} pages per second at http://{}/users/7", mesh.ingress());
    let [id, start, duration] = ["id", "start", "duration"].map(|key| experiment.mission(key));
    println!("mission {id}: starts at {start}, runs for {duration}\n");
}

/// Prints the results; whether every promise was kept.
pub fn results(experiment: &Experiment, loads: &[LoadReport; 3], observations: &Observations) -> bool {
    phase_table(experiment, loads, observations);
    ledger_table(&Entry::of(experiment, &observations.at_end.metrics));
    println!("\nPROMISES");
    let promises = promises(experiment, observations);
    for promise in &promises {
        println!("  {}  {}", mark(promise.kept), promise.text);
    }
    findings(&observations.before_start.calls, &observations.after_deadline.calls);
    let broken = promises.iter().filter(|promise| !promise.kept).count();
    match broken {
        0 => println!("\n{}: the faults came as declared and ended with the mission.", mark(true)),
        _ => println!("\n{}: {broken} of {} promises were broken.", mark(false), promises.len()),
    }
    broken == 0
}

fn phase_table(experiment: &Experiment, loads: &[LoadReport; 3], observations: &Observations) {
    println!("PHASE   seconds  pages    p50 ms    p95 ms    p99 ms        errors  without profile");
    let Observations { before_start, after_deadline, at_end } = observations;
    let lost = [before_start, after_deadline, at_end].map(|snapshot| snapshot.calls.pages_without_profile);
    let lost = [lost[0], lost[1] - lost[0], lost[2] - lost[1]];
    for ((phase, load), lost) in experiment.phases.iter().zip(loads).zip(lost) {
        let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| milliseconds(load.percentile(share)));
        let errors =
            load.samples.iter().filter(|page| page.status().is_none_or(|status| status >= 500)).count();
        println!(
            "{:<6} {:>8} {:>6} {p50:>9.1} {p95:>9.1} {p99:>9.1} {:>13} {:>16}",
            phase.name,
            phase.length().as_secs(),
            load.total(),
            part(errors as u64, load.total()),
            part(lost, load.total()),
        );
    }
}

fn ledger_table(entries: &[Entry]) {
    println!("\nSCENARIO               fault declared matched       injected  95 % interval   alarm bounds");
    for entry in entries {
        let declared = entry.declared;
        println!(
            "{:<22} {:<5} {:>6.1} % {:>7} {:>14}  {:<15} {:<15} {}",
            declared.scenario,
            declared.fault,
            100.0 * declared.share,
            entry.matched,
            part(entry.injected, entry.matched),
            range(entry.interval(0.05)),
            range(entry.interval(FALSE_ALARM)),
            mark(entry.as_declared()),
        );
    }
    println!(
        "By chance a declared rate is outside its 95 % interval in 1 of 20 runs, outside the alarm bounds in 1 of a million."
    );
}

/// What the mission showed about the user-service; the difference of two counts.
fn findings(start: &CallStats, end: &CallStats) {
    let recovered = end.auth_recovered - start.auth_recovered;
    let lost = end.auth_lost - start.auth_lost;
    let late_profiles = end.profile_timeouts - start.profile_timeouts;
    let late_checks = end.auth_timeouts - start.auth_timeouts;
    println!("\nWHAT IT SHOWED");
    println!("  Retries saved {recovered} of {} auth checks that met an abort.", recovered + lost);
    println!(
        "  Auth checks without an answer: {lost} aborted, {late_checks} timed out. Their pages failed (503)."
    );
    println!(
        "  Profile reads cut by the timeout: {late_profiles}. Their pages came without a profile (200)."
    );
}

/// For `--keep`.
pub fn addresses(mesh: &Mesh) {
    println!("\nStill running, until Ctrl-C:");
    println!("  pages    curl -H 'authorization: Bearer demo-token' http://{}/users/7", mesh.ingress());
    println!("  calls    curl http://{}/stats", mesh.user_service());
    println!("  metrics  curl http://{}/stats/prometheus", mesh.admin());
}

/// `46 (3.8 %)`
fn part(count: u64, total: u64) -> String {
    format!("{count} ({:.1} %)", 100.0 * count as f64 / total.max(1) as f64)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn range(interval: Option<Interval>) -> String {
    interval.map_or_else(
        || "-".into(),
        |Interval { low, high }| format!("{:.1} .. {:.1} %", 100.0 * low, 100.0 * high),
    )
}

/// `ok` or `FAILED`; coloured on a terminal, unless NO_COLOR is set (<https://no-color.org>).
fn mark(good: bool) -> String {
    let (text, colour) = if good { ("ok", 32) } else { ("FAILED", 31) };
    let plain =
        !stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if plain { text.into() } else { format!("\x1b[{colour}m{text}\x1b[0m") }
}
