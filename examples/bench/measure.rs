//! Time, CPU time and what to make of many of them.

use std::time::{Duration, Instant};

/// A measurement that runs.
#[derive(Debug)]
pub(crate) struct Meter {
    start: Instant,
    cpu: Option<Duration>,
}

/// What a round took.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    /// What all threads of this process took, where the system tells.
    pub(crate) cpu: Option<Duration>,
    /// How long requests took, in order.
    latencies: Vec<Duration>,
}

impl Meter {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now(), cpu: process_cpu() }
    }

    pub(crate) fn stop(self, mut latencies: Vec<Duration>) -> Cost {
        let wall = self.start.elapsed();
        let cpu = process_cpu().zip(self.cpu).map(|(now, then)| now.saturating_sub(then));
        latencies.sort_unstable();
        Cost { wall, cpu, latencies }
    }
}

impl Cost {
    /// What so many of a hundred requests took at most.
    pub(crate) fn percentile(&self, percent: usize) -> Option<Duration> {
        let last = self.latencies.len().checked_sub(1)?;
        self.latencies.get(last * percent / 100).copied()
    }
}

#[cfg(unix)]
fn process_cpu() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(Duration::new(time.tv_sec.try_into().ok()?, time.tv_nsec.try_into().ok()?))
}

#[cfg(not(unix))]
fn process_cpu() -> Option<Duration> {
    None
}

/// How long requests took: all of them, or every so manieth where there are very many.
#[derive(Debug)]
pub(crate) struct Latencies {
    every: u64,
    seen: u64,
    kept: Vec<Duration>,
}

impl Latencies {
    /// The most that are kept of all tasks together.
    const MOST: u64 = 1_000_000;

    /// For one task, where all together make `all` requests.
    pub(crate) fn new(all: u64) -> Self {
        Self { every: all.div_ceil(Self::MOST), seen: 0, kept: Vec::new() }
    }

    pub(crate) fn add(&mut self, latency: Duration) {
        if self.seen.is_multiple_of(self.every) {
            self.kept.push(latency);
        }
        self.seen += 1;
    }

    pub(crate) fn into_vec(self) -> Vec<Duration> {
        self.kept
    }
}

/// The median; `None` where one is missing, or all.
pub(crate) fn median(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let mut values = values.collect::<Option<Vec<f64>>>()?;
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}
