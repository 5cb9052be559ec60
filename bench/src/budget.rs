//! The budgets of the design, judged by what a run measured. Pure.

use serde::Serialize;

use crate::cost::Cost;
use crate::lateness::{Clock, Filter, Lateness, WAITING};
use crate::pacing::Pacing;
use crate::spread::Spread;
use crate::startup::Startup;
use crate::variant::Variant;
use crate::waiting::WaitingMemory;

/// What reading one header that is there costs the host, in microseconds: 0.8 to 1.1.
const HEADER_READ_US: f64 = 1.1;
/// The most that a delay may end before its time, in milliseconds.
const EARLY_MS: f64 = 0.5;
const MODULE_KIB: f64 = 640.0;
const WAITING_BYTES: f64 = 1024.0;
/// How far a throttled response may be from its bandwidth, in percent.
const OFF_PERCENT: f64 = 2.0;
/// How much the p99 may exceed the C++ filter's with the default clock, in milliseconds.
const BEHIND_NATIVE_MS: f64 = 2.0;

/// What a missed budget does to the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// It fails the run: no noise explains it.
    Fails,
    /// It is printed; it fails the run only with `--strict`, because a busy machine can cause it.
    Told,
}

/// One budget and what was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Budget {
    /// What is limited.
    pub what: String,
    /// The limit, with its unit.
    pub limit: String,
    /// The measured value, with its unit.
    pub measured: String,
    /// Whether the limit is kept.
    pub kept: bool,
    /// Whether the limit lies between the quartiles of the measured values: another run may judge otherwise.
    pub close: bool,
    /// What it means when it is not.
    pub weight: Weight,
}

impl Budget {
    /// `ok` or `OVER`, and whether the spread of the run leaves a doubt.
    pub fn verdict(&self) -> &'static str {
        match (self.kept, self.close) {
            (true, false) => "ok",
            (true, true) => "ok, within the spread",
            (false, false) => "OVER",
            (false, true) => "OVER, within the spread",
        }
    }
}

/// Whether a run with these budgets has failed.
pub fn failed(budgets: &[Budget], strict: bool) -> bool {
    budgets.iter().any(|budget| !budget.kept && (strict || budget.weight == Weight::Fails))
}

/// The budgets of the cost table, of those variants that were measured.
pub fn of_cost(cost: &Cost) -> Vec<Budget> {
    let mut budgets = Vec::new();
    for idle in [Variant::SquallIdle, Variant::SquallDisabled] {
        budgets.extend(cost.over(idle, Variant::Empty).map(|over| {
            told(format!("{}, over the empty SDK filter", idle.title()), 0.0, over, "at most 0 µs")
        }));
    }
    budgets.extend(cost.over(Variant::SquallArmed1, Variant::SquallIdle).map(|over| {
        let limit = format!("at most {HEADER_READ_US} µs (one header read)");
        told("armed, no match, over idle".to_owned(), HEADER_READ_US, over, &limit)
    }));
    budgets.extend(thousand_beside_one(cost));
    budgets
}

fn told(what: String, limit: f64, over: Spread, limit_text: &str) -> Budget {
    Budget {
        what,
        limit: limit_text.to_owned(),
        measured: format!("{:+.2} µs ({:+.2} to {:+.2})", over.median, over.lower, over.upper),
        kept: over.median <= limit,
        close: (over.lower..over.upper).contains(&limit),
        weight: Weight::Told,
    }
}

/// The filter's own costs are compared, not those of the whole request: that is the stricter reading.
fn thousand_beside_one(cost: &Cost) -> Option<Budget> {
    let one = cost.over(Variant::SquallArmed1, Variant::Bare)?.median;
    let thousand = cost.over(Variant::SquallArmed1000, Variant::Bare)?.median;
    let more = (thousand / one - 1.0) * 100.0;
    Some(Budget {
        what: "1,000 scenarios beside 1, each over bare Envoy".to_owned(),
        limit: "at most 10 % more".to_owned(),
        measured: format!("{more:+.1} % ({thousand:.2} beside {one:.2} µs)"),
        kept: thousand - one <= 0.1 * one,
        close: false,
        weight: Weight::Told,
    })
}

/// The budgets of the lateness table.
pub fn of_lateness(lateness: &Lateness) -> Vec<Budget> {
    let earliest = lateness.rows.iter().filter(|row| row.filter == Filter::Squall).map(|row| row.earliest_ms);
    let earliest = earliest.fold(f64::INFINITY, f64::min);
    let mut budgets = vec![Budget {
        what: "earliest end of a delay, both clocks, any number waiting".to_owned(),
        limit: format!("never more than {EARLY_MS} ms early"),
        measured: format!("{earliest:+.2} ms"),
        kept: earliest >= -EARLY_MS,
        close: false,
        weight: Weight::Fails,
    }];
    if let Some(row) = lateness.row(Clock::Precise, Filter::Squall, WAITING[1]) {
        for (what, value, limit) in [("median", row.median_ms, 1.0), ("p99", row.p99_ms, 3.0)] {
            budgets.push(Budget {
                what: format!("{what} lateness, precise clock, 64 waiting"),
                limit: format!("at most {limit} ms"),
                measured: format!("{value:.2} ms"),
                kept: value <= limit,
                close: false,
                weight: Weight::Told,
            });
        }
    }
    // A thousand in a loop saturate the worker: what is late then is the queue before it, not the timer.
    let not_saturated = WAITING.into_iter().filter(|waiting| waiting.looping <= 64);
    budgets.extend(not_saturated.filter_map(|waiting| {
        let [native, squall] = Filter::BOTH.map(|filter| lateness.row(Clock::Default, filter, waiting));
        let (native, squall) = (native?.p99_ms, squall?.p99_ms);
        Some(Budget {
            what: format!("p99 lateness, default clock, {}", waiting.title()),
            limit: format!("at most {BEHIND_NATIVE_MS} ms over the C++ filter's"),
            measured: format!("{:+.2} ms ({squall:.2} beside {native:.2} ms)", squall - native),
            kept: squall - native <= BEHIND_NATIVE_MS,
            close: false,
            weight: Weight::Told,
        })
    }));
    budgets
}

/// The budget of the module's size.
pub fn of_startup(startup: &Startup) -> Vec<Budget> {
    let squall = startup.rows.iter().find(|row| row.title.starts_with("Squall"));
    let module = squall.map(|row| {
        let kibibytes = row.bytes as f64 / 1024.0;
        Budget {
            what: "size of the module".to_owned(),
            limit: format!("at most {MODULE_KIB} KiB"),
            measured: format!("{kibibytes:.0} KiB"),
            kept: kibibytes <= MODULE_KIB,
            close: false,
            weight: Weight::Fails,
        }
    });
    module.into_iter().collect()
}

/// The budget of a waiting request: what Squall needs beyond the C++ filter, which stands for Envoy's own stream.
pub fn of_waiting(waiting: &WaitingMemory) -> Vec<Budget> {
    let [native, squall] = waiting.rows.each_ref().map(|row| Spread::of(&row.bytes).median);
    vec![Budget {
        what: "memory of a waiting request, over the C++ filter's".to_owned(),
        limit: format!("under {WAITING_BYTES} B"),
        measured: format!("{:+.0} B ({squall:.0} beside {native:.0} B)", squall - native),
        kept: squall - native < WAITING_BYTES,
        close: false,
        weight: Weight::Told,
    }]
}

/// The budget of the bandwidth: the worst case's median.
pub fn of_pacing(pacing: &Pacing) -> Vec<Budget> {
    let squall = pacing.rows.iter().filter(|row| row.filter == Filter::Squall);
    let off = squall.map(|row| Spread::of(&row.off_percent()).median);
    let worst = off.max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or_default();
    vec![Budget {
        what: "average bandwidth of a throttled response".to_owned(),
        limit: format!("within {OFF_PERCENT} % of the declared one"),
        measured: format!("{worst:+.2} %"),
        kept: worst.abs() <= OFF_PERCENT,
        close: false,
        weight: Weight::Told,
    }]
}

#[cfg(test)]
mod tests;
