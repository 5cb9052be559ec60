//! From the plugin configuration to an armed mission. Whatever is wrong with it disarms the filter, says so
//! in the log and in `chaos_config_rejected`, and never refuses the configuration: a refusal would end Envoy
//! at start-up, or answer every request with 500.

use crate::armed::{Armed, show_halts};
use crate::caps::Caps;
use crate::health::Observer;
use crate::node::Node;
use crate::run::Run;
use crate::shown::Owner;
use crate::slots::Pools;
use crate::stats::{self, ScenarioStats};
use crate::{accepted, bells, events, findings, host, mission, orders};
use squall_policy::events::{Name, rfc3339};
use squall_policy::mission::{Asked, CurrentMission, HaltRecord, Joined, MissionRecord, Rules, Source};
use squall_policy::wire::{self, MarkWord};
use squall_policy::{Approval, CONFIG_LIMIT, Fault, Loaded, Plan, Report, Seed, load_plugin_on};
use std::rc::Rc;

/// What a configuration asks for.
#[derive(Default)]
pub struct Configured {
    /// What runs now.
    pub chosen: Chosen,
    /// The same for the same bytes.
    pub identity: u64,
    /// The configuration has errors: whatever ran under an older one is stopped too.
    pub rejected: bool,
    /// Its one error is that its mission is for another namespace.
    pub elsewhere: bool,
    /// As it came, where it has a catalog.
    pub bytes: Option<Rc<[u8]>>,
    pub own_mission: bool,
}

/// The mission of a configuration, or the one that was ordered.
#[derive(Default)]
pub struct Chosen {
    /// `None`: the filter is idle.
    pub armed: Option<Armed>,
    /// The mission that the configuration names, also when it is disabled or over: then it is stopped. Else the ordered one.
    pub mission: Option<String>,
    /// A halt keeps it from beginning.
    pub blocked: bool,
    /// The last order that was looked at.
    pub order: u64,
}

/// Reads the configuration of the effective root context.
pub fn load() -> Configured {
    let bytes = match host::plugin_configuration(CONFIG_LIMIT.saturating_add(1)) {
        Ok(bytes) => bytes,
        Err(status) => {
            log::error!("the host did not hand over the plugin configuration: status {}", status.0);
            stats::count_host_errors(1);
            return Configured::default();
        }
    };
    let identity = findings::identity(&bytes);
    match read(&bytes, identity) {
        Ok(None) => Configured { identity, ..Configured::default() },
        Ok(Some(loaded)) => {
            bells::register();
            show_halts();
            if loaded.release.is_some_and(|until| mission::release_until(until).is_err()) {
                stats::count_host_errors(1);
            }
            let own_mission = loaded.mission.is_some();
            let chosen = choose(&bytes, loaded);
            let bytes = Some(bytes.into());
            Configured { chosen, identity, bytes, own_mission, ..Configured::default() }
        }
        Err(Rejected { elsewhere }) => {
            Configured { rejected: true, elsewhere, identity, ..Configured::default() }
        }
    }
}

/// Chooses once more: an order has come, or a halt was released.
pub fn choose_again(bytes: &[u8], own_mission: bool) -> Chosen {
    if !own_mission {
        return ordered(bytes, None);
    }
    let now_ms = host::wall_ms().unwrap_or(u64::MAX);
    match load_plugin_on(bytes, &mut Node, now_ms, &mut Report::default()) {
        Some(loaded) => choose(bytes, loaded),
        // It has expired since, before it could begin: an order still can.
        None => ordered(bytes, None),
    }
}

/// The configuration has errors, which are in the log.
pub struct Rejected {
    elsewhere: bool,
}

/// The configuration, `None` when there is none.
fn read(bytes: &[u8], identity: u64) -> Result<Option<Loaded>, Rejected> {
    // Istio hands over no bytes at all for a configuration without keys.
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut report = Report::default();
    // Without a clock nothing that expires is taken.
    let now_ms = host::wall_ms().unwrap_or(u64::MAX);
    let loaded = load_plugin_on(bytes, &mut Node, now_ms, &mut report);
    let elsewhere = findings::tell(&report, loaded.is_none(), identity);
    if let Some(loaded) = &loaded {
        stats::label_as(loaded.stat_labels);
    }
    loaded.map(Some).ok_or(Rejected { elsewhere })
}

/// A mission of the configuration that is enabled and not over comes before an order.
fn choose(bytes: &[u8], mut loaded: Loaded) -> Chosen {
    let named = loaded.mission.as_ref().map(|mission| mission.id.0.clone());
    let disabled = loaded.mission.as_ref().is_some_and(|mission| !mission.enable);
    let own = loaded.mission.take().filter(|mission| mission.enable);
    let own = own.map(|mission| arm(mission, loaded, Source::Configuration));
    match own {
        Some(Outcome::Armed(armed)) => Chosen { armed: Some(*armed), mission: named, ..Chosen::default() },
        Some(Outcome::Blocked) => Chosen { mission: named, blocked: true, ..Chosen::default() },
        Some(Outcome::Over) | None => {
            let chosen = ordered(bytes, named.as_deref().filter(|_| disabled));
            let mission = chosen.armed.as_ref().map(|armed| armed.mission.clone()).or(named);
            Chosen { mission, ..chosen }
        }
    }
}

/// The ordered mission. `disabled`: the one that the configuration stops.
fn ordered(bytes: &[u8], disabled: Option<&str>) -> Chosen {
    let Some(order) = orders::last() else { return Chosen::default() };
    let seen = Chosen { order: order.serial, ..Chosen::default() };
    let Some(mut loaded) = orders::load(bytes, &order) else { return seen };
    let Some(mission) = loaded.mission.take().filter(|mission| mission.enable) else { return seen };
    let id = mission.id.0.clone();
    if disabled == Some(id.as_str()) {
        if mission::stop(&id, "configuration", "enable: false").is_err() {
            stats::count_host_errors(1);
        }
        return seen;
    }
    // One that nobody has begun in time stays where it is, and this may be hours later.
    if !host::wall_ms().is_ok_and(|now| order.may_begin(now)) && matches!(mission::read(&id), Ok(None)) {
        log::warn!("mission {id} does not begin: it was ordered too long ago; order it again");
        return seen;
    }
    match arm(mission, loaded, Source::Order) {
        Outcome::Armed(armed) => Chosen { armed: Some(*armed), mission: Some(id), ..seen },
        Outcome::Blocked => Chosen { blocked: true, mission: Some(id), ..seen },
        Outcome::Over => seen,
    }
}

enum Outcome {
    Armed(Box<Armed>),
    Blocked,
    Over,
}

fn arm(mission: wire::Mission, loaded: Loaded, source: Source) -> Outcome {
    let Some(plan) = loaded.plan else { return Outcome::Over };
    let id = mission.id.0.as_str();
    let joined = join(&mission, source);
    let (record, halts) = match joined {
        Ok((Joined::Begins(record), halts)) => {
            log_accepted(&mission, &record, &plan, &loaded.approval);
            (record, halts)
        }
        Ok((Joined::Changes(record) | Joined::Takes(record), halts)) => (record, halts),
        Ok((Joined::Blocked, _)) => {
            refuse(source, id, "halted", "a halt blocks it until it is released");
            return Outcome::Blocked;
        }
        Ok((Joined::Over { end, .. }, _)) => {
            let why = ["it is ", end.word(), " and does not run again; give a new one a new id"].concat();
            refuse(source, id, "mission-ended", &why);
            return Outcome::Over;
        }
        Err(status) => {
            log::error!("mission {id} does not run: the workers cannot agree on it: status {}", status.0);
            stats::count_host_errors(1);
            return Outcome::Over;
        }
    };
    if mission.expires.is_some() && accepted::keep(id, &loaded.approval.digest).is_err() {
        stats::count_host_errors(1);
    }
    orders::tell_current(&CurrentMission {
        id: id.to_owned(),
        namespace: mission.namespace.0.clone(),
        source: record.source,
        scenarios: mission.scenarios.iter().map(|name| name.0.clone()).collect(),
        approved_by: loaded.approval.by.clone(),
    });
    let approvals = loaded.approval.by.len() as u64;
    armed(mission, plan, record, &halts, approvals)
}

fn join(mission: &wire::Mission, source: Source) -> host::Result<(Joined, HaltRecord)> {
    let rules = Rules::of(mission);
    let drawn;
    let seed = match &mission.seed {
        Some(seed) => seed.0.as_str(),
        None => {
            drawn = format!("{:016x}", getrandom::u64().map_err(|_| host::Status::NO_ENTROPY)?);
            &drawn
        }
    };
    let asked = Asked {
        rules: &rules,
        start_wall_ms: mission.start.map(|start| start.0),
        seed,
        seed_given: mission.seed.is_some(),
        source,
    };
    mission::join(&mission.id.0, asked)
}

fn armed(
    mission: wire::Mission,
    plan: Plan,
    record: MissionRecord,
    halts: &HaltRecord,
    approvals: u64,
) -> Outcome {
    let Ok(now) = mission::now() else {
        stats::count_host_errors(1);
        return Outcome::Over;
    };
    let id = mission.id.0;
    let stats = plan.scenarios().iter().map(|scenario| announce(&scenario.name, scenario.faults())).collect();
    let (caps, pools) = (Caps::new(&id, &plan), Pools::new(&id, &plan));
    pools.resize(&plan);
    let observer = Observer::new(&id, &plan, &record);
    Outcome::Armed(Box::new(Armed {
        mission: id,
        owner: Owner::default(),
        namespace: mission.namespace.0,
        plan,
        stats,
        seed: Seed::from_text(&record.seed),
        observer,
        run: Run::new(record, halts, now),
        caps,
        pools,
        holds_memory: false,
        marks: mission.mark == MarkWord::Headers,
        approvals,
        running: false,
        intensity_ppm: 0,
        is_ended: false,
        shown: None,
    }))
}

/// The mission does not begin here. An order stays where it is when its mission is over: then there is nothing to tell.
fn refuse(source: Source, mission: &str, code: &str, why: &str) {
    log::warn!("mission {mission} does not begin: {why}");
    if source == Source::Configuration {
        let event = events::new(Name::MissionRefused);
        let event = event.text("mission", mission).text("code", code).text("reason", why);
        events::emit_once(log::Level::Warn, &event);
    }
}

/// One line with everything that a replay needs.
fn log_accepted(mission: &wire::Mission, record: &MissionRecord, plan: &Plan, approval: &Approval) {
    let dormant: Vec<&str> = plan.dormant().iter().map(|d| d.scenario.as_str()).collect();
    let scenarios: Vec<&str> = plan.scenarios().iter().map(|scenario| scenario.name.as_str()).collect();
    let faults = events::kinds(plan.scenarios());
    let approvers: Vec<&str> = approval.by.iter().map(String::as_str).collect();
    let event = events::new(Name::MissionAccepted)
        .text("mission", &mission.id.0)
        .text("namespace", &mission.namespace.0)
        .text("source", record.source.word())
        .text("seed", &record.seed)
        .text("deadline", &rfc3339(record.deadline().wall_ms))
        .number("duration_s", record.rules.duration_ms / 1000)
        .texts("scenarios", &scenarios)
        .texts("faults", &faults)
        .texts("approved_by", &approvers)
        .texts("dormant", &dormant);
    events::emit(log::Level::Info, &event);
    let now = host::wall_ms().unwrap_or(0);
    for scenario in plan.scenarios().iter().filter(|scenario| scenario.is_over(now)) {
        log::warn!("scenario {} stays off: its window has closed; give a later `end`", scenario.name);
    }
    for dormant in plan.dormant() {
        log::info!("scenario {} is dormant in this proxy: {}", dormant.scenario, dormant.because);
    }
}

fn announce<'f>(name: &str, faults: impl Iterator<Item = &'f Fault>) -> ScenarioStats {
    let mut stats = ScenarioStats::new(name);
    stats.announce_own_errors();
    for fault in faults {
        match fault {
            Fault::Requested(requested) => requested.kinds().for_each(|kind| stats.announce(kind)),
            other => stats.announce(other.kind()),
        }
    }
    stats
}
