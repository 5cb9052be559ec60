//! Which missions the filters of a proxy have armed: what the control role shows. It lives in shared data under
//! `squall/current`; all about their time is in the missions' own records.

use super::Source;
use super::bytes::{Reader, Writer};

/// Most missions that are remembered; an older one than these nobody asks about.
const MOST: usize = 16;
/// Most names of one mission that are shown.
const MOST_NAMES: usize = 1000;

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
}

const FORM: u64 = u64::from_le_bytes(*b"current1");

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
        Some(Self { missions })
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
        from.end(Self { missions })
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
