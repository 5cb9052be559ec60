//! The mission file and the plugin configuration.

use super::catalog::Catalog;
use super::declare::{object, words};
use super::decode::no_check;
use super::envelope::{Carried, Digests};
use super::form::{HostName, MissionId, Name, NamespacePattern};
use super::operator::{Operator, SignOff};
use super::requested::CallerKey;
use super::safety::MissionSafety;
use super::scalar::{FormatVersion, Span, Text, Timestamp};
use super::stage::{Stage, check_stages};
use super::whole::Whole;
use super::whose::Labels;
use crate::series::DEFAULT_SERIES;

/// Longest mission, in milliseconds: one week.
pub(crate) const LONGEST_MISSION_MS: u64 = 7 * 24 * 3_600_000;

object! {
    /// One run of one or more scenarios.
    pub struct Mission check check_stages {
        /// Format of this file.
        "version" => version: FormatVersion [required],
        /// Names this run: once ended, an id does not run again in that Envoy process, and with `start` in none.
        "id" => id: MissionId [required],
        /// Scenarios of the catalog, in the order in which they are asked.
        "scenarios" => scenarios: Vec<Name> [required],
        /// Namespace the mission belongs to; a proxy that knows its own refuses any other.
        "namespace" => namespace: Name [required],
        /// Start of the mission. Absent: the moment the first worker of an Envoy process sees it, so that a restarted or new proxy runs the whole duration again.
        "start" => start: Timestamp [optional],
        /// Running time, `baseline` included and `recovery` not; start + duration is a deadline that every proxy keeps by itself.
        "duration" => duration: Span<1000, LONGEST_MISSION_MS> [required],
        /// Observes without injecting for so long at the beginning of the duration.
        "baseline" => baseline: Span<1000, LONGEST_MISSION_MS> [optional],
        /// Observes without injecting for so long after the deadline.
        "recovery" => recovery: Span<1000, LONGEST_MISSION_MS> [optional],
        /// Parts of the time between baseline and deadline, at most 100, each with its intensity. Absent: one of `100%`.
        "stages" => stages: Vec<Stage> [optional],
        /// A dead-man switch: the mission ends so long after its start unless somebody renews it through the control API, and so
        /// long after each renewal. A renewal never moves the deadline.
        "lease" => lease: Span<1000, LONGEST_MISSION_MS> [optional],
        /// Whether one request may get the faults of one scenario (the first that samples it) or of several at once.
        "composition" => composition: CompositionWord [default "first_match" = CompositionWord::FirstMatch],
        /// Any text; the same seed and the same request ids give the same faults. Absent: drawn by the first worker, and logged.
        "seed" => seed: Text<128> [optional],
        /// `false` keeps the file and runs nothing.
        "enable" => enable: bool [default "true" = true],
        /// How a faulted request shows it. `headers`: `x-chaos-mission`, `x-chaos-scenario`, `x-chaos-fault`, `x-chaos-value` and
        /// `x-chaos-group` towards the upstream and on the response; the same headers from outside are stripped from every request while the mission runs.
        "mark" => mark: MarkWord [default "none" = MarkWord::None],
        /// What all its scenarios may do together.
        "safety" => safety: MissionSafety [optional],
        /// Last moment at which a proxy takes this mission for the first time, at most 30 days away. Required where the mission is signed.
        "expires" => expires: Timestamp [optional],
        /// What the scenarios are, by name, as `chaosctl sign` writes it: a proxy whose catalog has others refuses the mission. Required where the mission is signed.
        "digests" => digests: Digests [optional],
    }
}

words! {
    /// How scenarios combine on one request.
    pub enum CompositionWord { FirstMatch = "first_match", Independent = "independent" }
}

words! {
    /// How a faulted request shows it, beside filter state.
    pub enum MarkWord { None = "none", Headers = "headers" }
}

object! {
    /// What Envoy hands to the filter: catalog, mission and who this proxy is.
    pub struct Plugin check no_check {
        /// Format of this configuration.
        "version" => version: FormatVersion [required],
        /// What this instance of the module does.
        "role" => role: Role [default "filter" = Role::Filter],
        /// Any text. Changes nothing; makes this configuration differ from every other, so that Envoy takes it as new.
        "revision" => revision: Text<128> [optional],
        /// Releases the halts that came up to this moment, and none that comes later. A moment in the future releases nothing.
        "release" => release: Timestamp [optional],
        /// The catalog, as in its file.
        "catalog" => catalog: Catalog [required],
        /// The mission, as in its file, plain or signed. Absent: the filter is idle.
        "mission" => mission: Carried [optional],
        /// How many time series the scenarios of a mission may make in this proxy, should each of them show everything: 229 per scenario with
        /// Envoy's own buckets of histograms.
        "max_series" => max_series: Whole<1_000, 10_000_000> [default "250000" = Whole(DEFAULT_SERIES)],
        /// How labels stand in the names of stats. `own`: for the patterns that `chaosctl render envoy` and `render stat-tags` write.
        /// `built_in`: for those that every istio-proxy has, which call the labels `tag`, `component` and `wasm_filter`.
        "stat_labels" => stat_labels: StatLabels [default "own" = StatLabels::Own],
        /// Who this proxy is. Absent: taken from Envoy's node metadata where it says so (Istio's does).
        "identity" => identity: Identity [optional],
        /// Keys of those who may ask for faults (`requested`).
        "caller_keys" => caller_keys: Vec<CallerKey> [optional],
        /// Role `control`: names under which its listener may be asked, without a port, beside `localhost` and addresses. A browser that
        /// is sent there under another name is refused.
        "control_hosts" => control_hosts: Vec<HostName> [optional],
        /// Whose signatures count, at most 64. Absent: missions of severity `low` and `medium` run unsigned, others not at all.
        "operators" => operators: Vec<Operator> [optional],
        /// How many operators have to sign. Absent: the defaults of its keys. Needs `operators`.
        "sign_off" => sign_off: SignOff [optional],
        /// Namespaces whose missions are refused, whoever signed them.
        "deny_namespaces" => deny_namespaces: Vec<NamespacePattern> [optional],
    }
}

words! {
    /// How labels stand in the names of stats.
    pub enum StatLabels { Own = "own", BuiltIn = "built_in" }
}

words! {
    /// What an instance of the module does: `filter` (squall.wasm) injects faults, `control` (squall-control.wasm) answers the
    /// requests of the control listener.
    pub enum Role { Filter = "filter", Control = "control" }
}

object! {
    /// Who this proxy is, where Envoy's node metadata does not say it.
    pub struct Identity check no_check {
        /// Namespace of the workload; a mission of another namespace is refused.
        "namespace" => namespace: Name [optional],
        /// Name of the workload, which `scope.service` is compared with.
        "service" => service: Text<256> [optional],
        /// Labels of the workload, which `scope.labels` are looked up in before those of the node.
        "labels" => labels: Labels [optional],
    }
}
