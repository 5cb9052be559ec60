//! `make bench`: measures what Squall costs, beside bare Envoy, its own fault filter and an empty filter, in one run.

mod budget;
mod cost;
mod document;
mod error;
mod generator;
mod lateness;
mod machine;
mod module;
mod options;
mod pacing;
mod progress;
mod report;
mod spread;
mod startup;
mod table;
mod variant;
mod waiting;
mod worker;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use error::Result;
use machine::{CpuTotals, Cpus, Machine};
use module::Modules;
use options::{Options, Part, Plan};
use progress::progress;
use report::Report;

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(report) if budget::failed(&report.budgets, options.strict) => ExitCode::from(1),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<Report> {
    let plan = options.plan()?;
    if let Some(file) = &options.markdown {
        document::check(file)?;
    }
    let machine = Machine::describe();
    if machine.load_before > 0.5 {
        progress(format!("the machine is busy (load {:.1}): expect wide spreads", machine.load_before));
    }
    // Before the runtime starts a thread, so that all of them inherit the CPU.
    let cpus = Cpus::claim()?;
    if !cpus.separate() {
        progress("one CPU only: load and Envoy share it, so compare variants and trust no rate");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(measure(&plan, machine, &cpus))?;
    println!("{}", report.tables());
    for missed in report.budgets.iter().filter(|budget| !budget.kept) {
        println!("OVER: {}: {}, limit {}", missed.what, missed.measured, missed.limit);
    }
    if let Some(file) = &options.json {
        let json = serde_json::to_string_pretty(&report).map_err(std::io::Error::from)?;
        std::fs::write(file, json).map_err(|source| error::Error::File { path: file.clone(), source })?;
    }
    if let Some(file) = &options.markdown {
        document::rewrite(file, &report.tables())?;
    }
    Ok(report)
}

async fn measure(plan: &Plan, machine: Machine, cpus: &Cpus) -> Result<Report> {
    let (begun, totals) = (Instant::now(), CpuTotals::now());
    let modules = Modules::find()?;
    let mut report = Report {
        machine,
        seconds: 0.0,
        stolen_percent: 0.0,
        cost: None,
        lateness: None,
        startup: None,
        waiting: None,
        pacing: None,
        budgets: Vec::new(),
    };
    for part in &plan.parts {
        match part {
            Part::Cost => report.cost = Some(cost::measure(plan, &modules, cpus).await?),
            Part::Lateness => report.lateness = Some(lateness::measure(plan, &modules, cpus).await?),
            Part::Startup => report.startup = Some(startup::measure(plan, &modules, cpus).await?),
            Part::Waiting => report.waiting = Some(waiting::measure(plan, &modules, cpus).await?),
            Part::Pacing => report.pacing = Some(pacing::measure(plan, &modules, cpus).await?),
        }
    }
    report.seconds = begun.elapsed().as_secs_f64();
    report.stolen_percent = CpuTotals::now().stolen_percent_since(totals);
    report.judge();
    Ok(report)
}
