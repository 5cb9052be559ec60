//! Where the mission of a run is in one proxy, as its status tells.

use super::document::Expected;
use crate::journal::{PhaseName, Stage};
use crate::terminal::shown;
use serde_json::Value;

#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// No filter has taken it yet, or the proxy has forgotten it.
    Absent,
    Pending,
    Baseline,
    Injecting(Stage),
    Recovery,
    Over {
        /// `done`, `stopped` or `lease`
        how: String,
        /// By whom, and why.
        detail: String,
    },
    Halted(Halt),
    /// It runs something else.
    Skewed(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Halt {
    /// Not by a person.
    pub by_guardrail: bool,
    pub detail: String,
}

fn text(value: &Value, pointer: &str) -> String {
    shown(value.pointer(pointer).and_then(Value::as_str).unwrap_or_default())
}

fn by(who: &str, why: &str) -> String {
    let who = if who.is_empty() { "somebody" } else { who };
    if why.is_empty() { format!("by {who}") } else { format!("by {who}: {why}") }
}

pub fn of(status: &Value, expected: &Expected) -> Standing {
    let halt = status.get("halt").filter(|halt| !halt.is_null()).map(halt);
    let Some(mission) = status.get("mission").filter(|mission| !mission.is_null()) else {
        return halt.map_or(Standing::Absent, Standing::Halted);
    };
    let ended = mission.get("ended").filter(|ended| !ended.is_null());
    let id = text(mission, "/id");
    if id != expected.id {
        if ended.is_none() && !matches!(text(status, "/state").as_str(), "done" | "stopped" | "halted") {
            return Standing::Skewed(format!("it runs mission {id} instead"));
        }
        return halt.map_or(Standing::Absent, Standing::Halted);
    }
    if let Some(ended) = ended {
        let how = text(ended, "/how");
        let detail = by(&text(ended, "/by"), &text(ended, "/reason"));
        return match how.as_str() {
            "halted" => Standing::Halted(halt.unwrap_or(Halt { by_guardrail: false, detail })),
            _ => Standing::Over { how, detail },
        };
    }
    if let Some(halt) = halt {
        return Standing::Halted(halt);
    }
    let differences = expected.differences(mission);
    if !differences.is_empty() {
        return Standing::Skewed(shown(&differences.join("; ")));
    }
    match text(status, "/state").as_str() {
        "pending" => Standing::Pending,
        "baseline" => Standing::Baseline,
        "injecting" => stage(mission).map_or(Standing::Absent, Standing::Injecting),
        "recovery" => Standing::Recovery,
        how @ ("done" | "stopped") => Standing::Over { how: how.to_owned(), detail: String::new() },
        _ => Standing::Absent,
    }
}

fn halt(halt: &Value) -> Halt {
    let by_guardrail = text(halt, "/reason") == "guardrail";
    let who = if by_guardrail { "a guardrail".to_owned() } else { text(halt, "/by") };
    Halt { by_guardrail, detail: by(&who, &text(halt, "/detail")) }
}

fn stage(mission: &Value) -> Option<Stage> {
    let stage = mission.get("stage")?;
    Some(Stage {
        number: stage.get("number")?.as_u64()?,
        of: stage.get("of")?.as_u64()?,
        intensity_percent: stage.get("intensity_percent")?.as_f64()?,
    })
}

impl Standing {
    pub fn is_ended(&self) -> bool {
        matches!(self, Self::Over { .. } | Self::Halted(_))
    }

    /// A later one has a larger number. `None` for what is no part of a mission's way.
    pub fn phase(&self) -> Option<(u64, PhaseName, Option<Stage>)> {
        Some(match self {
            Self::Pending => (0, PhaseName::Pending, None),
            Self::Baseline => (1, PhaseName::Baseline, None),
            Self::Injecting(stage) => (stage.number.saturating_add(1), PhaseName::Injecting, Some(*stage)),
            Self::Recovery => (1000, PhaseName::Recovery, None),
            Self::Absent | Self::Over { .. } | Self::Halted(_) | Self::Skewed(_) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn expected() -> Expected {
        Expected {
            id: "run-1".to_owned(),
            duration_s: 60,
            baseline_s: 0,
            recovery_s: 0,
            seed: None,
            stages: vec![(60, 100.0)],
        }
    }

    fn status(state: &str) -> Value {
        json!({"state": state, "halt": null, "mission": {"id": "run-1", "duration_s": 60, "baseline_s": 0,
            "recovery_s": 0, "seed": "x", "ended": null, "stages": [{"for_s": 60, "intensity_percent": 100}],
            "stage": {"number": 1, "of": 1, "intensity_percent": 100, "ends_in_s": 5}}})
    }

    #[test]
    fn a_status_is_read_as_the_way_of_the_mission() {
        let of = |status: &Value| of(status, &expected());
        assert_eq!(of(&status("baseline")), Standing::Baseline);
        let stage = Stage { number: 1, of: 1, intensity_percent: 100.0 };
        assert_eq!(of(&status("injecting")), Standing::Injecting(stage));
        assert_eq!(of(&json!({"state": "idle", "mission": null})), Standing::Absent);
        let mut done = status("done");
        done["mission"]["ended"] = json!({"how": "lease", "by": "", "reason": ""});
        assert!(matches!(of(&done), Standing::Over { how, .. } if how == "lease"));
    }

    #[test]
    fn a_halt_another_mission_and_other_stages_are_no_way_of_it() {
        let of = |status: &Value| of(status, &expected());
        let mut halted = status("halted");
        halted["halt"] = json!({"reason": "guardrail", "detail": "errors above 5 %", "by": ""});
        let halt = Halt { by_guardrail: true, detail: "by a guardrail: errors above 5 %".to_owned() };
        assert_eq!(of(&halted), Standing::Halted(halt.clone()));
        halted["mission"] = Value::Null;
        assert_eq!(of(&halted), Standing::Halted(halt));
        let mut other = status("injecting");
        other["mission"]["id"] = json!("run-2");
        assert!(matches!(of(&other), Standing::Skewed(why) if why.contains("run-2")));
        // One that ran before is not there any more.
        other["mission"]["ended"] = json!({"how": "done"});
        assert_eq!(of(&other), Standing::Absent);
        let mut longer = status("injecting");
        longer["mission"]["duration_s"] = json!(600);
        assert!(matches!(of(&longer), Standing::Skewed(why) if why == "duration_s is 600, not 60"));
    }
}
