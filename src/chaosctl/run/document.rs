//! The mission of a run, with what `run` adds to a plain one.

use crate::control::mission::Mission;
use crate::envelope::text;
use anyhow::{Context, anyhow};
use serde_json::Value as Json;
use squall_policy::wire::{self, Decode};
use squall_policy::{Entry, Node, Report, Value, load_json};
use std::collections::BTreeMap;

/// Of a plain mission without one.
const USUAL_LEASE: &str = "30s";

pub struct Document {
    pub mission: Mission,
    pub wire: wire::Mission,
    pub json: Json,
    /// What has been added, in words.
    pub added: Vec<String>,
}

/// What every proxy should tell of the mission.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    pub id: String,
    pub duration_s: u64,
    pub baseline_s: u64,
    pub recovery_s: u64,
    /// Absent: each proxy draws its own.
    pub seed: Option<String>,
    /// Seconds and percent.
    pub stages: Vec<(u64, f64)>,
}

impl Document {
    /// A signed mission stays as it is. `digests`: of the scenarios as the proxies' control listeners tell them.
    ///
    /// # Errors
    /// When there is no entropy for a seed.
    pub fn of(
        mut mission: Mission,
        with_lease: bool,
        digests: &BTreeMap<String, String>,
    ) -> anyhow::Result<Self> {
        let node = match &mission.source {
            Some(source) => source.node.clone(),
            None => load_json(&mission.body, &mut Report::default()),
        };
        let mut node = node.context("there is no mission")?;
        let mut added = Vec::new();
        if !mission.is_signed {
            let bound = bound(&node, digests);
            let mut add = |key: &str, value: Node| {
                if let Value::Object(entries) = &mut node.value {
                    entries.push(Entry { key: key.to_owned(), at: None, value });
                }
            };
            if with_lease && !has(&mission, "lease")? {
                add("lease", text(USUAL_LEASE));
                added.push(format!(
                    "`lease: {USUAL_LEASE}`: faults end so long after this chaosctl does; `--no-lease` leaves it out"
                ));
            }
            // Else each proxy draws its own, and no run over several could be replayed.
            if !has(&mission, "seed")? {
                let seed = seed()?;
                add("seed", text(&seed));
                added.push(format!("`seed: {seed}`, the same for all proxies"));
            }
            // Else a filter with another catalog than its control listener would inject what nobody has checked.
            if let Some(bound) = bound.filter(|_| !has(&mission, "digests").unwrap_or(true)) {
                add("digests", bound);
                added.push(
                    "`digests`: a filter in which a scenario is another one refuses the mission".to_owned(),
                );
            }
            if !added.is_empty() {
                mission.body = serde_json::to_vec(&node)?;
            }
        }
        let wire = wire::Mission::decode(&node, &mut Report::default()).context("there is no mission")?;
        Ok(Self { json: serde_json::to_value(&node)?, mission, wire, added })
    }

    pub fn lease_s(&self) -> Option<u64> {
        self.wire.lease.map(|lease| lease.millis() / 1000)
    }

    pub fn expected(&self) -> Expected {
        let wire = &self.wire;
        let (duration_ms, baseline_ms) =
            (wire.duration.millis(), wire.baseline.map_or(0, wire::Span::millis));
        let mut from_ms = baseline_ms;
        let mut stages = Vec::new();
        let given = wire.stages.as_deref().unwrap_or_default();
        for (number, stage) in given.iter().enumerate() {
            let is_last = number + 1 == given.len();
            let until_ms =
                stage.lasts.filter(|_| !is_last).map_or(duration_ms, |lasts| from_ms + lasts.millis());
            // Three decimals and no rounding: so a proxy tells it.
            let percent = f64::from(stage.intensity.0 / 10) / 1000.0;
            stages.push((until_ms.saturating_sub(from_ms) / 1000, percent));
            from_ms = until_ms;
        }
        if stages.is_empty() {
            stages.push((duration_ms.saturating_sub(baseline_ms) / 1000, 100.0));
        }
        Expected {
            id: wire.id.0.clone(),
            duration_s: duration_ms / 1000,
            baseline_s: baseline_ms / 1000,
            recovery_s: wire.recovery.map_or(0, wire::Span::millis) / 1000,
            seed: wire.seed.as_ref().map(|seed| seed.0.clone()),
            stages,
        }
    }
}

/// The digests of the mission's scenarios, where all are known and are digests: a proxy may answer anything.
fn bound(mission: &Node, digests: &BTreeMap<String, String>) -> Option<Node> {
    let names = mission.get("scenarios").and_then(Node::list)?;
    let entry = |name: &Node| {
        let name = name.text()?;
        Some(Entry { key: name.to_owned(), at: None, value: text(digests.get(name)?) })
    };
    let bound = Value::Object(names.iter().map(entry).collect::<Option<_>>()?).into();
    wire::Digests::decode(&bound, &mut Report::default()).map(|_| bound)
}

fn has(mission: &Mission, key: &str) -> anyhow::Result<bool> {
    Ok(match &mission.source {
        Some(source) => source.node.as_ref().is_some_and(|node: &Node| node.get(key).is_some()),
        None => serde_json::from_slice::<Json>(&mission.body)?.get(key).is_some(),
    })
}

fn seed() -> anyhow::Result<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("the system has no entropy: {error}"))?;
    Ok(format!("{:016x}", u64::from_be_bytes(bytes)))
}

impl Expected {
    /// In what the mission of a status differs; empty where it does not.
    pub fn differences(&self, mission: &Json) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |key: &str, theirs: String, ours: String| {
            if theirs != ours {
                found.push(format!("{key} is {theirs}, not {ours}"));
            }
        };
        for (key, ours) in [
            ("duration_s", self.duration_s),
            ("baseline_s", self.baseline_s),
            ("recovery_s", self.recovery_s),
        ] {
            compare(
                key,
                mission.get(key).map_or_else(|| "unknown".to_owned(), Json::to_string),
                ours.to_string(),
            );
        }
        if let Some(seed) = &self.seed {
            compare(
                "seed",
                mission.get("seed").and_then(Json::as_str).unwrap_or_default().to_owned(),
                seed.clone(),
            );
        }
        let theirs = mission.get("stages").and_then(Json::as_array).into_iter().flatten().map(|stage| {
            let number = |key: &str| stage.get(key).and_then(Json::as_f64).unwrap_or_default();
            (number("for_s") as u64, number("intensity_percent"))
        });
        compare("stages", told(theirs), told(self.stages.iter().copied()));
        found
    }
}

fn told(stages: impl Iterator<Item = (u64, f64)>) -> String {
    stages.map(|(for_s, percent)| format!("{percent:.3}% for {for_s}s")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::mission::Words;
    use serde_json::json;

    fn short(words: &[&str]) -> Mission {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        Words::read(&words).expect("words").mission("shop").expect("a mission")
    }

    #[test]
    fn a_plain_mission_gets_a_lease_a_seed_and_digests_of_its_own_and_says_so() {
        let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
        let digests = BTreeMap::from([("a".to_owned(), digest("1")), ("b".to_owned(), digest("2"))]);
        let document =
            Document::of(short(&["scenario=a", "duration=1m"]), true, &digests).expect("a mission");
        let sent: Json = serde_json::from_slice(&document.mission.body).expect("JSON");
        assert_eq!((&sent["lease"], sent["seed"].as_str().map(str::len)), (&json!("30s"), Some(16)));
        assert_eq!((sent == document.json, document.added.len(), document.lease_s()), (true, 3, Some(30)));
        assert_eq!(sent["digests"], json!({"a": digest("1")}), "of its own scenarios");
        let odd = BTreeMap::from([("a".to_owned(), "sha256:1".to_owned())]);
        let unbound = Document::of(short(&["scenario=a", "duration=1m"]), true, &odd).expect("a mission");
        assert_eq!(
            (unbound.json.get("digests"), unbound.added.len()),
            (None, 2),
            "a proxy may answer anything"
        );
        let without =
            Document::of(short(&["scenario=a", "duration=1m"]), false, &BTreeMap::new()).expect("a mission");
        assert_eq!((without.lease_s(), without.added.len()), (None, 1));
    }

    fn expected(more: &Json) -> Expected {
        let mut mission =
            json!({"version": 1, "id": "a", "scenarios": ["a"], "namespace": "b", "duration": "100s"});
        for (key, value) in more.as_object().expect("an object") {
            mission[key] = value.clone();
        }
        let body = serde_json::to_vec(&mission).expect("JSON");
        let mission = Mission { id: "a".to_owned(), body, source: None, is_signed: true };
        Document::of(mission, true, &BTreeMap::new()).expect("a mission").expected()
    }

    #[test]
    fn a_proxy_whose_mission_differs_is_told_with_what_differs() {
        let ours = expected(&json!({"baseline": "10s", "seed": "s", "stages": [
            {"for": "30s", "intensity": "12.5%"}, {"intensity": "100%"}]}));
        assert_eq!(ours.stages, [(30, 12.5), (60, 100.0)]);
        let theirs = json!({"duration_s": 100, "baseline_s": 10, "recovery_s": 0, "seed": "s", "stages": [
            {"for_s": 30, "intensity_percent": 12.5}, {"for_s": 60, "intensity_percent": 100}]});
        assert_eq!(ours.differences(&theirs), [""; 0]);
        for (key, value) in [
            ("duration_s", json!(90)),
            ("baseline_s", json!(0)),
            ("recovery_s", json!(5)),
            ("seed", json!("t")),
            ("stages", json!([{"for_s": 90, "intensity_percent": 100}])),
        ] {
            let mut other = theirs.clone();
            other[key] = value;
            let found = ours.differences(&other);
            assert!(found.len() == 1 && found[0].starts_with(key), "{found:?}");
        }
        let thirds = expected(
            &json!({"stages": [{"for": "50s", "intensity": "33.3333%"}, {"intensity": "66.6667%"}]}),
        );
        let theirs = json!({"duration_s": 100, "baseline_s": 0, "recovery_s": 0, "stages": [
            {"for_s": 50, "intensity_percent": 33.333}, {"for_s": 50, "intensity_percent": 66.666}]});
        assert_eq!(thirds.differences(&theirs), [""; 0], "a proxy does not round");
        let any = expected(&json!({}));
        assert_eq!((any.stages.as_slice(), &any.seed), (&[(100, 100.0)][..], &None));
    }
}
