//! From the plugin configuration to an armed mission. Whatever is wrong with it disarms the filter, says so
//! in the log and in `chaos_config_rejected`, and never refuses the configuration: a refusal would end Envoy
//! at start-up, or answer every request with 500.

use crate::caps::Caps;
use crate::node::Node;
use crate::root::Armed;
use crate::slots::Pools;
use crate::stats::{self, ScenarioStats};
use crate::{accepted, events, findings, host, mission};
use squall_policy::events::{Name, rfc3339};
use squall_policy::wire::MarkWord;
use squall_policy::{
    Approval, CONFIG_LIMIT, Fault, Loaded, Phase, Plan, Report, Schedule, Seed, load_plugin_on,
};

/// What a configuration asks for.
#[derive(Default)]
pub struct Configured {
    /// `None`: the filter is idle.
    pub armed: Option<Armed>,
    /// The mission that the configuration names, also when it is disabled or over: then it is stopped.
    pub mission: Option<String>,
    /// The same for the same bytes.
    pub identity: u64,
    /// The configuration has errors: whatever ran under an older one is stopped too.
    pub rejected: bool,
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
            let mission = loaded.mission.as_ref().map(|mission| mission.id.0.clone());
            Configured { armed: arm(loaded), mission, rejected: false, identity }
        }
        Err(Rejected) => Configured { rejected: true, identity, ..Configured::default() },
    }
}

/// The configuration has errors, which are in the log.
struct Rejected;

/// The configuration, `None` when there is none.
fn read(bytes: &[u8], identity: u64) -> Result<Option<Loaded>, Rejected> {
    // Istio hands over no bytes at all for a configuration without keys.
    if bytes.is_empty() {
        stats::set_gauge("chaos_config_rejected", &[], 0);
        return Ok(None);
    }
    let mut report = Report::default();
    // Without a clock nothing that expires is taken.
    let now_ms = host::wall_ms().unwrap_or(u64::MAX);
    let loaded = load_plugin_on(bytes, &mut Node, now_ms, &mut report);
    stats::set_gauge("chaos_config_rejected", &[], u64::from(loaded.is_none()));
    findings::tell(&report, loaded.is_none(), identity);
    loaded.map(Some).ok_or(Rejected)
}

fn arm(loaded: Loaded) -> Option<Armed> {
    let mission = loaded.mission.filter(|mission| mission.enable)?;
    let plan = loaded.plan?;
    let id = mission.id.0;
    let seed = mission.seed.as_ref().map(|seed| seed.0.as_str());
    let (record, first) = match mission::join(&id, mission.start.map(|start| start.0), seed) {
        Ok(joined) => joined,
        Err(failure) => {
            log::error!("mission {id} does not run: the workers cannot agree on it: {failure}");
            stats::count_host_errors(1);
            return None;
        }
    };
    if mission.expires.is_some() && accepted::keep(&id, &loaded.approval.digest).is_err() {
        stats::count_host_errors(1);
    }
    let schedule = Schedule::new(&record, mission.duration.millis());
    if first {
        log_accepted(&id, &mission.namespace.0, &record.seed, &schedule, &plan, &loaded.approval);
    }
    let stats = plan.scenarios().iter().map(|scenario| announce(&scenario.name, scenario.faults())).collect();
    let (caps, pools) = (Caps::new(&id, &plan), Pools::new(&id, &plan));
    let armed = Armed {
        mission: id,
        namespace: mission.namespace.0,
        plan,
        stats,
        seed: Seed::from_text(&record.seed),
        schedule,
        caps,
        pools,
        holds_memory: false,
        marks: mission.mark == MarkWord::Headers,
        running: false,
    };
    match armed.phase() {
        Ok((Phase::Over, _)) => {
            armed.show_active(false);
            // An update may have cut it short: what is over once stays over.
            if mission::end(&armed.mission).is_err() {
                stats::count_host_errors(1);
            }
            log::warn!("mission {} is over and does not run again; give a new one a new id", armed.mission);
            None
        }
        Ok(_) => {
            armed.pools.resize(&armed.plan);
            Some(armed)
        }
        Err(_) => {
            stats::count_host_errors(1);
            None
        }
    }
}

/// One line with everything that a replay needs.
fn log_accepted(
    mission: &str,
    namespace: &str,
    seed: &str,
    schedule: &Schedule,
    plan: &Plan,
    approval: &Approval,
) {
    let dormant: Vec<&str> = plan.dormant().iter().map(|d| d.scenario.as_str()).collect();
    let scenarios: Vec<&str> = plan.scenarios().iter().map(|scenario| scenario.name.as_str()).collect();
    let approved_by: Vec<&str> = approval.by.iter().map(String::as_str).collect();
    let event = events::new(Name::MissionAccepted)
        .text("mission", mission)
        .text("namespace", namespace)
        .text("seed", seed)
        .text("deadline", &rfc3339(schedule.deadline_wall_ms()))
        .texts("scenarios", &scenarios)
        .texts("approved_by", &approved_by)
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
    for fault in faults {
        match fault {
            Fault::Requested(requested) => requested.kinds().for_each(|kind| stats.announce(kind)),
            other => stats.announce(other.kind()),
        }
    }
    stats
}
