//! Missions that were started through the control API: every filter reads them from shared data and verifies each for itself, with
//! its own configuration (promise P6).

use crate::node::Node;
use crate::{events, findings, host, stats};
use squall_policy::events::Name;
use squall_policy::mission::{Current, CurrentMission, Order};
use squall_policy::{Level, Loaded, Report, load_mission_on};

pub const KEY: &str = "squall/order";
pub const CURRENT: &str = "squall/current";

/// The last order; `None` where there was none.
pub fn last() -> Option<Order> {
    match host::shared_data(KEY) {
        Ok(bytes) => Order::from_bytes(&bytes?.0),
        Err(_) => {
            stats::count_host_errors(1);
            None
        }
    }
}

/// Verifies an order against a plugin configuration; `None` when it is refused.
pub fn load(configuration: &[u8], order: &Order) -> Option<Loaded> {
    let mut report = Report::default();
    let now_ms = host::wall_ms().unwrap_or(u64::MAX);
    let loaded = load_mission_on(configuration, &order.bytes, &mut Node, now_ms, &mut report);
    if loaded.is_none() {
        refuse(&report, order);
    }
    loaded
}

/// This proxy's other filters may have the scenarios: an order that one refuses is not an error of its configuration.
fn refuse(report: &Report, order: &Order) {
    let first = report.findings.iter().find(|finding| finding.code.level() == Level::Error);
    let event = events::new(Name::MissionRefused)
        .number("order", order.serial)
        .text("order_digest", &format!("{:016x}", findings::identity(&order.bytes)))
        .text_if("code", first.map(|finding| finding.code.slug()))
        .text_if("key", first.map(|finding| finding.path.as_str()))
        .text_if("reason", first.map(|finding| finding.message.as_str()));
    events::emit_once(log::Level::Warn, &event);
}

/// Says which mission a plugin runs. `beside`: what else runs under its name goes on.
pub fn tell_run(plugin: &str, mission: Option<&str>, beside: bool) {
    let told = crate::record::exchange(CURRENT, &mut |bytes| {
        let current = Current::from_bytes(bytes).unwrap_or_default();
        Ok(current.with_plugin(plugin, mission, beside).map(|current| current.to_bytes()))
    });
    stats::count_host_errors(u32::from(told.is_err()));
}

/// Says that this filter has armed a mission.
pub fn tell_current(mission: &CurrentMission) {
    let told = crate::record::exchange(CURRENT, &mut |bytes| {
        let current = Current::from_bytes(bytes).unwrap_or_default();
        Ok(current.with(mission).map(|current| current.to_bytes()))
    });
    stats::count_host_errors(u32::from(told.is_err()));
}
