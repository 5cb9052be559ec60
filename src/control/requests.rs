//! Requests about a mission that is there: stop, renew, release, and halt, which needs nobody's leave.

use crate::answer::Answer;
use crate::config::Valid;
use crate::look::{Look, own_id, unreadable};
use crate::problem::{Kind, Problem};
use crate::status;
use crate::verdict;
use serde_json::json;
use squall_adapter::{bells, events, host, mission, record};
use squall_policy::events::Name;
use squall_policy::mission::{CurrentMission, Effect, End, Event, Halt};
use squall_policy::wire::{Action, Decode, HaltRequest, MissionId, Severity};
use squall_policy::{Approved, Code, Node, Nonces, Report, Value, Wanted, load_json, verify_request};

/// Nonces of signed requests that are fresh still.
const NONCES: &str = "squall/nonces";
/// Who does it, where no operators are configured.
const ANYBODY: &str = "unsigned request";

/// `POST /v1/missions/ID/stop`.
pub fn stop(valid: &Valid, id: &str, body: &[u8]) -> Result<Answer, Problem> {
    known(id)?;
    let approved = approve(valid, Action::Stop, Some(id), None, body)?;
    let (by, reason) = (by(&approved), reason(&approved));
    match mission::stop(id, by, reason).map_err(unreadable)? {
        Effect::Ended(End::Stopped) => {
            Ok(Answer::json(200, json!({"mission": id, "state": "stopped"}).to_string()))
        }
        Effect::Ended(end) | Effect::Over(end) => Err(ended(id, end)),
        Effect::Nothing | Effect::Renewed | Effect::Recovers => Err(unknown(id)),
    }
}

/// `POST /v1/missions/ID/renew`.
pub fn renew(valid: &Valid, id: &str, body: &[u8]) -> Result<Answer, Problem> {
    let look = known(id)?;
    let severity = look.of(id).and_then(|mission| severity(valid, mission));
    let approved = approve(valid, Action::Renew, Some(id), severity, body)?;
    let (record, _, effect) = mission::step(id, Event::Renew).map_err(unreadable)?;
    let Some(record) = record else { return Err(unknown(id)) };
    match effect {
        Effect::Renewed => {
            bells::ring_all();
            let now = mission::now().map_err(unreadable)?;
            let lease = status::lease(&record, false, now);
            let event = events::new(Name::MissionRenewed).text("mission", id).text("by", by(&approved));
            events::emit(log::Level::Info, &event);
            Ok(Answer::json(200, json!({"mission": id, "lease": lease}).to_string()))
        }
        Effect::Ended(end) | Effect::Over(end) => Err(ended(id, end)),
        Effect::Nothing | Effect::Recovers => {
            let detail = if record.rules.lease_ms == 0 {
                "the mission has no `lease`"
            } else {
                "the mission recovers"
            };
            Err(Problem::new(Kind::NoLease, detail))
        }
    }
}

/// `POST /v1/release`.
pub fn release(valid: &Valid, body: &[u8]) -> Result<Answer, Problem> {
    let none = || Problem::new(Kind::NotHalted, "nothing blocks a new mission");
    let look = Look::now()?;
    if !look.halts.blocks() {
        return Err(none());
    }
    let severity = look.of(&look.halts.mission).and_then(|mission| severity(valid, mission));
    let approved = approve(valid, Action::Release, None, severity, body)?;
    // Who names a mission means the halt of that one.
    let meant = approved.request.mission.as_ref().map(|id| id.0.as_str());
    if meant.is_some_and(|meant| meant != look.halts.mission) {
        let detail = format!("the halt is about mission {:?}", look.halts.mission);
        tell_refused(Action::Release, meant, Code::OtherTarget, &detail);
        return Err(Problem::new(Kind::Forbidden, detail).with_code(Code::OtherTarget.slug()));
    }
    if mission::release(by(&approved)).map_err(unreadable)? {
        Ok(Answer::json(200, json!({"state": "released", "by": by(&approved)}).to_string()))
    } else {
        Err(none())
    }
}

/// `POST /v1/halt`. Everybody may, also where the configuration has errors.
pub fn halt(body: &[u8]) -> Result<Answer, Problem> {
    let request = read_halt(body)?;
    let look = Look::now();
    let running = look.as_ref().ok().and_then(|look| look.running());
    let halt = Halt {
        reason: "person",
        detail: request.reason.as_ref().map_or("", |reason| &reason.0),
        by: request.by.as_ref().map_or("", |by| &by.0),
        mission: running.map_or("", |(mission, _)| &mission.id),
    };
    // Nothing runs while a halt blocks: one more would only push out what the events say of the first.
    if !look.as_ref().is_ok_and(|look| look.halts.blocks()) {
        mission::halt(halt).map_err(unreadable)?;
    }
    let halts = mission::halts().map_err(unreadable)?;
    Ok(Answer::json(200, json!({"state": "halted", "halt": status::halt(&halts)}).to_string()))
}

/// No body at all is one without a reason.
fn read_halt(body: &[u8]) -> Result<HaltRequest, Problem> {
    let mut report = Report::default();
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    let request = load_json(body, &mut report).and_then(|node| HaltRequest::decode(&node, &mut report));
    match request {
        Some(request) if !report.has_errors() => Ok(request),
        _ => Err(Problem::found(Kind::BadBody, report)),
    }
}

/// Whether the request may be carried out; its nonce is spent then.
fn approve(
    valid: &Valid,
    action: Action,
    id: Option<&str>,
    severity: Option<Severity>,
    body: &[u8],
) -> Result<Approved, Problem> {
    let proxy = own_id();
    let wanted = Wanted { action, mission: id, proxy: proxy.as_deref(), severity };
    let mut verdict = None;
    let spent = record::exchange(NONCES, &mut |bytes| {
        // Without its memory a replay would not be noticed.
        let mut nonces = Nonces::from_bytes(bytes).ok_or(host::Status::UNREADABLE)?;
        let now_ms = host::wall_ms()?;
        let result = verify_request(body, &valid.operators, &wanted, now_ms, &mut nonces);
        let bytes = result.is_ok().then(|| nonces.to_bytes());
        verdict = Some(result);
        Ok(bytes)
    });
    spent.map_err(unreadable)?;
    match verdict {
        Some(Ok(approved)) => Ok(approved),
        Some(Err(refused)) => {
            tell_refused(action, id, refused.code, &refused.detail);
            Err(verdict::on_request(refused))
        }
        None => Err(unreadable(host::Status::UNREADABLE)),
    }
}

fn tell_refused(action: Action, mission: Option<&str>, code: Code, reason: &str) {
    let event = events::new(Name::RequestRefused)
        .text("action", action.word())
        .text_if("mission", mission)
        .text("code", code.slug())
        .text("reason", reason);
    events::emit_once(log::Level::Warn, &event);
}

fn by(approved: &Approved) -> &str {
    approved.by.as_deref().unwrap_or(ANYBODY)
}

fn reason(approved: &Approved) -> &str {
    approved.request.reason.as_ref().map_or("", |reason| &reason.0)
}

/// What is known, where there is such a mission.
fn known(id: &str) -> Result<Look, Problem> {
    let is_id = MissionId::decode(&Node::from(Value::Text(id.to_owned())), &mut Report::default());
    if is_id.is_none() || mission::read(id).map_err(unreadable)?.is_none() {
        return Err(unknown(id));
    }
    Look::now()
}

fn unknown(id: &str) -> Problem {
    let shown: String = id.chars().take(128).collect();
    Problem::new(Kind::UnknownMission, format!("no filter of this proxy has had a mission {shown:?}"))
}

fn ended(id: &str, end: End) -> Problem {
    Problem::new(Kind::MissionEnded, format!("mission {id} has ended ({})", end.word()))
}

/// The highest among the scenarios of a mission, as the catalog has them.
fn severity(valid: &Valid, mission: &CurrentMission) -> Option<Severity> {
    let scenarios = match &valid.plugin.get("catalog")?.get("scenarios")?.value {
        Value::List(scenarios) => scenarios,
        _ => return None,
    };
    let named = |scenario: &&Node| {
        let name = scenario.get("name").and_then(Node::text);
        name.is_some_and(|name| mission.scenarios.iter().any(|known| known == name))
    };
    let of = |scenario: &Node| match scenario.get("severity") {
        Some(word) => Severity::decode(word, &mut Report::default()),
        None => Some(Severity::Low),
    };
    scenarios.iter().filter(named).filter_map(of).max()
}
