//! The command line, and how long each part of the run takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::error::{Error, Result};
use crate::variant::Variant;

/// Measures what Squall costs, beside bare Envoy, Envoy's own C++ fault filter and an empty SDK filter, in one run.
///
/// Exit codes: 0 fine, 1 a budget that fails the run was missed, 2 could not run.
#[derive(Clone, Debug, Parser)]
#[command(name = "bench", override_usage = "make bench ARGS=\"[OPTIONS]\"")]
pub struct Options {
    /// Fewer and shorter rounds: under a minute, with wider spread
    #[arg(long)]
    pub quick: bool,
    /// Measure only this part (repeatable): cost, lateness, startup, waiting, pacing, or one variant of the cost table
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// Rounds of the cost table [default: 15, with --quick 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: Option<u32>,
    /// Write every measured number to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Replace the tables between the two markers of this Markdown file
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// A timing or memory budget that is missed fails the run too
    #[arg(long)]
    pub strict: bool,
}

/// The parts of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Worker CPU per request of every variant.
    Cost,
    /// How late a delay ends.
    Lateness,
    /// Module size, start-up time and resident memory.
    Startup,
    /// Memory of a waiting request.
    Waiting,
    /// How evenly a bandwidth is kept.
    Pacing,
}

impl Part {
    /// In the order in which they run.
    pub const ALL: [Self; 5] = [Self::Cost, Self::Lateness, Self::Startup, Self::Waiting, Self::Pacing];

    /// Its name for `--only`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cost => "cost",
            Self::Lateness => "lateness",
            Self::Startup => "startup",
            Self::Waiting => "waiting",
            Self::Pacing => "pacing",
        }
    }
}

/// What is to be run, for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The parts, in order.
    pub parts: Vec<Part>,
    /// The variants of the cost table; bare Envoy is always the first.
    pub variants: Vec<Variant>,
    /// Rounds of the cost table.
    pub cost_rounds: u32,
    /// The longest that one variant is measured in one round.
    pub cost_time: Duration,
    /// The most requests of one variant in one round.
    pub cost_requests: u64,
    /// Rounds of the lateness table.
    pub lateness_rounds: u32,
    /// How long one count of waiting requests is measured in one round.
    pub lateness_time: Duration,
    /// How often every module is started.
    pub starts: u32,
    /// How often the waiting requests are weighed.
    pub weighings: u32,
    /// How often every body is paced.
    pub pacing_rounds: u32,
}

impl Options {
    /// The plan that the options ask for.
    ///
    /// # Errors
    /// [`Error::UnknownPart`].
    pub fn plan(&self) -> Result<Plan> {
        let (mut parts, mut variants) = (Vec::new(), Vec::new());
        for name in &self.only {
            if let Some(part) = Part::ALL.into_iter().find(|part| part.name() == name) {
                parts.push(part);
            } else if let Some(variant) = Variant::ALL.into_iter().find(|variant| variant.name() == name) {
                variants.push(variant);
            } else {
                return Err(Error::UnknownPart { name: name.clone(), known: known_names() });
            }
        }
        if !variants.is_empty() {
            parts.push(Part::Cost);
        }
        let everything = self.only.is_empty();
        let all_variants = variants.is_empty();
        Ok(Plan {
            parts: Part::ALL.into_iter().filter(|part| everything || parts.contains(part)).collect(),
            variants: Variant::ALL
                .into_iter()
                .filter(|variant| all_variants || *variant == Variant::Bare || variants.contains(variant))
                .collect(),
            cost_rounds: self.rounds.unwrap_or(if self.quick { 5 } else { 15 }),
            cost_time: Duration::from_millis(if self.quick { 150 } else { 300 }),
            cost_requests: 100_000,
            lateness_rounds: if self.quick { 1 } else { 3 },
            lateness_time: Duration::from_millis(if self.quick { 700 } else { 1_200 }),
            starts: if self.quick { 2 } else { 5 },
            weighings: if self.quick { 1 } else { 3 },
            pacing_rounds: if self.quick { 1 } else { 2 },
        })
    }
}

fn known_names() -> String {
    let parts = Part::ALL.into_iter().map(Part::name);
    parts.chain(Variant::ALL.into_iter().map(Variant::name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arguments: &[&str]) -> Result<Plan> {
        Options::try_parse_from(std::iter::once(&"bench").chain(arguments)).expect("valid arguments").plan()
    }

    #[test]
    fn without_only_everything_runs() {
        let plan = plan(&[]).unwrap();
        assert_eq!((plan.parts.as_slice(), plan.variants.as_slice()), (&Part::ALL[..], &Variant::ALL[..]));
        assert_eq!(plan.cost_rounds, 15);
    }

    #[test]
    fn a_single_variant_keeps_bare_envoy_beside_it_and_runs_no_other_part() {
        let plan = plan(&["--only", "squall-abort", "--rounds", "4", "--quick"]).unwrap();
        assert_eq!(plan.parts, [Part::Cost]);
        assert_eq!(plan.variants, [Variant::Bare, Variant::SquallAbort]);
        assert_eq!(plan.cost_rounds, 4);
    }

    #[test]
    fn parts_may_be_chosen_and_run_in_their_own_order() {
        assert_eq!(
            plan(&["--only", "startup", "--only", "lateness"]).unwrap().parts,
            [Part::Lateness, Part::Startup]
        );
    }

    #[test]
    fn an_unknown_part_is_refused_with_the_known_ones() {
        let error = plan(&["--only", "latness"]).unwrap_err().to_string();
        assert!(error.contains("latness") && error.contains("lateness") && error.contains("squall-delay"));
    }
}
