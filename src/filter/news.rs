//! Configurations that come to another VM: a change of the module or of its environment gives the plugin new VMs, and the old
//! ones live on with their connections and waiting requests. The newest configuration of each plugin stands in shared data,
//! and who writes it rings for the VMs in which an older one has a mission.

use crate::configure::Configured;
use crate::handover::Newer;
use crate::{bell, host, record, stats};
use squall_policy::Schedule;

/// First word: the version of its form.
const FORM: u64 = 1;
/// Words before the bells: form, flags, identity, moment, VM, three of the schedule, number of bells.
const HEAD: usize = 9;
const RUNS: u64 = 1;
const REJECTED: u64 = 2;
/// VMs that are rung for, one for each worker of each machine: of older ones nothing is left by then.
const MOST_BELLS: usize = 1024;

/// What the newest configuration of a plugin asks for.
pub struct News {
    /// The same for the same bytes.
    pub identity: u64,
    /// When it came, nanoseconds on the monotonic clock.
    pub came_ns: u64,
    /// The bell of the VM that it came to last.
    vm: u64,
    rejected: bool,
    schedule: Option<Schedule>,
    mission: String,
    bells: Vec<u64>,
}

impl News {
    pub fn newer(&self) -> Newer<'_> {
        let mission = Some(self.mission.as_str()).filter(|mission| !mission.is_empty());
        Newer { mission, schedule: self.schedule, rejected: self.rejected }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let word = |n: usize| {
            let from = n.checked_mul(8)?;
            Some(u64::from_le_bytes(bytes.get(from..from.checked_add(8)?)?.try_into().ok()?))
        };
        let bells = usize::try_from(word(8)?).ok().filter(|count| *count <= MOST_BELLS)?;
        let head = bells.checked_add(HEAD)?;
        if word(0)? != FORM {
            return None;
        }
        let flags = word(1)?;
        Some(Self {
            identity: word(2)?,
            came_ns: word(3)?,
            vm: word(4)?,
            rejected: flags & REJECTED != 0,
            schedule: (flags & RUNS != 0).then_some(Schedule::from_words([word(5)?, word(6)?, word(7)?])),
            mission: String::from_utf8(bytes.get(head.checked_mul(8)?..)?.to_vec()).ok()?,
            bells: (HEAD..head).map(word).collect::<Option<_>>()?,
        })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut flags = if self.rejected { REJECTED } else { 0 };
        if self.schedule.is_some() {
            flags |= RUNS;
        }
        let [start, start_mono, duration] = self.schedule.map(Schedule::to_words).unwrap_or_default();
        let count = u64::try_from(self.bells.len()).unwrap_or_default();
        let head = [FORM, flags, self.identity, self.came_ns, self.vm, start, start_mono, duration, count];
        let mut bytes: Vec<u8> = head.iter().chain(&self.bells).flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend_from_slice(self.mission.as_bytes());
        bytes
    }
}

fn key(plugin: &str) -> String {
    format!("squall/plugin/{plugin}")
}

/// Tells the other VMs of a configuration that has come to this one. While no configuration of the plugin has had a mission,
/// there is nobody to tell.
pub fn tell(plugin: &str, configured: &Configured, now_ns: u64) {
    let vm = configured.armed.as_ref().map_or(0, |_| u64::from(bell::register()));
    let mut others = Vec::new();
    let told = record::exchange(&key(plugin), &mut |bytes| {
        let old = News::read(bytes);
        if old.is_none() && configured.armed.is_none() {
            return Ok(None);
        }
        let changed = old.as_ref().is_none_or(|old| old.identity != configured.identity);
        let mut bells = old.map(|old| old.bells).unwrap_or_default();
        bells.retain(|bell| *bell != vm);
        others = if changed { bells.clone() } else { Vec::new() };
        if vm != 0 {
            bells.push(vm);
        }
        bells.drain(..bells.len().saturating_sub(MOST_BELLS));
        let news = News {
            identity: configured.identity,
            came_ns: now_ns,
            vm,
            rejected: configured.rejected,
            schedule: configured.armed.as_ref().map(|armed| armed.schedule),
            mission: configured.mission.clone().unwrap_or_default(),
            bells,
        };
        Ok(Some(news.to_bytes()))
    });
    stats::count_host_errors(u32::from(told.is_err()));
    for bell in others {
        bell::ring(u32::try_from(bell).unwrap_or_default());
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
