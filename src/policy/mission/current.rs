//! Which missions the filters of a proxy have armed: what the control role shows. It lives in shared data under
//! `squall/current`; all about their time is in the missions' own records.

use super::Source;
use super::bytes::{Reader, Writer, cut};

/// Most missions that are remembered; an older one than these nobody asks about.
const MOST: usize = 16;
/// Most names of one mission that are shown.
const MOST_NAMES: usize = 1000;
/// Most plugins that are remembered.
const MOST_RUNS: usize = 64;

/// A mission that some filter has armed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentMission {
    pub id: String,
    pub namespace: String,
    pub source: Source,
    /// The scenarios of the mission, also those that are dormant here.
    pub scenarios: Vec<String>,
    /// The operators whose signatures it has.
    pub approved_by: Vec<String>,
}

/// All of them, the newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Current {
    pub missions: Vec<CurrentMission>,
    /// Which plugin runs which mission, each by its name: a mission that no configuration asks for any more has not ended, and
    /// injects nothing.
    pub runs: Vec<(String, String)>,
}

const FORM: u64 = u64::from_le_bytes(*b"current2");

impl Current {
    /// A filter has armed a mission. `None` when it is the newest one already.
    #[must_use]
    pub fn with(&self, mission: &CurrentMission) -> Option<Self> {
        if self.missions.last() == Some(mission) {
            return None;
        }
        let others = self.missions.iter().filter(|other| other.id != mission.id);
        let mut missions: Vec<_> = others.chain([mission]).cloned().collect();
        missions.drain(..missions.len().saturating_sub(MOST));
        Some(Self { missions, runs: self.runs.clone() })
    }

    /// A plugin has come to a configuration with this mission, or with none. `beside`: what else runs under its name goes on.
    /// `None` when that is known already.
    #[must_use]
    pub fn with_plugin(&self, plugin: &str, mission: Option<&str>, beside: bool) -> Option<Self> {
        let mission = mission.map(|mission| (cut(plugin).to_owned(), mission.to_owned()));
        let others = self.runs.iter().filter(|run| beside || run.0 != cut(plugin));
        let mut runs: Vec<_> = others.filter(|run| Some(*run) != mission.as_ref()).cloned().collect();
        runs.extend(mission);
        runs.drain(..runs.len().saturating_sub(MOST_RUNS));
        let is_new = runs.len() != self.runs.len() || runs.iter().any(|run| !self.runs.contains(run));
        is_new.then(|| Self { runs, missions: self.missions.clone() })
    }

    /// Whether some configuration runs the mission.
    #[must_use]
    pub fn is_run(&self, mission: &str) -> bool {
        self.runs.iter().any(|(_, run)| run == mission)
    }

    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.word(FORM).word(self.missions.len() as u64);
        for mission in &self.missions {
            to.text(&mission.id).text(&mission.namespace).word(mission.source.to_word());
            for names in [&mission.scenarios, &mission.approved_by] {
                to.word(names.len().min(MOST_NAMES) as u64);
                names.iter().take(MOST_NAMES).for_each(|name| {
                    to.text(name);
                });
            }
        }
        to.word(self.runs.len().min(MOST_RUNS) as u64);
        self.runs.iter().take(MOST_RUNS).for_each(|(plugin, mission)| {
            to.text(plugin).text(mission);
        });
        to.done()
    }

    /// `None` for what is no record of this version; no bytes are a proxy without missions.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::default());
        }
        let mut from = Reader(bytes);
        from.form(FORM)?;
        let missions = (0..from.length(MOST)?).map(|_| mission(&mut from)).collect::<Option<_>>()?;
        let runs = (0..from.length(MOST_RUNS)?).map(|_| Some((from.text()?, from.text()?)));
        let runs = runs.collect::<Option<_>>()?;
        from.end(Self { missions, runs })
    }
}

fn mission(from: &mut Reader<'_>) -> Option<CurrentMission> {
    let (id, namespace) = (from.text()?, from.text()?);
    let source = Source::of_word(from.word()?)?;
    let scenarios = names(from)?;
    Some(CurrentMission { id, namespace, source, scenarios, approved_by: names(from)? })
}

fn names(from: &mut Reader<'_>) -> Option<Vec<String>> {
    (0..from.length(MOST_NAMES)?).map(|_| from.text()).collect()
}
