//! Which polls are timed, and which tasks' waits?
//!
//! A few, for which the clock costs nothing: at most one poll and one wait in a millisecond on each processor, begun where the [`Outlook`](crate::outlook::Outlook) has read the clock anyway.
//! Pure: it is told the time. A wait is followed from the waking to the poll, through the next slot and the ring:
//!
//! ```text
//!           open               put_next                     displace, pushed
//!   NOTHING ----> WANTED ------------------> IN NEXT SLOT ------------------> IN RING (at a position)
//!      ^            | begin_wait, pushed                                        ^  |
//!      |            +-----------------------------------------------------------+  |
//!      +---- end_wait: by who takes it out of there; dropped: stolen, overflowed, or its processor goes idle
//! ```
//!
//! Positions in a ring count up, so a task that another thread has taken is never mistaken for one that is pushed later, nor for the same one that has come back.

use std::time::{Duration, Instant};

/// Between two samples.
const INTERVAL: Duration = Duration::from_millis(1);

/// One processor's samples that are under way; its holder's.
#[derive(Debug, Default)]
pub(crate) struct Sampler {
    last: Option<Instant>,
    times_poll: bool,
    wait: Wait,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Wait {
    #[default]
    Nothing,
    /// The next task that is woken here.
    Wanted,
    InNextSlot(Begun),
    InRing(u32, Begun),
}

/// A wait that is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Begun {
    pub(crate) since: Instant,
    pub(crate) origin: Origin,
}

/// Where a task came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It was woken on this processor.
    Local,
    /// It was taken out of the inject queue to wait here.
    Injected,
}

impl Sampler {
    /// The clock has been read. `has_passed` says of a position in the ring whether its task has been taken.
    #[cold]
    pub(crate) fn open(&mut self, now: Instant, has_passed: impl FnOnce(u32) -> bool) {
        if self.last.is_some_and(|last| now - last < INTERVAL) {
            return;
        }
        self.last = Some(now);
        self.times_poll = true;
        match self.wait {
            Wait::InNextSlot(_) => {}
            Wait::InRing(position, _) if !has_passed(position) => {}
            _ => self.wait = Wait::Wanted,
        }
    }

    // ---- polls ------------------------------------------------------------------------------------------------------

    /// Before a poll: when it began, if it shall be timed.
    #[inline]
    pub(crate) fn begin_poll(&mut self) -> Option<Instant> {
        if !self.times_poll {
            return None;
        }
        self.times_poll = false;
        Some(Instant::now())
    }

    // ---- waits ------------------------------------------------------------------------------------------------------

    /// A task that is woken now is one whose wait is timed, or displaces one.
    #[inline]
    pub(crate) fn watches_submits(&self) -> bool {
        matches!(self.wait, Wait::Wanted | Wait::InNextSlot(_))
    }

    /// A wait is being timed.
    pub(crate) fn is_timing_wait(&self) -> bool {
        matches!(self.wait, Wait::InNextSlot(_) | Wait::InRing(..))
    }

    /// A task is woken now, and goes to the ring at once: its wait, if that shall be timed.
    #[inline]
    pub(crate) fn begin_wait(&self) -> Option<Begun> {
        matches!(self.wait, Wait::Wanted).then(|| Begun { since: Instant::now(), origin: Origin::Local })
    }

    /// The task in the next slot gives way to another one: its wait, if that is timed.
    pub(crate) fn displace(&mut self) -> Option<Begun> {
        let Wait::InNextSlot(wait) = self.wait else { return None };
        self.wait = Wait::Nothing;
        Some(wait)
    }

    /// A task is woken now, and goes to the next slot.
    pub(crate) fn put_next(&mut self) {
        if let Some(wait) = self.begin_wait() {
            self.wait = Wait::InNextSlot(wait);
        }
    }

    /// A task whose wait is timed is in the ring now.
    pub(crate) fn pushed(&mut self, position: u32, wait: Begun) {
        self.wait = Wait::InRing(position, wait);
    }

    /// The wait of the task in the next slot is timed.
    #[inline]
    pub(crate) fn times_next_slot(&self) -> bool {
        matches!(self.wait, Wait::InNextSlot(_))
    }

    /// The wait of the task that was pushed at `position` is timed.
    #[inline]
    pub(crate) fn times_position(&self, position: u32) -> bool {
        matches!(self.wait, Wait::InRing(timed, _) if timed == position)
    }

    /// The task has been taken out to run: its wait.
    pub(crate) fn end_wait(&mut self) -> Option<Begun> {
        match std::mem::take(&mut self.wait) {
            Wait::InNextSlot(wait) | Wait::InRing(_, wait) => Some(wait),
            Wait::Nothing | Wait::Wanted => None,
        }
    }

    /// The task in the next slot goes on waiting where it is not followed.
    pub(crate) fn forget_next_slot(&mut self) {
        if self.times_next_slot() {
            self.wait = Wait::Nothing;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> (Sampler, Instant) {
        let (mut sampler, now) = (Sampler::default(), Instant::now());
        sampler.open(now, |_| unreachable!("nothing is in the ring"));
        (sampler, now)
    }

    #[test]
    fn one_poll_is_timed_in_a_millisecond() {
        let (mut sampler, now) = opened();
        assert!(sampler.begin_poll().is_some());
        assert_eq!(sampler.begin_poll(), None);
        sampler.open(now + INTERVAL / 2, |_| true);
        assert_eq!(sampler.begin_poll(), None);
        sampler.open(now + INTERVAL, |_| true);
        assert!(sampler.begin_poll().is_some());
    }

    #[test]
    fn a_wait_is_followed_from_the_next_slot_into_the_ring() {
        let (mut sampler, now) = opened();
        assert!(sampler.watches_submits());
        sampler.put_next();
        assert!(sampler.times_next_slot() && sampler.watches_submits());
        let wait = sampler.displace().expect("it is timed");
        assert!(wait.since >= now);
        sampler.put_next();
        sampler.pushed(7, wait);
        assert!(!sampler.times_next_slot() && !sampler.watches_submits(), "who displaced it is not timed");
        assert!(sampler.times_position(7) && !sampler.times_position(8));
        assert_eq!(sampler.end_wait(), Some(wait));
        assert!(!sampler.times_position(7));
        assert_eq!(sampler.end_wait(), None, "once");
    }

    #[test]
    fn a_task_that_another_thread_took_is_given_up() {
        let (mut sampler, now) = opened();
        let wait = sampler.begin_wait().expect("one is wanted");
        sampler.pushed(7, wait);
        sampler.open(now + INTERVAL, |position| position != 7);
        assert!(sampler.times_position(7), "it is still there");
        sampler.open(now + 2 * INTERVAL, |position| position == 7);
        assert!(!sampler.times_position(7) && sampler.watches_submits(), "another one is wanted");
    }

    #[test]
    fn what_leaves_the_next_slot_for_an_idle_processor_s_ring_is_given_up() {
        let (mut sampler, _now) = opened();
        sampler.put_next();
        sampler.forget_next_slot();
        assert_eq!(sampler.end_wait(), None);
    }
}
