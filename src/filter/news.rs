//! Configurations that come to another VM: a change of the module or of its environment gives the plugin new VMs, and the old
//! ones live on with their connections and waiting requests. The newest configuration of each plugin stands in shared data,
//! and who writes it rings for all VMs.

use crate::configure::Configured;
use crate::handover::Newer;
use crate::{bell, bells, host, record, stats};

/// First word: the version of its form.
const FORM: u64 = 2;
const RUNS: u64 = 1;
const REJECTED: u64 = 2;

/// What the newest configuration of a plugin asks for.
pub struct News {
    /// The same for the same bytes.
    pub identity: u64,
    /// When it came, nanoseconds on the monotonic clock.
    pub came_ns: u64,
    /// The bell of the VM that it came to last.
    vm: u64,
    rejected: bool,
    runs: bool,
    mission: String,
}

impl News {
    pub fn newer(&self) -> Newer<'_> {
        let mission = Some(self.mission.as_str()).filter(|mission| !mission.is_empty());
        Newer { mission, runs: self.runs, rejected: self.rejected }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (head, mission) = bytes.split_at_checked(40)?;
        let ([form, flags, identity, came_ns, vm], []) = head.as_chunks::<8>() else { return None };
        let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
        if word(form) != FORM {
            return None;
        }
        Some(Self {
            identity: word(identity),
            came_ns: word(came_ns),
            vm: word(vm),
            rejected: word(flags) & REJECTED != 0,
            runs: word(flags) & RUNS != 0,
            mission: String::from_utf8(mission.to_vec()).ok()?,
        })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let flags = if self.rejected { REJECTED } else { 0 } | if self.runs { RUNS } else { 0 };
        let head = [FORM, flags, self.identity, self.came_ns, self.vm];
        let mut bytes: Vec<u8> = head.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend_from_slice(self.mission.as_bytes());
        bytes
    }
}

fn key(plugin: &str) -> String {
    ["squall/plugin/", plugin].concat()
}

/// Tells the other VMs of a configuration that has come to this one. While no configuration of the plugin has had a mission,
/// there is nobody to tell.
pub fn tell(plugin: &str, configured: &Configured, now_ns: u64) {
    let mut changed = false;
    let told = record::exchange(&key(plugin), &mut |bytes| {
        let old = News::read(bytes);
        if old.is_none() && configured.chosen.armed.is_none() {
            return Ok(None);
        }
        changed = old.as_ref().is_some_and(|old| old.identity != configured.identity);
        let news = News {
            identity: configured.identity,
            came_ns: now_ns,
            vm: u64::from(bell::own()),
            rejected: configured.rejected,
            runs: configured.chosen.armed.is_some(),
            mission: configured.chosen.mission.clone().unwrap_or_default(),
        };
        Ok(Some(news.to_bytes()))
    });
    stats::count_host_errors(u32::from(told.is_err()));
    if changed {
        bells::ring_all();
    }
}

/// The newest configuration of a plugin, where any has had a mission.
pub fn of(plugin: &str) -> Option<News> {
    let (bytes, _) = host::shared_data(&key(plugin)).ok().flatten()?;
    News::read(&bytes)
}

/// Whether the newest configuration has come to another VM than this: the metrics are that one's then.
pub fn are_of_another_vm(plugin: &str) -> bool {
    of(plugin).is_some_and(|news| news.vm != u64::from(bell::own()))
}
