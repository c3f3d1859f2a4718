//! Is the rest of a batch of events worth another thread?
//!
//! Pure: times and lengths go in, what to do comes out. To wake a thread costs the waker 5 us, and the two then take turns in epoll, each with a few events at a time: on two CPUs that the clients
//! share, an echo server with 64 connections makes 8,000 switches a second instead of 1,000 and answers a tenth fewer requests (ARCHITECTURE.md). So who fetches a batch keeps it as long as it is
//! likely to be through with it soon.

use std::time::{Duration, Instant};

/// For so long it is kept whatever is in it: the first polls say how long the others will take.
const HEAD_START: Duration = Duration::from_micros(50);
/// What is left is not worth a thread if it will take less than this.
const WORTH_A_THREAD: Duration = Duration::from_micros(500);
/// After so long another thread comes even if little seems to be left: tasks that follow keep the ring from becoming empty.
const LATEST: Duration = Duration::from_millis(1);

/// The events whose tasks wait in a ring, and for which no other thread has been woken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    fetched: Instant,
    tasks: usize,
}

/// What the holder does about the rest of a batch.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Goes on, and asks again.
    Keep,
    /// Wakes another thread for it.
    Share,
    /// There is none.
    Done,
}

impl Batch {
    /// A batch that was fetched at `now`, with which `tasks` wait in the ring.
    pub(crate) fn new(now: Instant, tasks: usize) -> Self {
        Self { fetched: now, tasks }
    }

    /// More events came before the ring was empty, and with them `tasks`.
    pub(crate) fn add(&mut self, tasks: usize) {
        self.tasks += tasks;
    }

    /// Some time later, with `waiting` tasks in the ring.
    pub(crate) fn rest(&self, now: Instant, waiting: usize) -> Rest {
        if waiting == 0 {
            return Rest::Done;
        }
        let elapsed = now - self.fetched;
        let done = self.tasks.saturating_sub(waiting);
        let is_worth_it = elapsed.as_nanos() * waiting as u128 >= WORTH_A_THREAD.as_nanos() * done as u128;
        if elapsed >= LATEST || (elapsed >= HEAD_START && is_worth_it) { Rest::Share } else { Rest::Keep }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Duration = Duration::from_micros(1);

    /// What is done when `done` of 64 tasks have taken `elapsed`.
    fn after(elapsed: Duration, done: usize) -> Rest {
        let now = Instant::now();
        Batch::new(now, 64).rest(now + elapsed, 64 - done)
    }

    #[test]
    fn quick_tasks_stay_and_slow_ones_are_shared() {
        assert_eq!(after(HEAD_START, 16), Rest::Keep, "3 us each: 150 us are left");
        assert_eq!(after(HEAD_START, 4), Rest::Share, "12 us each: 750 us are left");
        assert_eq!(after(100 * US, 1), Rest::Share);
    }

    #[test]
    fn nothing_is_shared_before_the_first_polls_have_told() {
        assert_eq!(after(HEAD_START - US, 0), Rest::Keep);
        assert_eq!(after(HEAD_START, 0), Rest::Share);
    }

    #[test]
    fn a_ring_that_does_not_become_empty_is_shared_at_last() {
        assert_eq!(after(LATEST - US, 63), Rest::Keep);
        assert_eq!(after(LATEST, 63), Rest::Share);
        let now = Instant::now();
        assert_eq!(Batch::new(now, 1).rest(now + HEAD_START, 100), Rest::Share, "it grows");
    }

    #[test]
    fn events_that_come_later_do_not_hide_what_was_done() {
        let now = Instant::now();
        let mut batch = Batch::new(now, 64);
        batch.add(48);
        assert_eq!(batch.rest(now + 2 * HEAD_START, 64), Rest::Keep, "48 were done, 2 us each: 130 us are left");
    }

    #[test]
    fn an_empty_ring_ends_it() {
        assert_eq!(after(LATEST, 64), Rest::Done);
    }
}
