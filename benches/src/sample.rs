//! What do many timings say in a few numbers?

use std::time::Duration;

/// Timings of one kind.
#[derive(Debug, Default)]
pub(crate) struct Sample(Vec<Duration>);

impl Sample {
    pub(crate) fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// The mean, to the nearest nanosecond below.
    ///
    /// # Panics
    ///
    /// Panics if there are none.
    pub(crate) fn mean(&self) -> Duration {
        assert!(!self.0.is_empty(), "no event was timed");
        Duration::from_nanos((self.0.iter().map(Duration::as_nanos).sum::<u128>() / self.0.len() as u128) as u64)
    }

    /// Sorts the timings, so that they can be asked for percentiles.
    ///
    /// # Panics
    ///
    /// Panics if there are none: a workload that timed nothing measured nothing.
    pub(crate) fn sort(mut self) -> Sorted {
        assert!(!self.0.is_empty(), "no event was timed");
        self.0.sort_unstable();
        Sorted(self.0)
    }
}

impl FromIterator<Duration> for Sample {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        Self(times.into_iter().collect())
    }
}

/// Timings in order, at least one.
#[derive(Debug)]
pub(crate) struct Sorted(Vec<Duration>);

impl Sorted {
    /// The smallest timing that at least `percent` of a hundred do not exceed (nearest rank).
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100).clamp(1, self.0.len());
        self.0[rank - 1]
    }

    pub(crate) fn median(&self) -> Duration {
        self.percentile(50)
    }

    pub(crate) fn max(&self) -> Duration {
        self.percentile(100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let sorted = (1..=200).rev().map(Duration::from_millis).collect::<Sample>().sort();
        assert_eq!(sorted.percentile(50), Duration::from_millis(100));
        assert_eq!(sorted.percentile(99), Duration::from_millis(198));
        assert_eq!(sorted.max(), Duration::from_millis(200));
    }

    #[test]
    fn one_timing_is_every_percentile() {
        let sorted = [Duration::from_millis(3)].into_iter().collect::<Sample>().sort();
        assert_eq!(sorted.percentile(1), sorted.percentile(99));
    }
}
