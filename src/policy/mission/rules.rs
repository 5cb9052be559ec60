//! What a mission file says about its time: how long it observes, injects with which intensity, and observes again.

use super::bytes::{Reader, Writer};
use crate::draw::PPM;
use crate::wire;

/// A part of the injecting time with an intensity of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stage {
    /// Its end, milliseconds since the mission's start. The last one's is the deadline, whatever stands here.
    pub until_ms: u64,
    /// 1 to 1,000,000: what the sampling rates are multiplied with, in parts per million.
    pub intensity_ppm: u32,
}

/// A mission's time; all spans in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rules {
    /// From start to deadline, `baseline_ms` included.
    pub duration_ms: u64,
    /// At the beginning of the duration: observed, nothing injected.
    pub baseline_ms: u64,
    /// After the deadline: observed, nothing injected.
    pub recovery_ms: u64,
    /// 0: none. Else the mission ends so long after its start or its last renewal.
    pub lease_ms: u64,
    /// In their order; empty is one of 100 %.
    pub stages: Vec<Stage>,
}

impl Rules {
    /// The rules of a mission without mistakes.
    #[must_use]
    pub fn of(mission: &wire::Mission) -> Self {
        let (baseline_ms, duration_ms) =
            (mission.baseline.map_or(0, wire::Span::millis), mission.duration.millis());
        let mut until_ms = baseline_ms;
        let stages = mission.stages.iter().flatten().map(|stage| {
            until_ms = stage.lasts.map_or(duration_ms, |lasts| until_ms.saturating_add(lasts.millis()));
            Stage { until_ms, intensity_ppm: stage.intensity.0 }
        });
        Self {
            duration_ms,
            baseline_ms,
            recovery_ms: mission.recovery.map_or(0, wire::Span::millis),
            lease_ms: mission.lease.map_or(0, wire::Span::millis),
            stages: stages.collect(),
        }
    }

    /// The stage of a moment between baseline and deadline: its number from 0, its intensity and its end.
    pub(super) fn stage(&self, elapsed_ms: u64) -> (usize, Stage) {
        let Some((last, earlier)) = self.stages.split_last() else {
            return (0, Stage { until_ms: self.duration_ms, intensity_ppm: PPM });
        };
        let current = earlier.iter().enumerate().find(|(_, stage)| elapsed_ms < stage.until_ms);
        // Of a deadline that was moved only the last one takes notice.
        let rest = Stage { until_ms: self.duration_ms, ..*last };
        current.map_or((earlier.len(), rest), |(number, stage)| (number, *stage))
    }

    pub(super) fn write(&self, to: &mut Writer) {
        for word in [self.duration_ms, self.baseline_ms, self.recovery_ms, self.lease_ms] {
            to.word(word);
        }
        to.word(self.stages.len() as u64);
        for stage in &self.stages {
            to.word(stage.until_ms).word(u64::from(stage.intensity_ppm));
        }
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Option<Self> {
        let (duration_ms, baseline_ms) = (from.word()?, from.word()?);
        let (recovery_ms, lease_ms) = (from.word()?, from.word()?);
        let stages: Vec<Stage> = (0..from.length(wire::MOST_STAGES)?)
            .map(|_| {
                let (until_ms, ppm) = (from.word()?, from.word()?);
                let intensity_ppm = u32::try_from(ppm).ok().filter(|ppm| (1..=PPM).contains(ppm))?;
                Some(Stage { until_ms, intensity_ppm })
            })
            .collect::<Option<_>>()?;
        let sorted = stages.is_sorted_by(|a, b| a.until_ms < b.until_ms);
        sorted.then_some(Self { duration_ms, baseline_ms, recovery_ms, lease_ms, stages })
    }
}
