//! The last two hours at most, point by point, for whoever watches.

use super::cell::Cell;
use super::codec::{Reader, Writer};
use std::collections::VecDeque;

/// Points that are kept.
pub const MOST_POINTS: usize = 120;

/// One group between two points.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    pub requests: u64,
    pub errors: u64,
    /// Median, 95th and 99th percentile in microseconds; 0 without requests.
    pub latency_us: [u64; 3],
}

impl Summary {
    #[must_use]
    pub fn of(cell: &Cell) -> Self {
        let trials = cell.trials(false);
        let latency = |ppm| libm::round(cell.latency.quantile(ppm).unwrap_or(0.0)) as u64;
        Self {
            requests: trials.requests,
            errors: trials.hits,
            latency_us: [latency(500_000), latency(950_000), latency(990_000)],
        }
    }
}

/// What was seen of control and treatment in one span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Point {
    /// Number of the span since the start of the mission.
    pub number: u64,
    pub control: Summary,
    pub treatment: Summary,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Series {
    closed: VecDeque<Point>,
    number: u64,
    control: Cell,
    treatment: Cell,
}

impl Series {
    pub fn add(&mut self, number: u64, control: &Cell, treatment: &Cell) {
        if number > self.number {
            self.close();
            self.number = number;
        }
        self.control.merge(control, true);
        self.treatment.merge(treatment, true);
    }

    fn open(&self) -> Point {
        Point {
            number: self.number,
            control: Summary::of(&self.control),
            treatment: Summary::of(&self.treatment),
        }
    }

    fn close(&mut self) {
        let point = self.open();
        (self.control, self.treatment) = Default::default();
        // A span without requests needs no point.
        if point.control.requests > 0 || point.treatment.requests > 0 {
            self.closed.push_back(point);
        }
        while self.closed.len() >= MOST_POINTS {
            self.closed.pop_front();
        }
    }

    /// The points with the one under way last.
    pub fn points(&self) -> impl Iterator<Item = Point> {
        let open = self.open();
        let any = open.control.requests > 0 || open.treatment.requests > 0;
        self.closed.iter().copied().chain(any.then_some(open))
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.length(self.closed.len());
        for point in &self.closed {
            out.number(point.number);
            for group in [point.control, point.treatment] {
                out.numbers(&[group.requests, group.errors]);
                out.numbers(&group.latency_us);
            }
        }
        out.number(self.number);
        self.control.write(out);
        self.treatment.write(out);
    }

    pub(super) fn read(bytes: &mut Reader<'_>) -> Option<Self> {
        let mut closed = VecDeque::new();
        for _ in 0..bytes.length(MOST_POINTS)? {
            let number = bytes.number()?;
            let mut group = || {
                let (requests, errors) = (bytes.number()?, bytes.number()?);
                let mut latency_us = [0; 3];
                bytes.numbers(&mut latency_us)?;
                Some(Summary { requests, errors, latency_us })
            };
            closed.push_back(Point { number, control: group()?, treatment: group()? });
        }
        Some(Self {
            closed,
            number: bytes.number()?,
            control: Cell::read(bytes)?,
            treatment: Cell::read(bytes)?,
        })
    }
}
