//! The gauges without labels: one value for all plugins of the proxy, from what each of them shows at the moment. Otherwise a
//! plugin whose mission is over would take away what another one shows of its own.

use crate::{findings, record, stats};

const KEY: &str = "squall/shown";

/// Most plugins that are remembered.
const MOST: usize = 64;

/// A plugin with its configuration, the same in every VM of the proxy.
#[derive(Clone, Copy, Default)]
pub struct Owner {
    plugin: u64,
    configuration: u64,
}

impl Owner {
    /// `configuration`: its identity.
    pub fn new(plugin: &str, configuration: u64) -> Self {
        Self { plugin: findings::identity(plugin.as_bytes()), configuration }
    }
}

/// What a plugin shows of a mission that injects.
#[derive(Clone, Copy)]
pub struct Injects {
    pub approvals: u64,
    /// From 1.
    pub stage: u64,
    pub percent: u64,
    pub deadline_s: u64,
}

/// Plugin, configuration, approvals, stage, percent, deadline. Stage 0: the configuration is rejected.
type Entry = [u64; 6];

/// Shows what a plugin injects now, or that it injects nothing.
pub fn show(owner: Owner, injects: Option<Injects>) {
    let words = injects.map(|shown| [shown.approvals, shown.stage, shown.percent, shown.deadline_s]);
    // A newer configuration of the plugin, in another VM, shows what is its own.
    put(owner, words, |[_, configuration, ..]| *configuration == owner.configuration);
}

/// A plugin has a new configuration, which may be rejected; what it injects it shows later.
pub fn configured(owner: Owner, rejected: bool) {
    // Another worker may have had the very same already.
    put(owner, rejected.then_some([0; 4]), |[_, configuration, _, stage, ..]| {
        *configuration != owner.configuration || *stage == 0
    });
}

/// What a plugin shows takes the place of what it has shown; where it shows nothing, `goes` says whether that is gone too.
fn put(owner: Owner, words: Option<[u64; 4]>, goes: impl Fn(&Entry) -> bool) {
    let entry = words.map(|[a, b, c, d]| [owner.plugin, owner.configuration, a, b, c, d]);
    let mut all: Vec<Entry> = Vec::new();
    let mut change = |bytes: &[u8]| {
        let before = read(bytes);
        all.clone_from(&before);
        all.retain(|old| old.first() != Some(&owner.plugin) || (entry.is_none() && !goes(old)));
        all.extend(entry);
        all.drain(..all.len().saturating_sub(MOST));
        let bytes = || all.iter().flatten().flat_map(|word| word.to_le_bytes()).collect();
        Ok((all != before).then(bytes))
    };
    if record::exchange(KEY, &mut change).is_err() {
        stats::count_host_errors(1);
        // Better alone than not at all.
        all = entry.into_iter().collect();
    }
    set_gauges(&all);
}

fn read(bytes: &[u8]) -> Vec<Entry> {
    let words: Vec<u64> = bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
    words.as_chunks::<6>().0.to_vec()
}

/// Of several missions the fewest approvals, the highest stage and intensity, and the first deadline: who asks whether somebody
/// stands for what happens, or whether it should be over, must not be answered by the wrong one.
fn set_gauges(all: &[Entry]) {
    let (mut approvals, mut stage, mut percent, mut deadline_s) = (u64::MAX, 0, 0, u64::MAX);
    let mut rejected = false;
    for [_, _, signed, at, share, ends_s] in all {
        if *at == 0 {
            rejected = true;
            continue;
        }
        (approvals, deadline_s) = (approvals.min(*signed), deadline_s.min(*ends_s));
        (stage, percent) = (stage.max(*at), percent.max(*share));
    }
    if stage == 0 {
        (approvals, deadline_s) = (0, 0);
    }
    let gauges = [
        ("chaos_approvals", approvals),
        ("chaos_stage", stage),
        ("chaos_intensity_percent", percent),
        ("chaos_deadline_seconds", deadline_s),
        ("chaos_config_rejected", u64::from(rejected)),
    ];
    for (name, value) in gauges {
        stats::set_gauge(name, &[], value);
    }
}
