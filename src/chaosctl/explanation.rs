//! What `explain` tells: as data, and in words.

use crate::terminal::{Paint, Style, shown};
use crate::words;
use serde::Serialize;
use squall_policy::{Abort, Drop, StreamEnd, StreamFault, StreamPoint, wire};
use std::time::SystemTime;

#[derive(Serialize)]
pub struct Told {
    mission: String,
    composition: &'static str,
    seed: Option<String>,
    request_id: Option<String>,
    verdict: Answer,
    scenarios: Vec<Scenario>,
    /// Share of requests like this one, with ids of their own, that get at least one fault, parts per million.
    rate_ppm: u32,
    notes: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Pass,
    Inject {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        pressure: Vec<Effect>,
        request_delay_us: u64,
        response_delay_us: u64,
        abort: Option<Effect>,
        /// Everything else, in the order in which it is decided.
        others: Vec<Effect>,
    },
    /// No request id: the share of such requests that gets a fault, parts per million.
    ByChance {
        rate_ppm: u32,
    },
}

#[derive(Serialize)]
pub struct Scenario {
    pub name: String,
    pub matched: bool,
    pub outcome: Outcome,
    pub mismatches: Vec<String>,
    /// What protects the request from this scenario.
    pub protected_by: Option<String>,
    pub draw_ppm: Option<u32>,
    pub sample_ppm: u32,
    /// What the request gets.
    pub faults: Vec<Effect>,
    /// What the catalog says.
    #[serde(skip)]
    pub declared: Vec<String>,
    /// Which header the request would need.
    #[serde(skip)]
    pub lacks: Option<String>,
}

#[derive(Clone, Copy, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    NotMatched,
    /// It is for other proxies.
    Dormant,
    Faulted,
    Trigger,
    Burst,
    Attempt,
    Protected,
    NotSampled,
    NoSampleHeader,
    NoKey,
    NoFaultDrawn,
    /// It asks for no fault.
    NotRequested,
    /// It asks for a fault in vain, because of this.
    Ignored(&'static str),
    Preempted,
    ByChance,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    Delay {
        phase: &'static str,
        us: u64,
    },
    Abort {
        status: u16,
        grpc_status: Option<u32>,
        details: String,
    },
    Drop {
        mode: &'static str,
        after_bytes: Option<u64>,
    },
    Throttle {
        request_bytes_per_s: Option<u64>,
        response_bytes_per_s: Option<u64>,
    },
    Mutate {
        request: bool,
        response: bool,
        body: bool,
    },
    Stream {
        after_messages: Option<u64>,
        after_us: Option<u64>,
        then: &'static str,
        grpc_status: Option<u32>,
    },
    Burn {
        us: u64,
    },
    Hold {
        bytes: u32,
    },
    Concurrency {
        limit: u32,
        queue: u32,
        queue_timeout_us: u64,
    },
}

impl Told {
    pub fn new(
        mission: &wire::Mission,
        seed: Option<&str>,
        request_id: Option<String>,
        scenarios: Vec<Scenario>,
        verdict: Answer,
        rate_ppm: u32,
    ) -> Self {
        let mut notes = Vec::new();
        if !mission.enable {
            notes.push("the mission has `enable: false`: the filter leaves all requests alone".to_owned());
        }
        let start = mission.start.map(|s| SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(s.0));
        if let Some(start) = start.filter(|s| *s > SystemTime::now()) {
            notes.push(format!("the mission begins at {}", humantime::format_rfc3339_seconds(start)));
        }
        if matches!(verdict, Answer::ByChance { .. }) {
            notes.push(
                "give --request-id (the value of x-request-id) to see the draws of one request".to_owned(),
            );
        }
        Self {
            mission: mission.id.0.clone(),
            composition: mission.composition.word(),
            seed: seed.map(ToOwned::to_owned),
            request_id,
            verdict,
            scenarios,
            rate_ppm,
            notes,
        }
    }

    /// With more that the reader should know.
    pub fn noting(mut self, notes: impl Iterator<Item = String>) -> Self {
        self.notes.extend(notes);
        self
    }

    pub fn text(&self, paint: Paint) -> String {
        let style = match self.verdict {
            Answer::Pass => Style::Good,
            Answer::Inject { .. } | Answer::ByChance { .. } => Style::Warning,
        };
        let mut out =
            format!("{} {}\n\n", paint.paint(Style::Strong, "verdict:"), paint.paint(style, &self.verdict()));
        let width = self.scenarios.iter().map(|s| s.name.len()).max().unwrap_or(0);
        for scenario in &self.scenarios {
            out += &format!("  {:width$}  {}\n", scenario.name, scenario.told());
        }
        out += &format!(
            "\nmission {} ({}{}{})\n",
            self.mission,
            self.composition,
            self.seed.as_ref().map(|s| format!(", seed {s:?}")).unwrap_or_default(),
            self.request_id.as_ref().map(|id| format!(", request id {id:?}")).unwrap_or_default(),
        );
        out += &format!(
            "of all requests like this one, {} get at least one fault\n",
            words::percent(self.rate_ppm)
        );
        for note in &self.notes {
            out += &format!("note: {}\n", shown(note));
        }
        out
    }

    fn verdict(&self) -> String {
        match &self.verdict {
            Answer::Pass => "no fault".to_owned(),
            Answer::ByChance { rate_ppm } => {
                format!("left to chance: {} of such requests get a fault", words::percent(*rate_ppm))
            }
            Answer::Inject { pressure, request_delay_us, response_delay_us, abort, others } => {
                let delay = |us: u64, before: &str| {
                    (us > 0).then(|| format!("delay of {} before {before}", words::micros(us)))
                };
                let parts = [
                    delay(
                        *request_delay_us,
                        if abort.is_some() { "the answer" } else { "the request goes upstream" },
                    ),
                    delay(*response_delay_us, "the response comes back"),
                    abort.as_ref().map(Effect::told),
                ];
                let (pressure, others) = (pressure.iter().map(Effect::told), others.iter().map(Effect::told));
                let parts = parts.into_iter().flatten();
                pressure.chain(parts).chain(others).collect::<Vec<_>>().join(", then ")
            }
        }
    }
}

impl Scenario {
    fn told(&self) -> String {
        let rate = words::percent(self.sample_ppm);
        // A draw is a number of six digits: the request is taken when it lies below the share.
        let draw = |sign| {
            self.draw_ppm.map_or_else(
                || rate.clone(),
                |d| format!("draw {d:06} {sign} {:06}, {rate}", self.sample_ppm),
            )
        };
        match self.outcome {
            Outcome::NotMatched => format!("not matched: {}", shown(&self.mismatches.join("; "))),
            Outcome::Dormant => format!("dormant in this proxy: {}", shown(&self.mismatches.join("; "))),
            Outcome::Faulted => {
                let faults: Vec<String> = self.faults.iter().map(Effect::told).collect();
                format!("FAULT ({}): {}", draw("<"), faults.join(", then "))
            }
            Outcome::Trigger => "matched, spared: its trigger is off at that time".to_owned(),
            Outcome::Burst => "matched, spared: its burst is in the good state at that time".to_owned(),
            Outcome::Attempt => "matched, spared: it is another try than `attempts` wants".to_owned(),
            Outcome::Protected => format!(
                "matched, spared: it is protected ({})",
                shown(self.protected_by.as_deref().unwrap_or_default())
            ),
            Outcome::NotSampled => format!("matched, spared: not sampled ({})", draw(">=")),
            Outcome::NoSampleHeader | Outcome::NoKey => {
                format!("matched, spared: it has no {}", self.lacks.as_deref().unwrap_or_default())
            }
            Outcome::NoFaultDrawn => {
                format!("matched and sampled ({}), and no fault drew its own percentage", draw("<"))
            }
            Outcome::NotRequested => "matched, spared: it asks for no fault".to_owned(),
            Outcome::Ignored(cause) => format!("matched, spared: what it asks for is ignored ({cause})"),
            Outcome::Preempted => {
                format!("matched and sampled ({}), and an earlier scenario took it", draw("<"))
            }
            Outcome::ByChance => format!("matched: {} get {}", draw("<"), self.declared.join(" + ")),
        }
    }
}

impl Effect {
    pub fn abort(abort: &Abort) -> Self {
        Self::Abort {
            status: abort.status,
            grpc_status: abort.grpc.as_ref().map(|g| g.status),
            details: abort.details.clone(),
        }
    }

    pub fn drop(drop: Drop) -> Self {
        let (mode, after_bytes) = match drop {
            Drop::Reset => ("reset", None),
            Drop::Hang => ("hang", None),
            Drop::Truncate(after) => ("truncate", Some(after)),
        };
        Self::Drop { mode, after_bytes }
    }

    pub fn stream(fault: &StreamFault) -> Self {
        let (after_messages, after_us) = match fault.after {
            StreamPoint::Messages(count) => (Some(count), None),
            StreamPoint::Time(ns) => (None, Some(ns / 1000)),
        };
        let (then, grpc_status) = match &fault.then {
            StreamEnd::Stall => ("stall", None),
            StreamEnd::Reset => ("reset", None),
            StreamEnd::Status(status) => ("end", Some(status.code)),
        };
        Self::Stream { after_messages, after_us, then, grpc_status }
    }

    fn told(&self) -> String {
        match self {
            Self::Delay { phase: "response", us } => {
                format!("delay {} before the response", words::micros(*us))
            }
            Self::Delay { us, .. } => format!("delay {}", words::micros(*us)),
            Self::Burn { us } => format!("burn {} of the worker's time", words::micros(*us)),
            Self::Hold { bytes } => words::hold(*bytes),
            Self::Concurrency { limit, queue, queue_timeout_us } => {
                words::concurrency(*limit, *queue, std::time::Duration::from_micros(*queue_timeout_us))
            }
            Self::Abort { status, grpc_status: None, .. } => format!("abort {status}"),
            Self::Abort { status, grpc_status: Some(grpc), .. } => {
                format!("abort {status}, for gRPC clients status {grpc}")
            }
            Self::Drop { after_bytes: Some(after), .. } => {
                format!("cut the response after {} of its body", wire::show_bytes(*after))
            }
            Self::Drop { mode, .. } => (*mode).to_owned(),
            Self::Throttle { request_bytes_per_s, response_bytes_per_s } => {
                words::throttle(*request_bytes_per_s, *response_bytes_per_s)
            }
            Self::Mutate { request, response, body } => words::mutate(*request, *response, *body),
            Self::Stream { after_messages, after_us, then, grpc_status } => {
                let end = grpc_status.map(|code| format!(" with {}", words::grpc(code))).unwrap_or_default();
                let point = match after_us {
                    Some(us) => words::micros(*us),
                    None => words::messages_told(after_messages.unwrap_or(0)),
                };
                format!("{then} the stream{end} after {point}")
            }
        }
    }
}
