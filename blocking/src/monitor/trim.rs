//! When is memory given back that nobody needs any more?

use std::time::{Duration, Instant};

use crate::scheduler::Scheduler;

/// Memory that was not needed for so long is given back.
const INTERVAL: Duration = Duration::from_secs(1);
/// A large surplus goes bit by bit.
const NEXT_BIT: Duration = Duration::from_millis(10);

/// The next time.
#[derive(Debug)]
pub(super) struct Trim {
    next: Instant,
}

impl Trim {
    pub(super) fn new(now: Instant) -> Self {
        Self { next: now + INTERVAL }
    }

    /// Trims, if it is time.
    pub(super) fn round(&mut self, scheduler: &dyn Scheduler, now: Instant) {
        if now >= self.next {
            self.next = now + if scheduler.trim_memory() { NEXT_BIT } else { INTERVAL };
        }
    }

    /// When a monitor that sleeps must wake up for it.
    pub(super) fn due(&self, scheduler: &dyn Scheduler) -> Option<Instant> {
        scheduler.has_surplus_memory().then_some(self.next)
    }
}
