//! Is the rest of a batch of events worth another thread?
//!
//! Pure: times and lengths go in, what to do comes out. To wake a thread costs the waker 5 us, and the two then take turns in epoll, each with a few events at a time: on two CPUs that the clients
//! share, an echo server with 64 connections makes 8,000 switches a second instead of 1,000 and answers a tenth fewer requests (ARCHITECTURE.md). So who fetches a batch keeps it as long as it is
//! likely to be through with it soon.

use std::time::{Duration, Instant};

use crate::contention::Spread;

/// For so long it is kept whatever is in it: the first polls say how long the others will take.
const HEAD_START: Duration = Duration::from_micros(50);
/// What is left is not worth a thread if it will take less than this.
const WORTH_A_THREAD: Duration = Duration::from_micros(500);
/// After so long another thread comes even if little seems to be left: tasks that follow keep the ring from becoming empty.
const LATEST: Duration = Duration::from_millis(1);
/// What is left is not worth a second thread that would only take turns with the first if it will take less than this. Also how far back the measure goes.
const WORTH_TAKING_TURNS: Duration = Duration::from_millis(2);

/// The events whose tasks wait in a ring, and for which no other thread has been woken.
#[derive(Debug)]
pub(crate) struct Batch {
    fetched: Instant,
    tasks: usize,
    /// It seemed to be worth a thread that would take turns with this one.
    seemed_worth_it: bool,
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
        Self { fetched: now, tasks, seemed_worth_it: false }
    }

    /// More events came before the ring was empty, and with them `tasks`.
    pub(crate) fn add(&mut self, tasks: usize) {
        self.tasks += tasks;
    }

    /// Some time later, with `waiting` tasks in the ring.
    pub(crate) fn rest(&mut self, spread: Spread, now: Instant, waiting: usize) -> Rest {
        if waiting == 0 {
            return Rest::Done;
        }
        let elapsed = now - self.fetched;
        if elapsed < HEAD_START {
            return Rest::Keep;
        }
        match spread {
            Spread::Several if elapsed >= LATEST || self.takes(WORTH_A_THREAD, elapsed, waiting) => Rest::Share,
            Spread::Several => Rest::Keep,
            Spread::One => self.rest_with_one(elapsed, now, waiting),
        }
    }

    /// Whether what is left will take at least `time`, by what the tasks took that are done.
    fn takes(&self, time: Duration, elapsed: Duration, waiting: usize) -> bool {
        let done = self.tasks.saturating_sub(waiting);
        elapsed.as_nanos() * waiting as u128 >= time.as_nanos() * done as u128
    }

    /// Beside others on its CPU the thread may have been preempted, which says nothing of its tasks: so a batch must seem to be worth it twice in a row.
    fn rest_with_one(&mut self, elapsed: Duration, now: Instant, waiting: usize) -> Rest {
        let is_worth_it = self.takes(WORTH_TAKING_TURNS, elapsed, waiting);
        if is_worth_it && self.seemed_worth_it {
            return Rest::Share;
        }
        if is_worth_it || elapsed >= WORTH_TAKING_TURNS {
            (self.fetched, self.tasks) = (now, waiting);
        }
        self.seemed_worth_it = is_worth_it;
        Rest::Keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Duration = Duration::from_micros(1);

    /// What is done when `done` of 64 tasks have taken `elapsed`.
    fn after(elapsed: Duration, done: usize) -> Rest {
        let now = Instant::now();
        Batch::new(now, 64).rest(Spread::Several, now + elapsed, 64 - done)
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
        assert_eq!(Batch::new(now, 1).rest(Spread::Several, now + HEAD_START, 100), Rest::Share, "it grows");
    }

    #[test]
    fn events_that_come_later_do_not_hide_what_was_done() {
        let now = Instant::now();
        let mut batch = Batch::new(now, 64);
        batch.add(48);
        assert_eq!(batch.rest(Spread::Several, now + 2 * HEAD_START, 64), Rest::Keep, "48 were done, 2 us each: 130 us are left");
    }

    #[test]
    fn a_thread_that_takes_turns_keeps_four_times_as_much_however_long_that_lasts() {
        let mut now = Instant::now();
        let mut batch = Batch::new(now, 256);
        assert_eq!(batch.rest(Spread::One, now + 100 * US, 244), Rest::Keep, "8 us each: 2 ms are left, but a first look may be wrong");
        now += 300 * US;
        assert_eq!(batch.rest(Spread::One, now, 214), Rest::Keep, "7 us each");
        for _ in 0..1000 {
            now += 700 * US;
            batch.add(100);
            assert_eq!(batch.rest(Spread::One, now, 214), Rest::Keep, "as many come as are done");
        }
    }

    #[test]
    fn what_takes_long_is_shared_by_a_thread_that_takes_turns_too() {
        let now = Instant::now();
        let mut batch = Batch::new(now, 64);
        assert_eq!(batch.rest(Spread::One, now + 100 * US, 62), Rest::Keep);
        assert_eq!(batch.rest(Spread::One, now + 200 * US, 60), Rest::Share, "50 us each, again");
        let mut batch = Batch::new(now, 64);
        assert_eq!(batch.rest(Spread::One, now + 100 * US, 63), Rest::Keep);
        assert_eq!(batch.rest(Spread::One, now + 20_000 * US, 63), Rest::Share, "the next task blocks");
    }

    #[test]
    fn a_thread_that_was_preempted_does_not_take_that_for_its_tasks() {
        let now = Instant::now();
        let mut batch = Batch::new(now, 64);
        let mut at = now + 3000 * US;
        assert_eq!(batch.rest(Spread::One, at, 60), Rest::Keep, "four tasks took 3 ms");
        for waiting in (1..55).rev() {
            at += 6 * US;
            assert_eq!(batch.rest(Spread::One, at, waiting), Rest::Keep);
        }
    }

    #[test]
    fn tasks_that_become_slow_are_noticed_soon() {
        let mut now = Instant::now();
        let mut batch = Batch::new(now, 64);
        for _ in 0..100_000 {
            now += 60 * US;
            batch.add(10);
            assert_eq!(batch.rest(Spread::One, now, 64), Rest::Keep);
        }
        let looks = (1..).find(|_| {
            now += 1000 * US;
            batch.add(1);
            batch.rest(Spread::One, now, 64) == Rest::Share
        });
        assert!(looks.is_some_and(|looks| looks <= 4), "{looks:?}");
    }

    #[test]
    fn an_empty_ring_ends_it() {
        assert_eq!(after(LATEST, 64), Rest::Done);
    }
}
