//! How long did things take, by how often?

use std::fmt;
use std::time::Duration;

use handover_blocking::histogram::{BOUNDS_NANOS, Reading};

/// How often something took how long, as it was when it was read: counts by duration, with bounds of 1, 2 and 5 in each decade from 1 us to 10 s, and closer between 10 us and 20 ms.
#[derive(Clone, PartialEq, Eq)]
pub struct DurationHistogram(Reading);

impl DurationHistogram {
    pub(super) fn new(reading: Reading) -> Self {
        Self(reading)
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.0.total()
    }

    /// How long they took together.
    pub fn sum(&self) -> Duration {
        self.0.sum
    }

    /// The bound below which the share `quantile` (0 to 1) of them lies; none if there were none, or if it lies beyond the last bound.
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        self.0.quantile(quantile)
    }

    /// The buckets from the shortest to the longest: the upper bound, inclusive, and how many lie between it and the bound before. The last has no bound.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> + '_ {
        let bounds = BOUNDS_NANOS.iter().map(|nanos| Some(Duration::from_nanos(*nanos))).chain([None]);
        bounds.zip(self.0.counts)
    }
}

/// The buckets that are not empty.
impl fmt::Debug for DurationHistogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let filled = self.buckets().filter(|(_, count)| *count > 0);
        f.debug_map().entries(filled.map(|(bound, count)| (bound.unwrap_or(Duration::MAX), count))).finish()
    }
}
