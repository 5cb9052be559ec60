//! What is shown of the selected proxy, or of all together: counts added up, of percentiles the worst.

use super::model::{Model, Watched};
use crate::observed::{Event, Group, Guard, Ledger, Mission, Observed, Point, Signal, added, merged};

pub struct Scene<'m> {
    /// The proxies that this is about.
    pub of: Vec<&'m Watched>,
    /// The mission that is shown, with the proxy that has it.
    pub mission: Option<(&'m Watched, &'m Mission)>,
    /// Proxies with another mission than that.
    pub other_missions: usize,
    pub series: Vec<Point>,
    pub groups: Vec<Group>,
    pub ledger: Vec<Ledger>,
    /// The nearest to tripping first, each with its proxy.
    pub guards: Vec<(&'m Watched, &'m Guard)>,
    pub signals: Vec<Told<'m>>,
    /// The newest first, each with its proxy.
    pub events: Vec<(&'m Watched, &'m Event)>,
}

/// A signal, with how many proxies say what.
pub struct Told<'m> {
    /// The worst.
    pub signal: &'m Signal,
    pub held: usize,
    pub violated: usize,
    pub inconclusive: usize,
}

impl<'m> Scene<'m> {
    pub fn of(model: &'m Model) -> Self {
        let chosen = |number: &usize| model.selected.is_none_or(|selected| selected == *number);
        let ranked = model.ranked().into_iter().filter(chosen);
        let of: Vec<&Watched> = ranked.filter_map(|number| model.proxies.get(number)).collect();
        let observed = || of.iter().filter_map(|watched| Some((*watched, watched.observed()?)));
        let mission = mission(observed());
        let same = |other: &Mission| mission.is_some_and(|(_, shown)| shown.id == other.id);
        let other_missions = observed()
            .filter(|(_, o)| o.runs() && o.mission.as_ref().is_some_and(|mission| !same(mission)))
            .count();
        let mut guards: Vec<_> = observed().flat_map(|(w, o)| o.guards.iter().map(move |g| (w, g))).collect();
        guards.sort_by(|(_, a), (_, b)| b.standing.cmp(&a.standing).then(a.distance.total_cmp(&b.distance)));
        let mut events: Vec<_> = of.iter().flat_map(|w| w.events.iter().map(move |e| (*w, e))).collect();
        events.sort_by_key(|(_, event)| std::cmp::Reverse((event.at_ms, event.number)));
        Self {
            mission,
            other_missions,
            series: merged(observed().map(|(_, o)| o.series.as_slice())),
            groups: groups(observed().map(|(_, o)| o)),
            ledger: added(observed().flat_map(|(_, o)| &o.ledger)),
            guards,
            signals: signals(observed().flat_map(|(_, o)| &o.signals)),
            events,
            of,
        }
    }

    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }
}

/// The one that most proxies run, or else the last one of the first.
fn mission<'m>(
    all: impl Iterator<Item = (&'m Watched, &'m Observed)> + Clone,
) -> Option<(&'m Watched, &'m Mission)> {
    let with = all.filter_map(|(w, o)| Some((w, o, o.mission.as_ref()?)));
    let votes = |id: &str| with.clone().filter(|(_, o, m)| o.runs() && m.id == id).count();
    let mut best: Option<(usize, &Watched, &Mission)> = None;
    for (watched, _, mission) in with.clone() {
        let votes = votes(&mission.id);
        if best.is_none_or(|(most, ..)| votes > most) {
            best = Some((votes, watched, mission));
        }
    }
    best.map(|(_, watched, mission)| (watched, mission))
}

fn groups<'m>(all: impl Iterator<Item = &'m Observed>) -> Vec<Group> {
    let mut sums: Vec<Group> = Vec::new();
    for group in all.flat_map(|observed| &observed.groups) {
        match sums.iter_mut().find(|sum| sum.name == group.name) {
            Some(sum) => sum.add(group),
            None => sums.push(group.clone()),
        }
    }
    sums
}

fn signals<'m>(all: impl Iterator<Item = &'m Signal>) -> Vec<Told<'m>> {
    let badness = |signal: &Signal| match signal.verdict.as_str() {
        "violated" => 2,
        "held" => 0,
        _ => 1,
    };
    let mut told: Vec<Told<'_>> = Vec::new();
    for signal in all {
        let same =
            |told: &Told<'_>| told.signal.scenario == signal.scenario && told.signal.rule == signal.rule;
        let at = told.iter().position(same).unwrap_or_else(|| {
            told.push(Told { signal, held: 0, violated: 0, inconclusive: 0 });
            told.len() - 1
        });
        let Some(one) = told.get_mut(at) else { continue };
        match badness(signal) {
            0 => one.held += 1,
            1 => one.inconclusive += 1,
            _ => one.violated += 1,
        }
        if badness(signal) > badness(one.signal) {
            one.signal = signal;
        }
    }
    told
}
