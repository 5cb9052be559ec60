//! The lines of a journal. Keys that a reader does not know are left out, and so are kinds: later versions may add both.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// RFC 3339 with milliseconds, UTC.
    pub at: String,
    /// Milliseconds since the run began, of a clock that nobody sets.
    pub t_ms: u64,
    pub entry: Entry,
}

/// What happened; `kind` tells which one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    #[serde(rename = "run.started")]
    Started(Started),
    Preflight(Preflight),
    Action(Action),
    Phase(Phase),
    Sample(Sample),
    Event(Event),
    Proxy(Proxy),
    Promql(Promql),
    Interrupted(Interrupted),
    Verdict(Verdict),
}

/// The first line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Started {
    pub version: u32,
    /// Version of chaosctl.
    pub chaosctl: String,
    /// Id of the run.
    pub run: String,
    /// The whole mission; of a signed one what was signed.
    pub mission: Value,
    /// Whole scenarios, where a catalog was given.
    pub scenarios: Vec<Value>,
    pub proxies: Vec<String>,
    pub prometheus: Option<String>,
    /// Of the command line.
    pub options: Map<String, Value>,
    pub hypothesis: Vec<Expected>,
}

/// A part of the hypothesis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// Empty for a signal of the command line.
    pub scenario: String,
    /// `latency_p95`, `error_rate`, ..., or the name of a PromQL signal.
    pub signal: String,
    /// `<= 350ms`
    pub expected: String,
}

/// A check before, or in the baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preflight {
    pub check: String,
    pub proxy: Option<String>,
    /// Absent where nobody can tell, or not yet.
    pub ok: Option<bool>,
    pub detail: String,
}

impl Preflight {
    pub fn fails(&self) -> bool {
        self.ok == Some(false)
    }
}

/// Something that a proxy was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    pub what: What,
    pub proxy: String,
    pub ok: bool,
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Start,
    Renew,
    Stop,
    Halt,
}

/// The run as a whole has come to a phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    pub phase: PhaseName,
    pub stage: Option<Stage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseName {
    Preflight,
    Pending,
    Baseline,
    Injecting,
    Recovery,
    Done,
    Halted,
    Stopped,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// From 1.
    pub number: u64,
    pub of: u64,
    pub intensity_percent: f64,
}

/// The answer of `/v1/status`, of `health.series` the newest points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub proxy: String,
    pub status: Value,
}

/// One of a proxy's `/v1/events`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub proxy: String,
    pub event: Value,
}

/// A proxy is not as it should be, or is so again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proxy {
    pub proxy: String,
    pub state: ProxyState,
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProxyState {
    Lost,
    Back,
    Halted,
    Skewed,
}

/// A query to Prometheus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Promql {
    pub name: String,
    pub role: Role,
    pub expression: String,
    /// The worst of the series; absent when there is none.
    pub value: Option<f64>,
    /// Whether the condition holds; absent when it is not known.
    pub ok: Option<bool>,
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Guardrail,
    Signal,
}

/// A person, or a supervisor, wants the run to end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interrupted {
    /// `SIGINT`, `SIGTERM` or `SIGHUP`
    pub by: String,
    pub count: u32,
}

/// The last line of a run that came to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub verdict: Word,
    pub reasons: Vec<String>,
    pub signals: Vec<Judged>,
    pub proxies: Vec<Fate>,
    /// Each `halt` of a status, with the `proxy` that it is of.
    pub halts: Vec<Value>,
    pub mission_id: String,
    pub seed: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    Held,
    Violated,
    Inconclusive,
}

impl Word {
    pub fn text(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Violated => "violated",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// The verdict on one signal, by one proxy or by all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    pub scenario: String,
    pub signal: String,
    pub expected: String,
    pub verdict: Word,
    /// In the unit of the signal: ms or percent.
    pub value: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
    /// URL of a proxy, `promql`, or `all proxies`.
    pub source: String,
}

/// What became of the mission in one proxy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fate {
    pub proxy: String,
    /// The last one that was seen, or `lost`.
    pub state: String,
    pub injected: u64,
    pub matched: u64,
    /// `done`, `halted`, `stopped`, `lease`; empty where nobody knows.
    pub how: String,
}
