//! Two modules read the same configuration: each refuses what is for the other.

use crate::diagnostic::{Code, Report};
use crate::node::Node;
use crate::wire::{Decode, Role};

/// Looks at what a configuration asks the module for that reads it.
pub(crate) fn check(plugin: &Node, own: Role, report: &mut Report) {
    let key = plugin.get("role");
    // A word that is no role is reported where the configuration is read.
    let asked = key.map_or(Some(Role::Filter), |node| Role::decode(node, &mut Report::default()));
    let at = key.and_then(|node| node.at);
    match (own, asked) {
        (Role::Filter, Some(Role::Control)) => report.in_key("role", |r| {
            let message = "this module is the filter, and `role` is `control`";
            r.add(Code::NotSupported, at, message, "load squall-control.wasm for the control listener");
        }),
        (Role::Control, Some(Role::Filter)) => report.in_key("role", |r| {
            let message = "this module answers a control listener, and `role` is `filter`";
            r.add(
                Code::NotSupported,
                at,
                message,
                "write `role: control`, or load squall.wasm to inject faults",
            );
        }),
        (Role::Control, _) => {
            let Some(mission) = plugin.get("mission") else { return };
            report.in_key("mission", |r| {
                let message = "a control listener runs no mission";
                let hint = "give it to the filters, or send it to POST /v1/missions";
                r.add(Code::NotSupported, mission.at, message, hint);
            });
        }
        (Role::Filter, _) => {}
    }
}
