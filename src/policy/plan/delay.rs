//! How long a request is held back: a distribution, drawn by inverting or transforming uniform numbers.
//!
//! Written with `libm` instead of a library of distributions, because native code and wasm have to agree on
//! every delay to the microsecond (P5), and such libraries call whatever `exp` and `ln` the platform has.

use crate::draw::Chance;
use crate::wire;

/// When a delay is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DelayPhase {
    /// Before the request goes upstream.
    Request,
    /// Before the response comes back.
    Response,
}

/// A distribution of delays; all times in microseconds.
#[derive(Debug)]
pub struct Delay {
    pub phase: DelayPhase,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    Fixed(u64),
    Uniform { min: f64, max: f64 },
    Normal { mean: f64, stddev: f64 },
    LogNormal { median: f64, sigma: f64 },
    Pareto { min: f64, shape: f64, max: f64 },
    Percentiles(Vec<(f64, f64)>),
}

const LONGEST_US: f64 = 3_600_000_000.0;

impl Delay {
    /// `None` for a fault without a distribution, which [`wire`] refuses.
    #[must_use]
    pub fn compile(fault: &wire::DelayFault) -> Option<Self> {
        let phase = match fault.phase {
            wire::PhaseWord::Request => DelayPhase::Request,
            wire::PhaseWord::Response => DelayPhase::Response,
        };
        Self::shape(fault).map(|shape| Self { phase, shape })
    }

    fn shape(fault: &wire::DelayFault) -> Option<Shape> {
        if let Some(fixed) = fault.fixed {
            return Some(Shape::Fixed(fixed.micros()));
        }
        if let Some(u) = &fault.uniform {
            return Some(Shape::Uniform { min: u.min.micros() as f64, max: u.max.micros() as f64 });
        }
        if let Some(n) = &fault.normal {
            return Some(Shape::Normal { mean: n.mean.micros() as f64, stddev: n.stddev.micros() as f64 });
        }
        if let Some(l) = &fault.lognormal {
            return Some(Shape::LogNormal { median: l.median.micros() as f64, sigma: l.sigma.0 });
        }
        if let Some(p) = &fault.pareto {
            return Some(Shape::Pareto {
                min: p.min.micros() as f64,
                shape: p.shape.0,
                max: p.max.micros() as f64,
            });
        }
        fault.percentiles.as_ref().map(|table| {
            let mut points: Vec<(f64, f64)> =
                table.points().into_iter().map(|(p, us)| (p, us as f64)).collect();
            if points.first().is_some_and(|(p, _)| *p > 0.0) {
                points.insert(0, (0.0, 0.0));
            }
            Shape::Percentiles(points)
        })
    }

    /// One delay in microseconds, 0 to one hour.
    #[must_use]
    pub fn draw(&self, chance: &mut Chance) -> u64 {
        let us = match &self.shape {
            Shape::Fixed(us) => return *us,
            Shape::Uniform { min, max } => min + (max - min) * chance.unit(),
            Shape::Normal { mean, stddev } => mean + stddev * chance.normal(),
            Shape::LogNormal { median, sigma } => median * libm::exp(sigma * chance.normal()),
            Shape::Pareto { min, shape, max } => {
                libm::fmin(min * libm::pow(chance.unit(), -1.0 / shape), *max)
            }
            Shape::Percentiles(points) => interpolate(points, chance.unit()),
        };
        // A saturating cast: NaN and negative numbers become 0.
        libm::round(libm::fmin(us, LONGEST_US)) as u64
    }

    /// The delay in microseconds when it needs no chance.
    #[must_use]
    pub fn fixed_us(&self) -> Option<u64> {
        match self.shape {
            Shape::Fixed(us) => Some(us),
            _ => None,
        }
    }
}

/// The value at `p` of a table that is linear between its points and flat after the last.
fn interpolate(points: &[(f64, f64)], p: f64) -> f64 {
    let mut below = (0.0, 0.0);
    for &(at, value) in points {
        if p <= at {
            let width = at - below.0;
            return if width > 0.0 { below.1 + (value - below.1) * (p - below.0) / width } else { value };
        }
        below = (at, value);
    }
    below.1
}
