//! Configurations that come to another VM: a change of the module or of its environment gives the plugin new VMs, and the old
//! ones live on with their connections and waiting requests. The newest configuration of each plugin stands in shared data,
//! and who writes it rings for all VMs.

use crate::configure::Configured;
use crate::gauges::Gauges;
use crate::handover::Newer;
use crate::{bell, bells, host, record, stats};

/// First word: the version of its form.
const FORM: u64 = 3;
const RUNS: u64 = 1;
const REJECTED: u64 = 2;
const BUILT_IN: u64 = 4;

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
    /// What it shows in the metrics.
    pub gauges: Gauges,
    mission: String,
}

impl News {
    pub fn newer(&self) -> Newer<'_> {
        let mission = Some(self.mission.as_str()).filter(|mission| !mission.is_empty());
        Newer { mission, runs: self.runs, rejected: self.rejected }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_at_checked(48)?;
        let ([form, flags, identity, came_ns, vm, lines], []) = head.as_chunks::<8>() else { return None };
        let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
        if word(form) != FORM {
            return None;
        }
        let (lines, mission) = rest.split_at_checked(usize::try_from(word(lines)).ok()?)?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        Some(Self {
            identity: word(identity),
            came_ns: word(came_ns),
            vm: word(vm),
            rejected: word(flags) & REJECTED != 0,
            runs: word(flags) & RUNS != 0,
            gauges: Gauges { built_in: word(flags) & BUILT_IN != 0, lines: text(lines)? },
            mission: text(mission)?,
        })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let flag = |set: bool, flag: u64| if set { flag } else { 0 };
        let flags =
            flag(self.rejected, REJECTED) | flag(self.runs, RUNS) | flag(self.gauges.built_in, BUILT_IN);
        let lines = self.gauges.lines.as_bytes();
        let head = [FORM, flags, self.identity, self.came_ns, self.vm, lines.len() as u64];
        let mut bytes: Vec<u8> = head.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend_from_slice(lines);
        bytes.extend_from_slice(self.mission.as_bytes());
        bytes
    }
}

fn key(plugin: &str) -> String {
    ["squall/plugin/", plugin].concat()
}

/// Tells the other VMs of a configuration that has come to this one. While no configuration of the plugin has had a mission
/// or was rejected, there is nobody to tell.
pub fn tell(plugin: &str, configured: &Configured, now_ns: u64) {
    let gauges = || configured.chosen.armed.as_ref().map(Gauges::of).unwrap_or_default();
    let mut before = None;
    let told = record::exchange(&key(plugin), &mut |bytes| {
        let old = News::read(bytes);
        if old.is_none() && configured.chosen.armed.is_none() && !configured.rejected {
            return Ok(None);
        }
        before = old.filter(|old| old.identity != configured.identity);
        let news = News {
            identity: configured.identity,
            came_ns: now_ns,
            vm: u64::from(bell::own()),
            rejected: configured.rejected,
            runs: configured.chosen.armed.is_some(),
            gauges: gauges(),
            mission: configured.chosen.mission.clone().unwrap_or_default(),
        };
        Ok(Some(news.to_bytes()))
    });
    stats::count_host_errors(u32::from(told.is_err()));
    if let Some(before) = before {
        // Its VM may be gone already, and was not asked.
        before.gauges.hide_but(&gauges());
        bells::ring_all();
    }
}

/// The newest configuration of a plugin, where any has had a mission or was rejected.
pub fn of(plugin: &str) -> Option<News> {
    let (bytes, _) = host::shared_data(&key(plugin)).ok().flatten()?;
    News::read(&bytes)
}

/// The same where it has come to another VM than this: the metrics are that one's then.
pub fn of_another_vm(plugin: &str) -> Option<News> {
    of(plugin).filter(|news| news.vm != u64::from(bell::own()))
}
