//! How long did a processor that was given up for waiting tasks have no holder?

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// For each processor, when it was given up: in nanoseconds since the start, until its next holder asks; 0 if no task waited. Relaxed throughout: the idle set orders who gives up and who takes.
#[derive(Debug)]
pub(crate) struct HandedOff {
    start: Instant,
    since: Box<[AtomicU64]>,
}

impl HandedOff {
    pub(crate) fn new(processors: usize) -> Self {
        Self { start: Instant::now(), since: (0..processors).map(|_| AtomicU64::new(0)).collect() }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// `processor` is about to go to the idle set.
    pub(crate) fn give_up(&self, processor: usize) {
        self.since[processor].store(self.now().max(1), Ordering::Relaxed);
    }

    /// It turned out that no task waits. A holder that was quicker has measured a moment that it did not take long to pass.
    pub(crate) fn forget(&self, processor: usize) {
        self.since[processor].store(0, Ordering::Relaxed);
    }

    /// For the next holder: the delay.
    pub(crate) fn taken(&self, processor: usize) -> Option<Duration> {
        let since = &self.since[processor];
        let at = since.load(Ordering::Relaxed);
        if at == 0 {
            return None;
        }
        since.store(0, Ordering::Relaxed);
        Some(Duration::from_nanos(self.now().saturating_sub(at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_holder_after_a_hand_off_is_told_of_a_delay() {
        let handed_off = HandedOff::new(2);
        assert_eq!(handed_off.taken(0), None);
        handed_off.give_up(0);
        assert_eq!(handed_off.taken(1), None);
        assert!(handed_off.taken(0).is_some());
        assert_eq!(handed_off.taken(0), None);
        handed_off.give_up(1);
        handed_off.forget(1);
        assert_eq!(handed_off.taken(1), None);
    }
}
