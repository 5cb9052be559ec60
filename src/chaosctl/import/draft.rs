//! A scenario in the making, and the catalog that comes of all of them.

use super::place::Place;
use super::rule::Rule;
use super::told::{Code, Told};
use super::tree::{list, number, object, text};
use crate::emit;
use squall_policy::wire::{Decode, Scenario};
use squall_policy::{Level, Node, Position, Report, Value};
use std::collections::{BTreeMap, BTreeSet};

/// One scenario.
pub struct Draft {
    pub name: String,
    /// Where it comes from: a comment above it.
    pub from: String,
    /// What whoever reads it should know, below that.
    pub notes: Vec<String>,
    pub description: Option<Node>,
    pub severity: Option<Node>,
    pub trigger: Option<Node>,
    /// Keys of `scope` but `match` and `sample`.
    pub scope: Vec<(&'static str, Node)>,
    pub rules: Vec<Rule>,
    pub protect: Vec<Rule>,
    /// The share of requests that gets all of its faults.
    pub sample: Option<Node>,
    faults: Vec<Fault>,
    pub signals: Option<Node>,
    pub safety: Vec<(&'static str, Node)>,
    path: String,
    at: Option<Position>,
}

/// Kind, keys, and the share of the requests that gets it.
type Fault = (&'static str, Vec<(&'static str, Node)>, Option<Node>);

impl Draft {
    pub fn new(name: &str, from: String, place: &Place<'_>) -> Self {
        Self {
            name: dns_label(name),
            from,
            notes: Vec::new(),
            description: None,
            severity: None,
            trigger: None,
            scope: Vec::new(),
            rules: Vec::new(),
            protect: Vec::new(),
            sample: None,
            faults: Vec::new(),
            signals: None,
            safety: Vec::new(),
            path: place.path.clone(),
            at: place.key_at,
        }
    }

    /// Adds a fault. Without a share it is for all.
    pub fn fault(&mut self, kind: &'static str, keys: Vec<(&'static str, Node)>, percent: Option<Node>) {
        self.faults.push((kind, keys, percent));
    }

    /// Where it comes from, for a finding.
    pub fn place(&self) -> (&str, Option<Position>) {
        (&self.path, self.at)
    }

    pub fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// One fault has the share of its scenario; of several each keeps its own, for they are drawn apart.
    fn parts(&self) -> (Option<Node>, Vec<Node>) {
        let is_all = |percent: &Node| percent.value == Value::Number(100.0);
        let alone = self.faults.len() == 1 && !self.faults.iter().any(|(kind, ..)| *kind == "requested");
        let mut sample = self.sample.clone().filter(|percent| !is_all(percent));
        let faults = self.faults.iter().map(|(kind, keys, percent)| {
            let mut keys = keys.clone();
            let percent = percent.clone().filter(|percent| !is_all(percent));
            if alone && self.sample.is_none() {
                sample = percent;
            } else {
                keys.extend(percent.map(|percent| ("percent", percent)));
            }
            object(vec![(*kind, object(keys))])
        });
        let faults = faults.collect();
        (sample.map(|percent| object(vec![("percent", percent)])), faults)
    }

    /// Whether it answers no request of its proxy: only an outage does that.
    fn ends_everything(&self, sample: Option<&Node>) -> bool {
        let ends = |(kind, _, percent): &(&'static str, Vec<_>, Option<Node>)| {
            matches!(*kind, "abort" | "drop")
                && percent.as_ref().is_none_or(|percent| percent.value == Value::Number(100.0))
        };
        let narrowed = self.scope.iter().any(|(key, _)| !matches!(*key, "direction" | "service" | "labels"));
        self.rules.is_empty() && !narrowed && sample.is_none() && self.faults.iter().any(ends)
    }

    fn node(&self) -> Node {
        let (sample, faults) = self.parts();
        let mut scope = self.scope.clone();
        for (key, rules) in [("match", &self.rules), ("protect", &self.protect)] {
            if !rules.is_empty() {
                scope.push((key, list(rules.iter().map(Rule::node).collect())));
            }
        }
        let severity = self.severity.clone().unwrap_or_else(|| {
            let mild = self.faults.iter().all(|(kind, ..)| matches!(*kind, "delay" | "throttle"));
            text(match () {
                () if self.ends_everything(sample.as_ref()) => "high",
                () if mild => "low",
                () => "medium",
            })
        });
        scope.extend(sample.map(|sample| ("sample", sample)));
        let mut entries = vec![("name", text(&self.name))];
        entries.extend(self.description.clone().map(|description| ("description", description)));
        entries.push(("severity", severity));
        entries.extend(self.trigger.clone().map(|trigger| ("trigger", trigger)));
        if !scope.is_empty() {
            entries.push(("scope", object(scope)));
        }
        entries.push(("faults", list(faults)));
        entries.extend(self.signals.clone().map(|signals| ("signals", signals)));
        if !self.safety.is_empty() {
            entries.push(("safety", object(self.safety.clone())));
        }
        object(entries)
    }

    /// The scenario, as a catalog accepts it; else what it refuses is told and there is none.
    pub fn finish(self, told: &Told) -> Option<Ready> {
        if self.rules.len().max(self.protect.len()) > MOST_RULES {
            too_many((&self.path, self.at), told);
            return None;
        }
        let node = self.node();
        let mut report = Report::default();
        Scenario::decode(&node, &mut report);
        for finding in report.findings.iter().filter(|finding| finding.code.level() == Level::Error) {
            let at = finding.at.or(self.at);
            let message = format!("no scenario: a catalog refuses `{}`: {}", finding.path, finding.message);
            told.add(Code::NotValid, (&self.path, at), message, finding.hint.clone());
        }
        let mut notes = self.notes;
        if self.severity.is_none() && node.get("severity").and_then(Node::text) == Some("high") {
            notes.push(
                "It answers no request at all, so it needs the signatures of two; with a `match` or a `sample` it may be medium."
                    .to_owned(),
            );
        }
        (!report.has_errors()).then_some(Ready { from: self.from, notes, name: self.name, node })
    }
}

/// Conditions of one scenario that say who is hit or who is spared: every request is compared with them.
pub const MOST_RULES: usize = 200;

pub fn too_many(place: (&str, Option<Position>), told: &Told) {
    let message = format!("more than {MOST_RULES} rules say who is hit or spared: no scenario");
    let hint = "split the file, so that a fault has fewer conditions and fewer routes before it, or write the scenario by hand";
    told.add(Code::ConditionLost, place, message, hint);
}

/// A scenario that a catalog accepts.
pub struct Ready {
    from: String,
    notes: Vec<String>,
    pub name: String,
    pub node: Node,
}

/// Lower-case letters, digits and `-`: what becomes of any other name.
pub fn dns_label(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().map(|c| c.to_ascii_lowercase()) {
        match c {
            'a'..='z' | '0'..='9' => out.push(c),
            _ if out.ends_with('-') || out.is_empty() => {}
            _ => out.push('-'),
        }
    }
    out.truncate(55);
    let out = out.trim_matches('-');
    match out.chars().next() {
        None => "imported".to_owned(),
        Some(c) if c.is_ascii_digit() => format!("s-{out}"),
        Some(_) => out.to_owned(),
    }
}

/// Gives every scenario a name of its own.
pub fn distinguish(scenarios: &mut [Ready]) {
    let mut names = BTreeSet::new();
    let mut next = BTreeMap::new();
    for scenario in scenarios {
        let mut name = scenario.name.clone();
        let number = next.entry(scenario.name.clone()).or_insert(2);
        while !names.insert(name.clone()) {
            name = format!("{}-{number}", scenario.name);
            *number += 1;
        }
        if let Value::Object(entries) = &mut scenario.node.value
            && let Some(entry) = entries.iter_mut().find(|entry| entry.key == "name")
        {
            entry.value = text(&name);
        }
        scenario.name = name;
    }
}

/// The catalog with what each scenario comes from.
pub fn catalog(scenarios: &[Ready], head: &str) -> String {
    let comment = |out: &mut String, line: &str| {
        for line in line.lines() {
            *out += &format!("# {}\n", crate::terminal::shown(line));
        }
    };
    let mut out = String::new();
    comment(&mut out, head);
    out += "version: 1\nscenarios:\n";
    for scenario in scenarios {
        out.push('\n');
        comment(&mut out, &scenario.from);
        scenario.notes.iter().for_each(|note| comment(&mut out, note));
        out += &emit::yaml(&list(vec![scenario.node.clone()]), &[]);
    }
    out
}

/// What the files say that belongs into a mission.
#[derive(Default)]
pub struct Orders {
    pub id: Option<String>,
    pub scenarios: Vec<Node>,
    pub namespace: Option<Node>,
    pub duration: Option<Node>,
    pub enable: Option<Node>,
    pub seed: Option<Node>,
    /// Faults that apply together there.
    pub independent: bool,
}

/// Of a mission whose file does not say how long it runs.
const USUAL_DURATION: &str = "15m";

impl Orders {
    /// The mission, with comments.
    pub fn mission(&self, scenarios: &[Ready], head: &str) -> String {
        let names = match self.scenarios.as_slice() {
            [] => scenarios.iter().map(|scenario| text(&scenario.name)).collect(),
            named => named.to_vec(),
        };
        let id = self.id.clone().unwrap_or_else(|| "imported".to_owned());
        let mut entries = vec![
            ("version", number(1.0)),
            ("id", text(dns_label(&id))),
            ("scenarios", list(names)),
            ("namespace", self.namespace.clone().unwrap_or_else(|| text("default"))),
            ("duration", self.duration.clone().unwrap_or_else(|| text(USUAL_DURATION))),
        ];
        if self.independent {
            entries.push(("composition", text("independent")));
        }
        entries.extend(self.seed.clone().map(|seed| ("seed", seed)));
        entries.extend(self.enable.clone().map(|enable| ("enable", enable)));
        let mut comments = vec![("", head), ("id", "An id runs once: give the next run another one.")];
        if self.namespace.is_none() {
            comments.push((
                "namespace",
                "Nothing said so: a proxy that knows its own namespace refuses any other.",
            ));
        }
        if self.duration.is_none() {
            comments
                .push(("duration", "Nothing said so: faults end by themselves here, so that one is needed."));
        }
        if self.independent {
            comments.push(("composition", "There they apply together, too."));
        }
        emit::yaml(&object(entries), &comments)
    }
}
