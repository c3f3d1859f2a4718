//! How long did things take? Counts by duration, that any thread may add to and read.
//!
//! The bounds are 1-2-5 per decade, and closer between 10 us and 20 ms, where hand-offs and calls lie.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets, each inclusive, in nanoseconds; one more bucket holds what is longer.
pub const BOUNDS_NANOS: [u64; 33] = [
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    20_000,
    30_000,
    50_000,
    70_000,
    100_000,
    150_000,
    200_000,
    300_000,
    500_000,
    700_000,
    1_000_000,
    1_500_000,
    2_000_000,
    3_000_000,
    5_000_000,
    7_000_000,
    10_000_000,
    12_000_000,
    15_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    1_000_000_000,
    2_000_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// Buckets: one for each bound, and one for what is beyond the last.
pub const BUCKETS: usize = BOUNDS_NANOS.len() + 1;

/// Counts by duration. Relaxed throughout: it orders nothing, and a reading beside an addition may miss it in one word and see it in the other.
#[derive(Debug)]
pub struct Histogram {
    counts: [AtomicU64; BUCKETS],
    nanos: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [const { AtomicU64::new(0) }; BUCKETS], nanos: AtomicU64::new(0) }
    }
}

/// What a [`Histogram`] held when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// How many fell into each bucket (not cumulated).
    pub counts: [u64; BUCKETS],
    /// Their sum.
    pub sum: Duration,
}

impl Histogram {
    /// One more, which took `time`.
    pub fn record(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_NANOS.partition_point(|bound| *bound < nanos);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// What it holds now.
    pub fn read(&self) -> Reading {
        let counts = std::array::from_fn(|bucket| self.counts[bucket].load(Ordering::Relaxed));
        Reading { counts, sum: Duration::from_nanos(self.nanos.load(Ordering::Relaxed)) }
    }
}

impl Reading {
    /// Both together.
    pub fn plus(&self, other: &Self) -> Self {
        Self { counts: std::array::from_fn(|bucket| self.counts[bucket] + other.counts[bucket]), sum: self.sum + other.sum }
    }

    /// How many there were.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The bound below which the share `quantile` (0 to 1) of them lies; none if there were none, or if it lies beyond the last bound.
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        let rank = (quantile.clamp(0.0, 1.0) * self.total() as f64).ceil().max(1.0) as u64;
        let mut below = 0;
        let bucket = self.counts.iter().position(|count| {
            below += count;
            below >= rank
        })?;
        BOUNDS_NANOS.get(bucket).map(|nanos| Duration::from_nanos(*nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_rise() {
        assert!(BOUNDS_NANOS.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn each_time_counts_once_in_the_bucket_that_ends_at_or_after_it() {
        let histogram = Histogram::default();
        for nanos in [0, 1_000, 1_001, 10_000_000_000, 10_000_000_001] {
            histogram.record(Duration::from_nanos(nanos));
        }
        let seen = histogram.read();
        assert_eq!((seen.counts[0], seen.counts[1], seen.counts[BUCKETS - 2], seen.counts[BUCKETS - 1]), (2, 1, 1, 1));
        assert_eq!((seen.total(), seen.sum), (5, Duration::from_nanos(20_000_002_002)));
    }

    #[test]
    fn a_quantile_is_the_bound_of_its_bucket() {
        let histogram = Histogram::default();
        assert_eq!(histogram.read().quantile(0.5), None);
        for _ in 0..99 {
            histogram.record(Duration::from_micros(3));
        }
        histogram.record(Duration::from_millis(4));
        let seen = histogram.read();
        assert_eq!(seen.quantile(0.5), Some(Duration::from_micros(5)));
        assert_eq!(seen.quantile(0.99), Some(Duration::from_micros(5)));
        assert_eq!(seen.quantile(1.0), Some(Duration::from_millis(5)));
        histogram.record(Duration::from_secs(60));
        assert_eq!(histogram.read().quantile(1.0), None, "beyond the last bound");
    }
}
