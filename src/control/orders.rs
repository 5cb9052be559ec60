//! `POST /v1/missions`: a mission is verified as the filters will, written down for them, and they are told.

use crate::answer::Answer;
use crate::config::{ControlNode, Valid};
use crate::look::{Look, unreadable};
use crate::problem::{Kind, Problem};
use crate::verdict;
use serde_json::{Value, json};
use squall_adapter::{bells, events, findings, host, mission, orders, record};
use squall_policy::events::Name;
use squall_policy::mission::{Order, State};
use squall_policy::{Level, Loaded, Report, load_mission_on};

/// Starts the mission of a body.
pub fn start(valid: &Valid, body: &[u8]) -> Result<Answer, Problem> {
    match take(valid, body) {
        Ok(answer) => Ok(answer),
        Err(problem) => {
            let event = events::new(Name::MissionRefused)
                .text("order_digest", &format!("{:016x}", findings::identity(body)))
                .text("code", problem.code())
                .text("reason", &problem.detail);
            // The same again and again would push out what somebody has to see.
            events::emit_once(log::Level::Warn, &event);
            Err(problem)
        }
    }
}

fn take(valid: &Valid, body: &[u8]) -> Result<Answer, Problem> {
    let look = Look::now()?;
    if look.halts.blocks() {
        return Err(halted());
    }
    let mut report = Report::default();
    let Some(loaded) = load_mission_on(&valid.bytes, body, &mut ControlNode, look.now.wall_ms, &mut report)
    else {
        return Err(verdict::on_mission(report));
    };
    let Some(mission) = &loaded.mission else {
        return Err(Problem::new(Kind::InvalidMission, "there is no mission in it"));
    };
    if !mission.enable {
        return Err(Problem::new(
            Kind::InvalidMission,
            "the mission says `enable: false`; to stop one, POST its /stop",
        ));
    }
    check_free(&look, &mission.id.0)?;
    let serial = write(valid, &look, body)?;
    bells::ring_all();
    Ok(Answer::json(201, accepted(&loaded, serial, &report).to_string()))
}

fn halted() -> Problem {
    Problem::new(Kind::Halted, "release it first: POST /v1/release")
}

/// An id that has ended never runs again, and only one mission runs at a time.
fn check_free(look: &Look, id: &str) -> Result<(), Problem> {
    if let Some(record) = mission::read(id).map_err(unreadable)? {
        if let State::Over(end) = record.state(look.halts.count, look.now) {
            let detail = format!("mission {id} has ended ({}), and no id runs twice", end.word());
            return Err(Problem::new(Kind::MissionEnded, detail));
        }
        return Err(runs(id));
    }
    look.running().map_or(Ok(()), |(other, _)| Err(runs(&other.id)))
}

fn runs(id: &str) -> Problem {
    Problem::new(Kind::MissionRuns, format!("mission {id} is under way, or is to be; stop it first"))
}

/// Writes the order, unless another one came first and is alive; gives its number.
fn write(valid: &Valid, look: &Look, body: &[u8]) -> Result<u64, Problem> {
    let mut serial = 0;
    let mut other = None;
    record::exchange(orders::KEY, &mut |bytes| {
        let last = Order::from_bytes(bytes);
        other = last.as_ref().and_then(|last| alive(valid, look, last));
        if other.is_some() {
            return Ok(None);
        }
        serial = last.map_or(0, |last| last.serial).saturating_add(1);
        Ok(Some(Order { serial, wall_ms: look.now.wall_ms, bytes: body.to_vec() }.to_bytes()))
    })
    .map_err(unreadable)?;
    match other {
        Some(id) => Err(runs(&id)),
        None => Ok(serial),
    }
}

/// The id of an order whose mission runs, or has not come to the filters yet.
fn alive(valid: &Valid, look: &Look, order: &Order) -> Option<String> {
    let now_ms = order.wall_ms;
    let loaded =
        load_mission_on(&valid.bytes, &order.bytes, &mut ControlNode, now_ms, &mut Report::default())?;
    let id = loaded.mission?.id.0;
    match mission::read(&id) {
        Ok(Some(record)) => look.is_alive(&record).then_some(id),
        Ok(None) => order.may_begin(look.now.wall_ms).then_some(id),
        Err(host::Status(_)) => Some(id),
    }
}

fn accepted(loaded: &Loaded, serial: u64, report: &Report) -> Value {
    let mission = loaded.mission.as_ref();
    let warnings = report.findings.iter().filter(|finding| finding.code.level() == Level::Warning);
    let dormant = loaded.plan.iter().flat_map(|plan| plan.dormant());
    json!({
        "mission": mission.map(|mission| mission.id.0.as_str()),
        "order": serial,
        "scenarios": mission.map(|m| m.scenarios.iter().map(|name| name.0.as_str()).collect::<Vec<_>>()),
        "duration_s": mission.map(|mission| mission.duration.millis() / 1000),
        "approved_by": loaded.approval.by,
        "dormant": dormant.map(|d| json!({"scenario": d.scenario, "because": d.because})).collect::<Vec<_>>(),
        "warnings": warnings.map(ToString::to_string).collect::<Vec<_>>(),
    })
}
