//! Whether a mission may run here: its namespace, its expiry, what it was signed for, and by how many (promise P6).

use super::canonical::{digest, digest_text};
use super::envelope::{Carrier, signers};
use super::operators::Operators;
use crate::diagnostic::{Code, Report};
use crate::names::Names;
use crate::node::Node;
use crate::plugin::{items, text, valid};
use crate::proxy::Proxy;
use crate::wire::{Digests, Name, NamespacePattern, Operator, Permission, Severity, Timestamp};

/// Longest time from now on for which a mission may still be taken, milliseconds: 30 days.
pub const LONGEST_EXPIRY_MS: u64 = 30 * 24 * 3_600_000;

/// How much a signer's clock may be ahead.
const CLOCK_SLACK_MS: u64 = 300_000;

/// Who stands behind a mission that may run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approval {
    /// Names of the operators who signed; empty for a plain mission.
    pub by: Vec<String>,
    /// The highest severity among its scenarios.
    pub severity: Option<Severity>,
    /// Of the mission: the same for the same mission, whoever signed it and however it is written.
    pub digest: [u8; 32],
}

/// When and where a mission comes.
pub(crate) struct When<'p> {
    pub now_ms: u64,
    pub node: &'p mut dyn Proxy,
    /// It came over the control listener: where there are operators, one of them starts it.
    pub ordered: bool,
}

/// Checks the mission of a configuration, out of its envelope already. Without `when` no clock is asked.
pub(crate) fn check(
    plugin: &Node,
    carrier: &Carrier,
    operators: Option<&Operators>,
    when: Option<When<'_>>,
    report: &mut Report,
) -> Approval {
    let Some(mission) = plugin.get("mission") else { return Approval::default() };
    let mut approval = Approval { by: Vec::new(), severity: None, digest: digest(mission) };
    check_denied(plugin, mission, report);
    // What runs nothing needs nobody's consent: so anybody who writes the configuration can stop a mission.
    if valid::<bool>(mission, "enable") == Some(false) {
        return approval;
    }
    let signed = matches!(carrier, Carrier::Signed(_));
    let ordered = when.as_ref().is_some_and(|when| when.ordered);
    check_expiry(mission, signed, &approval.digest, when, report);
    check_digests(mission, plugin.get("catalog"), signed, report);
    let severest = severest(mission, plugin.get("catalog"));
    approval.severity = severest.as_ref().map(|s| s.severity);
    let Some(operators) = operators else { return approval };
    let by = match carrier {
        Carrier::Signed(envelope) => signers(envelope, operators, report),
        Carrier::Plain => Some(Vec::new()),
        Carrier::Broken => None,
    };
    if let (Some(by), Some(severest)) = (by, severest) {
        check_allowed(&by, severest.severity, report);
        check_enough(&by, &severest, operators, ordered, report);
        approval.by = by.iter().map(|operator| operator.name.0.clone()).collect();
    }
    approval
}

fn check_denied(plugin: &Node, mission: &Node, report: &mut Report) {
    let Some(namespace) = valid::<Name>(mission, "namespace").map(|name| name.0) else { return };
    let denied = valid::<Vec<NamespacePattern>>(plugin, "deny_namespaces").unwrap_or_default();
    if let Some(pattern) = denied.iter().find(|pattern| pattern.matches(&namespace)) {
        let at = mission.get("namespace").and_then(|n| n.at);
        let message = format!("missions of namespace `{namespace}` never run here (`{}`)", pattern.0);
        let hint = "run it in another namespace; `deny_namespaces` says where nothing runs";
        report.add_below("namespace", None, (Code::DeniedNamespace, at), &message, hint);
    }
}

fn check_expiry(
    mission: &Node,
    signed: bool,
    digest: &[u8; 32],
    when: Option<When<'_>>,
    report: &mut Report,
) {
    let Some(node) = mission.get("expires") else {
        return if signed {
            missing("expires", mission, report);
        };
    };
    let Some(Timestamp(expires)) = valid::<Timestamp>(mission, "expires") else { return };
    let mut add = |code, message, hint| report.add_below("expires", None, (code, node.at), message, hint);
    if valid::<Timestamp>(mission, "start").is_some_and(|start| start.0 > expires) {
        add(Code::Conflict, "the mission expires before its `start`", "let it expire after its start");
    }
    let Some(when) = when else { return };
    let id = mission.get("id").and_then(text).unwrap_or_default();
    if when.now_ms > expires {
        if !when.node.has_accepted(id, digest) {
            add(
                Code::Expired,
                "the mission was to be taken before this time",
                "sign it anew: `chaosctl sign`",
            );
        }
    } else if expires.saturating_sub(when.now_ms) > LONGEST_EXPIRY_MS.saturating_add(CLOCK_SLACK_MS)
        && !when.node.has_accepted(id, digest)
    {
        add(
            Code::ExpiresLate,
            "the mission could be taken for more than 30 days",
            "give at most 30 days from now on",
        );
    }
}

fn missing(key: &str, mission: &Node, report: &mut Report) {
    let message = format!("a signed mission needs `{key}`");
    let hint = "sign it with `chaosctl sign`, which adds it";
    report.add_below(key, None, (Code::MissingKey, mission.at), &message, hint);
}

/// A signature is one for these scenarios: another recipe of the same name is not what was signed.
fn check_digests(mission: &Node, catalog: Option<&Node>, signed: bool, report: &mut Report) {
    if mission.get("digests").is_none() {
        return if signed {
            missing("digests", mission, report);
        };
    }
    let Some(digests) = valid::<Digests>(mission, "digests") else { return };
    let named: Names<'_> = items(mission, "scenarios").iter().filter_map(text).collect();
    let scenarios = catalog.map_or(&[][..], |catalog| items(catalog, "scenarios"));
    report.in_key("digests", |r| {
        for name in items(mission, "scenarios").iter().filter_map(text) {
            if digests.get(name).is_none() {
                missing(name, mission, r);
            }
        }
        for (name, digest) in &digests.0 {
            let of_catalog = scenarios.iter().find(|s| s.get("name").and_then(text) == Some(name));
            let (code, message, hint) = if named.place(name).is_none() {
                (
                    Code::Conflict,
                    "the mission has no such scenario",
                    "remove it, or sign it with `chaosctl sign`",
                )
            } else if of_catalog.is_some_and(|scenario| digest_text(scenario) != *digest) {
                let message = "the scenario is not the one that was signed";
                (
                    Code::DigestMismatch,
                    message,
                    "use the catalog that was signed, or sign the mission with this one",
                )
            } else {
                continue;
            };
            r.add_below(name, None, (code, None), message, hint);
        }
    });
}

/// The first of the scenarios of highest severity.
struct Severest<'n> {
    index: usize,
    node: &'n Node,
    name: &'n str,
    severity: Severity,
}

fn severest<'n>(mission: &'n Node, catalog: Option<&Node>) -> Option<Severest<'n>> {
    let scenarios = catalog.map_or(&[][..], |catalog| items(catalog, "scenarios"));
    let known: Names<'_> =
        scenarios.iter().map(|s| s.get("name").and_then(text).unwrap_or_default()).collect();
    let named = items(mission, "scenarios").iter().enumerate().filter_map(|(index, node)| {
        let name = text(node)?;
        let scenario = scenarios.get(known.place(name)?)?;
        let severity = match scenario.get("severity") {
            Some(_) => valid::<Severity>(scenario, "severity")?,
            None => Severity::Low,
        };
        Some(Severest { index, node, name, severity })
    });
    named.reduce(|highest, next| if next.severity > highest.severity { next } else { highest })
}

/// Each signer has to be one who may sign this.
fn check_allowed(by: &[&Operator], severity: Severity, report: &mut Report) {
    let may = |operator: &Operator, what| operator.may.contains(&what);
    for (index, operator) in by.iter().enumerate() {
        let name = &operator.name.0;
        let message = if !may(operator, Permission::Start) && !may(operator, Permission::Approve) {
            format!("`{name}` may neither start nor approve missions")
        } else if operator.up_to < severity {
            format!("`{name}` may sign up to severity {}, not {}", operator.up_to.word(), severity.word())
        } else {
            continue;
        };
        let hint = "have it signed by somebody who may (`may` and `up_to` of `operators`)";
        report.add_below("signatures", Some(index), (Code::NotAllowed, None), &message, hint);
    }
    if !by.is_empty() && !by.iter().any(|operator| may(operator, Permission::Start)) {
        let message = "nobody who signed may start missions";
        let hint = "have it signed by an operator with `may: [start]` too";
        report.add_below("signatures", None, (Code::NotAllowed, None), message, hint);
    }
}

fn check_enough(
    by: &[&Operator],
    severest: &Severest<'_>,
    operators: &Operators,
    ordered: bool,
    report: &mut Report,
) {
    let severity = severest.severity.word();
    let mut needed = operators.needed(severest.severity);
    if ordered && !operators.is_empty() {
        needed = needed.max(1);
    }
    let signed = u32::try_from(by.len()).unwrap_or(u32::MAX);
    if signed >= needed {
        return;
    }
    let found = match signed {
        0 => "the mission is not signed".to_owned(),
        _ => format!("only {signed} signed"),
    };
    let message = format!(
        "scenario `{}` is of severity {severity}, which needs {needed} signatures, and {found}",
        severest.name
    );
    let hint = match (operators.is_empty(), signed) {
        (true, _) => "give this proxy `operators`, and sign the mission with `chaosctl sign`",
        (false, 0) => "sign it with `chaosctl sign`",
        (false, _) => "let another operator sign it with `chaosctl approve`",
    };
    let needed = (Code::SignatureNeeded, severest.node.at);
    report.add_below("scenarios", Some(severest.index), needed, &message, hint);
}
