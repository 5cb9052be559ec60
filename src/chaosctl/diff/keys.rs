//! Which way each key moves the blast radius: one table for all files. `*` stands for any name.

use super::change::Verdict::{self, Narrower, Wider};

#[derive(Clone, Copy)]
pub enum Rule {
    /// A number with or without a unit: what it is when absent, and what more of it means.
    Amount { absent: f64, more: Verdict },
    /// Words of which each counts more than the one before it.
    Rank { words: &'static [&'static str], absent: &'static str, more: Verdict },
    /// A switch: what it is when absent, and what `true` means.
    Flag { absent: bool, on: Verdict },
    /// A number of which less may work either way: what it is when absent. More of it widens.
    Doubtful { absent: f64 },
    /// A list of words: what it means when there is none, and what more of them means.
    Words { absent: Absent, more: Verdict },
    /// What it means that it comes; with both sides there its keys are compared.
    Part { comes: Verdict },
    /// What it means that it comes; with both sides there another value is unclear.
    Whole { comes: Verdict },
    /// An object whose absence is the same as one without keys.
    Keys,
    /// An object of which one key says what kind it is: with another one nothing can be compared.
    Choice,
    /// A table of percentiles, which is a line.
    Table,
    /// Nothing that is injected depends on it.
    Nothing(&'static str),
}

/// What a list means that is not there.
#[derive(Clone, Copy)]
pub enum Absent {
    All,
    These(&'static [&'static str]),
}

use Rule::{Amount, Choice, Doubtful, Flag, Keys, Nothing, Part, Rank, Table, Whole, Words};

const SEVERITIES: &[&str] = &["low", "medium", "high", "critical"];
const UNLIMITED: f64 = f64::INFINITY;
const EXPECTED: &str = "what is expected changes nothing that is injected";
const DESCRIBED: &str = "nothing that is injected depends on it";

const fn cap() -> Rule {
    Amount { absent: UNLIMITED, more: Wider }
}

const fn more(absent: f64) -> Rule {
    Amount { absent, more: Wider }
}

const fn less(absent: f64) -> Rule {
    Amount { absent, more: Narrower }
}

const NARROWS: Rule = Whole { comes: Narrower };
const WIDENS: Rule = Whole { comes: Wider };

const NONE: Absent = Absent::These(&[]);
const ASKABLE: Absent = Absent::These(&["delay", "abort"]);

const TABLE: &[(&str, Rule)] = &[
    ("version", Nothing(DESCRIBED)),
    // Scenarios.
    ("scenario.name", Nothing(DESCRIBED)),
    ("scenario.description", Nothing(DESCRIBED)),
    ("scenario.severity", Rank { words: SEVERITIES, absent: "low", more: Narrower }),
    ("scenario.signals", Nothing(EXPECTED)),
    ("scenario.trigger", Part { comes: Narrower }),
    ("scenario.trigger.window", NARROWS),
    ("scenario.trigger.load", Part { comes: Narrower }),
    ("scenario.trigger.load.min_rps", less(0.0)),
    ("scenario.trigger.load.max_rps", cap()),
    ("scenario.trigger.load.min_in_flight", less(0.0)),
    ("scenario.trigger.load.max_in_flight", cap()),
    ("scenario.trigger.randomize", Part { comes: Narrower }),
    ("scenario.trigger.randomize.period", less(0.0)),
    ("scenario.trigger.randomize.active", more(0.0)),
    ("scenario.burst", Part { comes: Narrower }),
    ("scenario.burst.good", less(0.0)),
    ("scenario.burst.bad", more(0.0)),
    ("scenario.scope", Keys),
    ("scenario.scope.service", NARROWS),
    ("scenario.scope.labels", Keys),
    ("scenario.scope.labels.*", NARROWS),
    ("scenario.scope.dependency", NARROWS),
    ("scenario.scope.source", NARROWS),
    ("scenario.scope.attempts", Words { absent: Absent::All, more: Wider }),
    ("scenario.scope.first", Part { comes: Narrower }),
    ("scenario.scope.first.requests", more(0.0)),
    ("scenario.scope.first.forget_after", less(600_000.0)),
    ("scenario.scope.allow_protected", Flag { absent: false, on: Wider }),
    ("scenario.scope.sample", Keys),
    ("scenario.scope.sample.percent", more(100.0)),
    ("scenario.safety", Keys),
    ("scenario.safety.max_duration", cap()),
    ("scenario.safety.max_concurrent", cap()),
    ("scenario.safety.max_per_second", cap()),
    ("scenario.safety.max_total", cap()),
    ("guardrail.above", more(0.0)),
    // In a shorter span there may be too few requests to say anything.
    ("guardrail.for", Doubtful { absent: 10_000.0 }),
    ("guardrail.min_requests", more(20.0)),
    ("guardrail.confidence", more(99.9)),
    ("guardrail.count_injected", Flag { absent: false, on: Narrower }),
    ("scenario.rollback", Keys),
    ("scenario.rollback.on_halt", Nothing("a mission halts without it, too")),
    ("scenario.rollback.circuit_breaker", Part { comes: Wider }),
    ("scenario.rollback.circuit_breaker.open_for", less(0.0)),
    ("scenario.rollback.circuit_breaker.half_open_intensity", more(10.0)),
    ("scenario.rollback.circuit_breaker.close_after", less(30_000.0)),
    // Faults.
    ("delay.percent", more(100.0)),
    ("delay.fixed", more(0.0)),
    ("delay.uniform", Keys),
    ("delay.normal", Keys),
    ("delay.lognormal", Keys),
    ("delay.pareto", Keys),
    ("delay.percentiles", Table),
    ("delay.uniform.*", more(0.0)),
    ("delay.normal.mean", more(0.0)),
    ("delay.lognormal.median", more(0.0)),
    ("delay.pareto.min", more(0.0)),
    ("delay.pareto.shape", less(0.0)),
    ("delay.pareto.max", more(3_600_000.0)),
    ("abort.percent", more(100.0)),
    ("drop.percent", more(100.0)),
    ("drop.after", less(0.0)),
    ("throttle.percent", more(100.0)),
    ("throttle.request", less(UNLIMITED)),
    ("throttle.response", less(UNLIMITED)),
    ("mutate.percent", more(100.0)),
    ("mutate.request", Part { comes: Wider }),
    ("mutate.request.*", WIDENS),
    ("mutate.response", Part { comes: Wider }),
    ("mutate.response.*", WIDENS),
    ("stream.percent", more(100.0)),
    ("stream.after", Choice),
    ("stream.after.messages", less(0.0)),
    ("stream.after.time", less(0.0)),
    ("pressure.cpu", Part { comes: Wider }),
    ("pressure.cpu.burn", more(0.0)),
    ("pressure.cpu.max_share", more(25.0)),
    ("pressure.memory", Part { comes: Wider }),
    ("pressure.memory.hold", more(0.0)),
    ("pressure.concurrency", Part { comes: Wider }),
    ("pressure.concurrency.limit", less(0.0)),
    ("requested.percent", more(100.0)),
    ("requested.allow", Words { absent: ASKABLE, more: Wider }),
    ("requested.max_delay", more(1000.0)),
    ("requested.min_rate", less(1024.0)),
    ("requested.keys", Words { absent: Absent::All, more: Wider }),
    ("requested.max_age", more(3_600_000.0)),
    // Missions.
    ("mission.id", Nothing("it names the run")),
    ("mission.duration", more(0.0)),
    ("mission.baseline", less(0.0)),
    ("mission.recovery", Nothing("nothing is injected after the deadline")),
    ("mission.lease", cap()),
    (
        "mission.composition",
        Rank { words: &["first_match", "independent"], absent: "first_match", more: Wider },
    ),
    ("mission.seed", Nothing("as many requests, others of them")),
    ("mission.enable", Flag { absent: true, on: Wider }),
    ("mission.mark", Nothing("the same requests are hit")),
    ("mission.safety", Keys),
    ("mission.safety.max_concurrent", cap()),
    ("mission.safety.max_per_second", cap()),
    ("mission.safety.max_total", cap()),
    ("mission.expires", cap()),
    // Plugin configurations.
    ("plugin.revision", Nothing(DESCRIBED)),
    ("plugin.stat_labels", Nothing("it names metrics")),
    ("plugin.max_series", Nothing("both missions are within it")),
    ("plugin.release", Amount { absent: 0.0, more: Wider }),
    ("plugin.control_hosts", Words { absent: NONE, more: Wider }),
    ("plugin.deny_namespaces", Words { absent: NONE, more: Narrower }),
    ("plugin.sign_off", Keys),
    ("plugin.sign_off.low", less(0.0)),
    ("plugin.sign_off.medium", less(1.0)),
    ("plugin.sign_off.high", less(2.0)),
    ("plugin.sign_off.critical", less(2.0)),
    ("plugin.identity", Keys),
    ("operator.may", Words { absent: NONE, more: Wider }),
    ("operator.up_to", Rank { words: SEVERITIES, absent: "low", more: Wider }),
];

/// The rule of a key path; without one a change is unclear.
pub fn rule(path: &str) -> Option<Rule> {
    let any = path.rsplit_once('.').map(|(parent, _)| format!("{parent}.*"));
    let exact = TABLE.iter().find(|(key, _)| *key == path);
    exact.or_else(|| TABLE.iter().find(|(key, _)| Some(*key) == any.as_deref())).map(|(_, rule)| *rule)
}
