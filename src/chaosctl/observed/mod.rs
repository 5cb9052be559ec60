//! What a proxy says of itself in `/v1/status`, read into types for `watch` and `report`. It does not judge and does not draw.
//! Nothing in an answer is trusted to have any shape: what is missing or odd is unknown, and texts are safe to show.

mod event;
mod guards;
mod health;
mod ledger;
mod mission;
mod read;
mod words;

pub use event::Event;
pub use guards::{Guard, Signal, Standing};
pub use health::{Group, Point, Summary, merged};
pub use ledger::{Ledger, added};
pub use mission::{Halt, Mission};
pub use read::{clock, harmless, safe};
pub use words::number;

use read::{moment, text};
use serde_json::Value;

/// One look at one proxy.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The proxy's clock, milliseconds since 1970.
    pub now_ms: Option<u64>,
    pub namespace: Option<String>,
    pub service: Option<String>,
    pub id: Option<String>,
    /// Version of the module.
    pub squall: Option<String>,
    /// `idle`, `injecting` and the like.
    pub state: String,
    pub mission: Option<Mission>,
    pub halt: Option<Halt>,
    pub groups: Vec<Group>,
    pub series: Vec<Point>,
    pub ledger: Vec<Ledger>,
    pub guards: Vec<Guard>,
    pub signals: Vec<Signal>,
    /// What a guardrail did: `disabled`, `open` and the like.
    pub remediation: Option<String>,
}

impl Observed {
    /// `None` for what is no status.
    #[must_use]
    pub fn read(status: &Value) -> Option<Self> {
        Some(Self {
            state: text(status, "/state")?,
            now_ms: moment(status, "/now"),
            namespace: text(status, "/proxy/namespace"),
            service: text(status, "/proxy/service"),
            id: text(status, "/proxy/id"),
            squall: text(status, "/squall"),
            mission: status.get("mission").and_then(Mission::read),
            halt: status.get("halt").and_then(Halt::read),
            groups: read::list(status, "/health/groups", Group::read),
            series: read::list(status, "/health/series", Point::read),
            ledger: read::list(status, "/ledger", Ledger::read),
            guards: read::list(status, "/guardrails", Guard::read),
            signals: read::list(status, "/signals", Signal::read),
            remediation: text(status, "/remediation/state"),
        })
    }

    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// Whether a mission is under way, or is to begin.
    #[must_use]
    pub fn runs(&self) -> bool {
        matches!(self.state.as_str(), "pending" | "baseline" | "injecting" | "recovery")
    }
}
