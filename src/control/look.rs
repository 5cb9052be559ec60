//! What the records in shared data say now.

use crate::answer::Answer;
use crate::config::{Config, ControlNode, Valid};
use crate::problem::{Kind, Problem};
use crate::status::{self, Seen, Shown, Who};
use serde_json::{Map, Value, json};
use squall_adapter::{events, host, mission, orders};
use squall_policy::health::{Clock, Health, Rules};
use squall_policy::mission::{Current, CurrentMission, HaltRecord, MissionRecord, Now, State};
use squall_policy::wire::{Catalog, Decode, Identity, Mission};
use squall_policy::{Identified, Plan, Proxy, Report, load_json};
use std::rc::Rc;

/// Something in shared data cannot be read, or the clocks cannot.
pub fn unreadable(status: host::Status) -> Problem {
    match status {
        host::Status::CAS_MISMATCH => Problem::new(Kind::Contended, "try again"),
        host::Status::UNREADABLE => {
            Problem::new(Kind::HostError, "a record in shared data is not of this version")
        }
        host::Status(number) => Problem::new(Kind::HostError, format!("the host answers status {number}")),
    }
}

/// Missions that filters have armed, with their records, and what else counts.
pub struct Look {
    pub now: Now,
    pub halts: HaltRecord,
    /// The newest last.
    pub missions: Vec<(CurrentMission, MissionRecord)>,
    current: Current,
}

impl Look {
    pub fn now() -> Result<Self, Problem> {
        let halts = mission::halts().map_err(unreadable)?;
        let bytes = host::shared_data(orders::CURRENT).map_err(unreadable)?;
        let bytes = bytes.map(|(bytes, _)| bytes).unwrap_or_default();
        // What is no list of missions was written by nobody of ours, or by another version.
        let current = Current::from_bytes(&bytes).unwrap_or_default();
        let mut missions = Vec::new();
        for mission in &current.missions {
            if let Some(record) = mission::read(&mission.id).map_err(unreadable)? {
                missions.push((mission.clone(), record));
            }
        }
        Ok(Self { now: mission::now().map_err(unreadable)?, halts, missions, current })
    }

    /// The mission that is under way or is to be. One that its configuration has disabled, or does not have any more, is not.
    pub fn running(&self) -> Option<&(CurrentMission, MissionRecord)> {
        let is_run = |id: &str| self.current.is_run(id);
        self.missions.iter().rev().find(|(mission, record)| self.is_alive(record) && is_run(&mission.id))
    }

    /// The last one that has ended.
    fn last(&self) -> Option<&(CurrentMission, MissionRecord)> {
        self.missions.iter().rev().find(|(_, record)| !self.is_alive(record))
    }

    pub fn is_alive(&self, record: &MissionRecord) -> bool {
        !matches!(record.state(self.halts.count, self.now), State::Over(_))
    }

    pub fn of(&self, id: &str) -> Option<&CurrentMission> {
        self.missions.iter().map(|(mission, _)| mission).find(|mission| mission.id == id)
    }
}

/// `GET /v1/status`.
pub fn status(config: &Config) -> Result<Answer, Problem> {
    let look = Look::now()?;
    let who = who(config);
    let shown = look.running().or(look.last()).map(|(mission, record)| Shown {
        mission,
        record,
        health: health(config, mission, record),
    });
    let last_event = events::read().map_or(0, |ring| ring.last());
    let seen = Seen { now: look.now, who: &who, shown, halts: &look.halts, last_event };
    Ok(Answer::json(200, status::status(seen).to_string()))
}

/// What has been observed, as far as it can be read: the rest of the status is worth having without it.
fn health(config: &Config, mission: &CurrentMission, record: &MissionRecord) -> Map<String, Value> {
    let Some(rules) = config.valid.as_ref().and_then(|valid| rules(valid, mission, record)) else {
        return Map::new();
    };
    let bytes = host::shared_data(&rules.key(&mission.id)).ok().flatten().map(|(bytes, _)| bytes);
    let health = Health::from_bytes(&bytes.unwrap_or_default(), &rules);
    let clock = Clock { start_wall_ms: record.start.wall_ms };
    health.map(|health| health.view(&rules, clock)).unwrap_or_default()
}

/// What is watched of a mission: it follows from the catalog and the names of its scenarios.
fn rules(valid: &Valid, mission: &CurrentMission, record: &MissionRecord) -> Option<Rc<Rules>> {
    let mut cached = valid.rules.try_borrow_mut().ok()?;
    let total_ms = record.rules.duration_ms.saturating_add(record.rules.recovery_ms);
    if let Some((.., rules)) = cached.as_ref().filter(|(of, ms, _)| of == mission && *ms == total_ms) {
        return Some(Rc::clone(rules));
    }
    let report = &mut Report::default();
    let catalog = Catalog::decode(valid.plugin.get("catalog")?, report)?;
    let text = json!({
        "version": 1, "id": mission.id, "namespace": mission.namespace, "scenarios": mission.scenarios,
        "duration": format!("{}ms", record.rules.duration_ms),
    });
    let as_written = Mission::decode(&load_json(text.to_string().as_bytes(), report)?, report)?;
    let identity = valid.plugin.get("identity").and_then(|node| Identity::decode(node, report));
    let mut identified = Identified { identity: identity.as_ref(), node: &mut ControlNode };
    let rules = Rc::new(Rules::of(&Plan::compile_on(&catalog, &as_written, &mut identified), total_ms));
    *cached = Some((mission.clone(), total_ms, Rc::clone(&rules)));
    Some(rules)
}

/// The configuration's word on who this proxy is comes first.
fn who(config: &Config) -> Who {
    let said = |key| {
        let identity = config.valid.as_ref()?.plugin.get("identity")?;
        identity.get(key)?.text().map(ToOwned::to_owned)
    };
    Who {
        namespace: said("namespace").or_else(|| ControlNode.namespace()),
        service: said("service").or_else(|| ControlNode.service()),
        id: own_id(),
    }
}

/// Id of Envoy's node.
pub fn own_id() -> Option<String> {
    let of = |path: &[&str]| host::property(path).ok().flatten();
    let bytes = of(&["xds", "node", "id"]).or_else(|| of(&["node", "id"]))?;
    String::from_utf8(bytes).ok().filter(|id| !id.is_empty())
}
