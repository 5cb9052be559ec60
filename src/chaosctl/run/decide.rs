//! When a run ends, and why: a function of what is known of all proxies.

use super::standing::Standing;
use std::time::Duration;

/// For so long a proxy may be without an answer, or without the mission, before that ends a run.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Why the mission is over.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// It came to its end on all proxies, those left out that may be lost.
    Done,
    Halted {
        proxy: String,
        by_guardrail: bool,
        detail: String,
    },
    /// By somebody else.
    Stopped {
        proxy: String,
        detail: String,
    },
    Skewed {
        proxy: String,
        detail: String,
    },
    Lost(Vec<String>),
    /// A PromQL guardrail.
    Guardrail(String),
    /// Nobody can tell whether a PromQL guardrail holds.
    Blind(String),
    NoTraffic,
    Unsteady(Vec<String>),
    Interrupted(String),
}

impl Ending {
    /// In words.
    pub fn told(&self) -> String {
        match self {
            Self::Done => "the mission came to its end".to_owned(),
            Self::Halted { proxy, detail, .. } => format!("{proxy} was halted {detail}"),
            Self::Stopped { proxy, detail } => format!("it was stopped at {proxy} {detail}"),
            Self::Skewed { proxy, detail } => {
                format!("{proxy} does not run the mission that was started: {detail}")
            }
            Self::Lost(proxies) => format!("lost {}", proxies.join(", ")),
            Self::Guardrail(detail) => format!("guardrail {detail}"),
            Self::Blind(detail) => format!("no guardrail of Prometheus can be told: {detail}"),
            Self::NoTraffic => {
                "no request was in scope in the baseline: send some, or `--allow-no-traffic`".to_owned()
            }
            Self::Unsteady(signals) => {
                format!("no steady state in the baseline: {}; `--allow-unsteady` goes on", signals.join("; "))
            }
            Self::Interrupted(signal) => format!("interrupted ({signal})"),
        }
    }
}

/// One proxy.
pub struct Seen<'a> {
    pub proxy: &'a str,
    pub standing: &'a Standing,
    /// How long it has not answered, or has not had the mission.
    pub lost_for: Option<Duration>,
}

/// `None` while the mission goes on.
pub fn ending(all: &[Seen<'_>], max_lost: usize) -> Option<Ending> {
    let name = |seen: &Seen<'_>| seen.proxy.to_owned();
    for seen in all {
        if let Standing::Skewed(detail) = seen.standing {
            return Some(Ending::Skewed { proxy: name(seen), detail: detail.clone() });
        }
    }
    for seen in all {
        match seen.standing {
            Standing::Halted(halt) => {
                return Some(Ending::Halted {
                    proxy: name(seen),
                    by_guardrail: halt.by_guardrail,
                    detail: halt.detail.clone(),
                });
            }
            Standing::Over { how, detail } if how == "stopped" => {
                return Some(Ending::Stopped { proxy: name(seen), detail: detail.clone() });
            }
            _ => {}
        }
    }
    // Whose lease ran out could not be reached either.
    let is_lost = |seen: &&Seen<'_>| {
        seen.lost_for.is_some_and(|lost_for| lost_for >= PATIENCE)
            || matches!(seen.standing, Standing::Over { how, .. } if how == "lease")
    };
    let lost: Vec<String> = all.iter().filter(is_lost).map(name).collect();
    if lost.len() > max_lost || (!lost.is_empty() && lost.len() == all.len()) {
        return Some(Ending::Lost(lost));
    }
    let is_done = |seen: &Seen<'_>| matches!(seen.standing, Standing::Over { .. });
    all.iter().all(|seen| is_done(seen) || is_lost(&seen)).then_some(Ending::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Stage;
    use crate::run::standing::Halt;

    fn over(how: &str) -> Standing {
        Standing::Over { how: how.to_owned(), detail: "by bob".to_owned() }
    }

    fn injecting() -> Standing {
        Standing::Injecting(Stage { number: 1, of: 1, intensity_percent: 100.0 })
    }

    fn of(all: &[(&Standing, u64)], max_lost: usize) -> Option<Ending> {
        let names = ["a", "b", "c"];
        let seen: Vec<Seen<'_>> = all
            .iter()
            .zip(names)
            .map(|((standing, lost_s), proxy)| Seen {
                proxy,
                standing,
                lost_for: (*lost_s > 0).then(|| Duration::from_secs(*lost_s)),
            })
            .collect();
        ending(&seen, max_lost)
    }

    #[test]
    fn a_run_goes_on_until_all_are_done() {
        assert_eq!(of(&[(&injecting(), 0), (&over("done"), 0)], 0), None);
        assert_eq!(of(&[(&over("done"), 0), (&over("done"), 0)], 0), Some(Ending::Done));
    }

    #[test]
    fn one_that_is_halted_stopped_or_skewed_ends_it_for_all() {
        let halt = Standing::Halted(Halt { by_guardrail: true, detail: "x".to_owned() });
        let skewed = Standing::Skewed("other stages".to_owned());
        let a = injecting();
        assert!(matches!(of(&[(&a, 0), (&halt, 0)], 9), Some(Ending::Halted { proxy, .. }) if proxy == "b"));
        assert!(
            matches!(of(&[(&over("stopped"), 0), (&a, 0)], 9), Some(Ending::Stopped { proxy, .. }) if proxy == "a")
        );
        assert!(
            matches!(of(&[(&halt, 0), (&a, 0), (&skewed, 0)], 9), Some(Ending::Skewed { proxy, .. }) if proxy == "c")
        );
    }

    #[test]
    fn a_lost_proxy_has_some_time_and_then_ends_it_unless_so_many_may_be_lost() {
        let a = injecting();
        let lost = |names: &[&str]| Some(Ending::Lost(names.iter().map(ToString::to_string).collect()));
        assert_eq!(of(&[(&a, 0), (&a, 9)], 0), None);
        assert_eq!(of(&[(&a, 0), (&a, 10)], 0), lost(&["b"]));
        assert_eq!(of(&[(&a, 0), (&a, 10)], 1), None);
        assert_eq!(of(&[(&over("done"), 0), (&a, 10)], 1), Some(Ending::Done));
        // Its own time has to pass first.
        assert_eq!(of(&[(&over("done"), 0), (&a, 5)], 1), None);
        assert_eq!(of(&[(&over("lease"), 0), (&a, 0)], 0), lost(&["a"]));
        // Nobody is left.
        assert_eq!(of(&[(&a, 10), (&a, 10)], 9), lost(&["a", "b"]));
    }
}
