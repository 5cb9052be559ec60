//! Missions that never were: seeded traffic, looked at every second, and whether and when a guardrail halts it.

use squall_policy::health::{Effect, Finished, Group, Health, Phase, Rules, Tally};
use squall_policy::{PPM, Report, load_plugin};

/// One kind of mission.
#[derive(Clone)]
pub struct Setting {
    /// The guardrail as in a catalog, JSON.
    pub rule: &'static str,
    pub requests_per_second: u32,
    /// The share of them that gets a fault.
    pub treated: f64,
    /// Error rate of control, and how much higher that of treatment is.
    pub errors: f64,
    pub more_errors: f64,
    /// Median latency of control in microseconds, and how much longer treatment takes.
    pub latency_us: f64,
    pub more_latency_us: f64,
    /// How often the intensity changes.
    pub stages: u32,
    pub seconds: u64,
}

impl Setting {
    /// A hundred requests per second, of which a fifth is treated and one in a hundred fails, for ten minutes.
    pub fn usual(rule: &'static str) -> Self {
        Self {
            rule,
            requests_per_second: 100,
            treated: 0.2,
            errors: 0.01,
            more_errors: 0.0,
            latency_us: 20_000.0,
            more_latency_us: 0.0,
            stages: 1,
            seconds: 600,
        }
    }
}

/// SplitMix64.
pub struct Dice(pub u64);

impl Dice {
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Log-normal with a shape of 0.5; the sum of four is normal enough.
    fn latency_us(&mut self, median_us: f64) -> f64 {
        let normal = ((0..4).map(|_| self.share()).sum::<f64>() - 2.0) * 3.0_f64.sqrt();
        median_us * (0.5 * normal).exp()
    }
}

/// The rules of a mission whose only scenario has this guardrail.
pub fn rules(rule: &str) -> Rules {
    let configuration = format!(
        r#"{{"version": 1, "catalog": {{"version": 1, "scenarios": [{{"name": "a", "faults": [{{"delay": {{"fixed": "1ms"}}}}],
            "safety": {{"halt_when": [{rule}]}}}}]}},
            "mission": {{"version": 1, "id": "m", "scenarios": ["a"], "namespace": "n", "duration": "10m"}}}}"#
    );
    let mut report = Report::default();
    let loaded = load_plugin(configuration.as_bytes(), None, &mut report);
    let plan = loaded.and_then(|loaded| loaded.plan);
    match plan {
        Some(plan) => Rules::of(&plan, 600_000),
        None => panic!("{rule}: {:#?}", report.findings),
    }
}

/// The second in which the mission halts, if it does; `None` in time.
pub fn halts(setting: &Setting, rules: &Rules, seed: u64) -> Option<u64> {
    let mut dice = Dice(seed);
    let mut health = Health::new(rules);
    for second in 1..=setting.seconds {
        let stage = (second - 1) * u64::from(setting.stages) / setting.seconds;
        // Twice the intensity with each stage, the last being the whole.
        let treated = setting.treated / f64::from(1_u32 << (u64::from(setting.stages) - 1 - stage));
        let phase = Phase::Injecting(u32::try_from(stage).expect("few stages"));
        let tally = second_of(setting, rules, phase, treated, &mut dice);
        health.merge(rules, &tally, phase, second * 1000);
        let effects = health.look(rules, phase, second * 1000);
        if effects.iter().any(|effect| matches!(effect, Effect::Tripped(_))) {
            return Some(second);
        }
    }
    None
}

fn second_of(setting: &Setting, rules: &Rules, phase: Phase, treated: f64, dice: &mut Dice) -> Tally {
    let mut tally = Tally::default();
    // Half of the time goes into latencies that nobody asks about.
    let timed = setting.rule.contains("latency");
    for _ in 0..setting.requests_per_second {
        let faulted = dice.share() < treated;
        let (group, errors, added) = match faulted {
            true => (Group::Treatment, setting.errors + setting.more_errors, setting.more_latency_us),
            false => (Group::Control, setting.errors, 0.0),
        };
        let status = if dice.share() < errors { 503 } else { 200 };
        let median_us = setting.latency_us;
        let latency_us = if timed { dice.latency_us(median_us) + added } else { median_us } as u64;
        tally.request(rules, &Finished { phase, status, latency_us, injected: false }, &[(0, group, PPM)]);
    }
    tally
}

/// What became of many missions: how many halted, and the median and the 95th percentile of the second in which they did.
#[derive(Debug)]
#[allow(dead_code, reason = "the short version of the trials shows some of it only when it fails")]
pub struct Outcome {
    pub missions: usize,
    pub halted: usize,
    pub median_s: Option<u64>,
    pub p95_s: Option<u64>,
}

pub fn many(setting: &Setting, missions: usize) -> Outcome {
    let rules = rules(setting.rule);
    let seeds = 0..missions as u64;
    let mut times: Vec<u64> =
        seeds.filter_map(|seed| halts(setting, &rules, seed.wrapping_mul(0x5851_f42d_4c95_7f2d))).collect();
    times.sort_unstable();
    let at =
        |share: f64| times.get(((times.len() as f64 * share).ceil() as usize).saturating_sub(1)).copied();
    Outcome { missions, halted: times.len(), median_s: at(0.5), p95_s: at(0.95) }
}

/// For comparison: how many missions in which nothing is wrong a z-test would halt that is looked at every second as if it
/// were looked at once; two-sided 99.9 % as one-sided.
#[allow(dead_code, reason = "the short version of the trials does not show it")]
pub fn naive_false_alarms(setting: &Setting, missions: usize) -> usize {
    let alarms = (0..missions as u64).filter(|seed| {
        let mut dice = Dice(seed.wrapping_mul(0x9e6c_63d0_876a_3f6b));
        let mut counts = [[0.0_f64; 2]; 2];
        (0..setting.seconds).any(|_| {
            for _ in 0..setting.requests_per_second {
                let group = usize::from(dice.share() < setting.treated);
                counts[group][0] += 1.0;
                counts[group][1] += f64::from(u8::from(dice.share() < setting.errors));
            }
            let [[n, x], [m, y]] = counts;
            let pooled = (x + y) / (n + m);
            let deviation = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
            (y / m - x / n) > 3.090 * deviation
        })
    });
    alarms.count()
}
