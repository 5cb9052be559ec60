//! All that a run measured, as JSON and as tables. Pure.

use serde::Serialize;

use crate::budget::{self, Budget};
use crate::cost::Cost;
use crate::lateness::Lateness;
use crate::machine::Machine;
use crate::pacing::Pacing;
use crate::spread::Spread;
use crate::startup::Startup;
use crate::table::Table;
use crate::variant::Variant;
use crate::waiting::WaitingMemory;

/// One run. A part that was not asked for is absent.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Where it took place.
    pub machine: Machine,
    /// The whole run in seconds.
    pub seconds: f64,
    /// CPU time that the host of a virtual machine took away during the run, in percent.
    pub stolen_percent: f64,
    /// Worker CPU per request.
    pub cost: Option<Cost>,
    /// How late a delay ends.
    pub lateness: Option<Lateness>,
    /// Size, start-up time, resident memory.
    pub startup: Option<Startup>,
    /// Memory of a waiting request.
    pub waiting: Option<WaitingMemory>,
    /// How evenly a bandwidth is kept.
    pub pacing: Option<Pacing>,
    /// Every budget that could be judged.
    pub budgets: Vec<Budget>,
}

impl Report {
    /// Judges the budgets of the parts that were measured.
    pub fn judge(&mut self) {
        self.budgets = [
            self.cost.as_ref().map(budget::of_cost),
            self.lateness.as_ref().map(budget::of_lateness),
            self.startup.as_ref().map(budget::of_startup),
            self.waiting.as_ref().map(budget::of_waiting),
            self.pacing.as_ref().map(budget::of_pacing),
        ]
        .into_iter()
        .flatten()
        .flatten()
        .collect();
    }

    /// Every table, in Markdown.
    pub fn tables(&self) -> String {
        let parts = [
            Some(self.conditions()),
            self.cost.as_ref().map(|cost| section("Worker CPU per request", cost_table(cost))),
            self.lateness
                .as_ref()
                .map(|late| section("Lateness of a delay of 20 ms, in ms", lateness_table(late))),
            self.startup
                .as_ref()
                .map(|startup| section("Module, start-up and memory", startup_table(startup))),
            self.waiting
                .as_ref()
                .map(|waiting| section("Memory of a waiting request", waiting_table(waiting))),
            self.pacing
                .as_ref()
                .map(|pacing| section("Bandwidth of a response, medians", pacing_table(pacing))),
            (!self.budgets.is_empty()).then(|| section("Budgets", budget_table(&self.budgets))),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
    }

    fn conditions(&self) -> String {
        let machine = &self.machine;
        format!(
            "Envoy {}, {} x {}, Linux {}, {:.0} GiB; load of the machine before the run {:.2}, stolen time {:.1} %; {:.0} s.\n",
            machine.envoy,
            machine.cpus,
            machine.processor,
            machine.kernel,
            machine.memory_gib,
            machine.load_before,
            self.stolen_percent,
            self.seconds
        )
    }
}

fn section(title: &str, table: Table) -> String {
    format!("### {title}\n\n{table}")
}

/// `median (lower quartile to upper quartile)`.
fn with_quartiles(spread: Spread, decimals: usize) -> String {
    format!("{:.decimals$} ({:.decimals$} to {:.decimals$})", spread.median, spread.lower, spread.upper)
}

fn cost_table(cost: &Cost) -> Table {
    let mut table = Table::new([
        "variant",
        "µs, median (quartiles)",
        "min",
        "max",
        "over bare (quartiles)",
        "requests/s",
        "p50 ms",
        "p99 ms",
    ]);
    for row in &cost.rows {
        let cpu = Spread::of(&row.cpu_us);
        let over = cost.over(row.variant, Variant::Bare).unwrap_or_default();
        let [rps, p50, p99] = [&row.rps, &row.p50_ms, &row.p99_ms].map(|values| Spread::of(values).median);
        table.row([
            row.variant.title().to_owned(),
            with_quartiles(cpu, 2),
            format!("{:.2}", cpu.min),
            format!("{:.2}", cpu.max),
            if row.variant == Variant::Bare { String::new() } else { with_quartiles(over, 2) },
            format!("{rps:.0}"),
            format!("{p50:.2}"),
            format!("{p99:.2}"),
        ]);
    }
    table
}

fn lateness_table(lateness: &Lateness) -> Table {
    let headings = ["clock", "waiting", "filter", "requests", "earliest", "median", "p99", "max"];
    let mut table = Table::new(headings).left(3);
    for row in &lateness.rows {
        table.row([
            row.clock.title().to_owned(),
            row.waiting.title(),
            row.filter.title().to_owned(),
            row.requests.to_string(),
            format!("{:+.2}", row.earliest_ms),
            format!("{:+.2}", row.median_ms),
            format!("{:+.2}", row.p99_ms),
            format!("{:+.2}", row.max_ms),
        ]);
    }
    table
}

fn pacing_table(pacing: &Pacing) -> Table {
    let headings = [
        "body",
        "filter",
        "seconds",
        "rate off by",
        "bursts",
        "largest KiB",
        "ahead at most KiB",
        "longest pause ms",
    ];
    let mut table = Table::new(headings).left(2);
    for row in &pacing.rows {
        let median = |values: &[f64]| Spread::of(values).median;
        table.row([
            row.case.title(),
            row.filter.title().to_owned(),
            format!("{:.3}", median(&row.seconds)),
            format!("{:+.1} %", median(&row.off_percent())),
            format!("{:.0}", median(&row.bursts)),
            format!("{:.0}", median(&row.largest_kib)),
            format!("{:.0}", median(&row.ahead_kib)),
            format!("{:.0}", median(&row.pause_ms)),
        ]);
    }
    table
}

fn startup_table(startup: &Startup) -> Table {
    let headings =
        ["module", "KiB", "ready after ms (quartiles)", "over bare", "resident MiB (quartiles)", "over bare"];
    let mut table = Table::new(headings);
    let bare = startup.rows.first().map(|row| (Spread::of(&row.ready_ms), Spread::of(&row.resident_mib)));
    let (bare_ready, bare_resident) = bare.unwrap_or_default();
    for row in &startup.rows {
        let (ready, resident) = (Spread::of(&row.ready_ms), Spread::of(&row.resident_mib));
        let over = |text: String| if row.bytes == 0 { String::new() } else { text };
        table.row([
            row.title.to_owned(),
            over(format!("{:.0}", row.bytes as f64 / 1024.0)),
            with_quartiles(ready, 0),
            over(format!("{:+.0}", ready.median - bare_ready.median)),
            with_quartiles(resident, 1),
            over(format!("{:+.1}", resident.median - bare_resident.median)),
        ]);
    }
    table
}

fn waiting_table(waiting: &WaitingMemory) -> Table {
    let mut table = Table::new(["10,000 requests held by", "bytes each, median", "min", "max"]);
    for row in &waiting.rows {
        let bytes = Spread::of(&row.bytes);
        table.row([
            row.filter.title().to_owned(),
            format!("{:.0}", bytes.median),
            format!("{:.0}", bytes.min),
            format!("{:.0}", bytes.max),
        ]);
    }
    table
}

fn budget_table(budgets: &[Budget]) -> Table {
    let mut table = Table::new(["budget", "limit", "measured", "verdict"]).left(4);
    for budget in budgets {
        table.row([
            budget.what.clone(),
            budget.limit.clone(),
            budget.measured.clone(),
            budget.verdict().to_owned(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::CostRow;
    use crate::lateness::{Clock, Filter, LatenessRow, WAITING};

    fn report() -> Report {
        let row = |variant, cpu_us: [f64; 3]| CostRow {
            variant,
            cpu_us: cpu_us.to_vec(),
            rps: vec![40_000.0],
            p50_ms: vec![0.25],
            p99_ms: vec![0.5],
        };
        let rows = vec![row(Variant::Bare, [18.0, 19.0, 20.0]), row(Variant::SquallIdle, [22.0, 24.0, 24.0])];
        let machine = Machine {
            processor: "CPU".to_owned(),
            cpus: 2,
            kernel: "6".to_owned(),
            memory_gib: 8.0,
            envoy: "1.40.0".to_owned(),
            load_before: 0.1,
        };
        let (lateness, startup, waiting) = (None, None, None);
        Report {
            machine,
            seconds: 7.0,
            stolen_percent: 0.0,
            cost: Some(Cost { rows }),
            lateness,
            startup,
            waiting,
            pacing: None,
            budgets: vec![],
        }
    }

    #[test]
    fn the_cost_table_has_medians_quartiles_and_the_difference_to_bare() {
        let text = report().tables();
        assert!(text.starts_with("Envoy 1.40.0, 2 x CPU, Linux 6, 8 GiB;"), "{text}");
        let line = text.lines().find(|line| line.contains("Squall idle, no mission")).unwrap_or_default();
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        assert_eq!(
            cells[2..8],
            ["24.00 (23.00 to 24.00)", "22.00", "24.00", "4.00 (4.00 to 4.50)", "40000", "0.25"]
        );
        assert!(!text.contains("Lateness") && !text.contains("Budgets"), "{text}");
    }

    #[test]
    fn a_missed_budget_is_shouted_in_the_table_and_kept_in_the_json() {
        let mut report = report();
        report.lateness = Some(Lateness {
            rows: vec![LatenessRow {
                clock: Clock::Precise,
                filter: Filter::Squall,
                waiting: WAITING[2],
                requests: 9,
                earliest_ms: -0.75,
                median_ms: 0.5,
                p99_ms: 1.0,
                max_ms: 2.0,
            }],
        });
        report.judge();
        let text = report.tables();
        assert!(text.contains("| precise | 64 in a loop, 936 held | Squall | "), "{text}");
        let line = text.lines().find(|line| line.contains("earliest end")).unwrap_or_default();
        assert!(line.contains("-0.75 ms") && line.trim_end().ends_with("| OVER    |"), "{line}");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["budgets"][0]["kept"], false);
        assert_eq!(json["cost"]["rows"][1]["variant"], "squall-idle");
    }
}
