//! What is seen of the traffic while a mission runs, and what follows from it: guardrails, breakers, verdicts.
//!
//! A worker counts in a [`Tally`]; all workers merge theirs into one [`Health`], whose bytes live in shared data.
//! Looking at it says what has to be done. Time is an argument throughout: milliseconds since the mission's start.

mod breaker;
mod cell;
mod codec;
mod interval;
mod ledger;
mod race;
mod record;
mod rules;
mod series;
mod signals;
mod sketch;
mod tally;
mod versus;
mod view;
mod watch;
mod window;
mod words;

pub use breaker::{Breaker, BreakerRules, Standing};
pub use cell::{CLASSES, Cell, Trials, class};
pub use interval::{of_quantile, of_rate};
pub use ledger::{Ledger, Ledgers, MOST_LEDGERS};
pub use race::Race;
pub use record::{Effect, Health, LARGEST, Trip};
pub use rules::{Condition, Guard, Rules, ScenarioRules, Signal, Watched};
pub use series::{MOST_POINTS, Point, Series, Summary};
pub use signals::{SignalVerdict, Verdict};
pub use sketch::{ERROR, Sketch};
pub use tally::{Finished, Group, Phase, Tally};
pub use versus::{difference, longest, needed, shortest};
pub use view::Clock;
pub use watch::{Look, Watch};
pub use window::{Demand, Reading, Window};
pub use words::{CAUSES, FAULTS};
