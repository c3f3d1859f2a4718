//! Who polls, until when, and was it woken?
//!
//! | bits | name | meaning |
//! |---|---|---|
//! | 0..62 | plan | the moment until which the poller waits in the kernel, in nanoseconds; 0: it does not wait |
//! | 62 | `WOKEN` | a wake-up is pending: the next wait does not block |
//! | 63 | `HELD` | a thread has the poller's role |
//!
//! ```text
//!     free --claim--> held --begin_wait--> waiting        begin_wait on WOKEN: clears it, stays held
//!          <-release--      <--end_wait---                wake: sets WOKEN, in any state
//! ```
//!
//! **A wake-up is not lost.** Everything is a read-modify-write of one word, so `wake` and `begin_wait` are ordered. If `wake` comes
//! first, `begin_wait` finds `WOKEN` and does not block. If `begin_wait` comes first, `wake` finds a plan and writes to the eventfd.
//! A second `wake` before the poller is back finds `WOKEN` and leaves the writing to the first. `end_wait` clears `WOKEN`, although
//! the write may still be on its way: that ends one later wait early, and loses nothing, because the next `wake` finds neither plan
//! nor `WOKEN`, or a new plan and no `WOKEN`.
//!
//! **Nor is an earlier deadline.** The plan and a shard's next deadline are two words, so this is a Dekker pair. The poller writes
//! its plan, fences, reads the deadlines again. The armer writes the deadline, fences, reads the plan. If the poller's fence comes
//! first, the armer sees the plan and wakes it; if the armer's does, the poller sees the deadline and waits no longer than that.

use crate::clock::Moment;
use crate::sync::{AtomicU64, Ordering, fence};

const HELD: u64 = 1 << 63;
const WOKEN: u64 = 1 << 62;
const PLAN: u64 = WOKEN - 1;

/// The word.
#[derive(Debug)]
pub struct Poller(AtomicU64);

/// What the poller does after [`Poller::begin_wait`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Begin {
    /// Look at the deadlines again, wait, then call [`Poller::end_wait`].
    Wait,
    /// A wake-up was pending and is now served: look at the kernel without waiting.
    Woken,
}

/// What the caller of [`Poller::wake`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Wake {
    /// Write to the eventfd: the poller waits.
    Write,
    /// Nothing: it does not wait and will see the mark, or another thread is writing already.
    Noted,
}

impl Poller {
    /// Nobody polls.
    pub fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Takes the role. False: another thread has it.
    #[must_use]
    pub fn claim(&self) -> bool {
        // The plain load spares idle threads that all try the bouncing of a line. SeqCst: whoever is told that nobody polls, after
        // its own fence, may rely on a later claimer to see what it left behind.
        !self.is_held() && self.0.fetch_or(HELD, Ordering::SeqCst) & HELD == 0
    }

    /// Gives the role back; its holder calls it once. What it does afterwards (looking at queues and deadlines) is ordered after it.
    pub fn release(&self) {
        let before = self.0.fetch_and(!HELD, Ordering::SeqCst);
        debug_assert_ne!(before & HELD, 0, "the poller's role was released without being held");
    }

    /// Whether a thread has the role.
    pub fn is_held(&self) -> bool {
        self.0.load(Ordering::SeqCst) & HELD != 0
    }

    /// The holder is about to wait until `plan`.
    pub fn begin_wait(&self, plan: Moment) -> Begin {
        let plan = plan.nanos().clamp(1, PLAN);
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let next = if word & WOKEN == 0 { word | plan } else { word & !WOKEN };
            // AcqRel: the Acquire pairs with `wake`, whose caller's work must be seen by who returns from this wait.
            match self.0.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => break,
                Err(found) => word = found,
            }
        }
        if word & WOKEN != 0 {
            return Begin::Woken;
        }
        // The poller's half of the Dekker pair.
        fence(Ordering::SeqCst);
        Begin::Wait
    }

    /// The holder is back. Acquire: pairs with `wake`, as in `begin_wait`.
    pub fn end_wait(&self) {
        self.0.fetch_and(!(PLAN | WOKEN), Ordering::AcqRel);
    }

    /// Ends the wait that is on, or keeps the next one from blocking.
    pub fn wake(&self) -> Wake {
        // Release: publishes what the caller did before. Always a write, even if the mark stands already: only so is the caller's
        // work covered by the Acquire that clears it.
        let before = self.0.fetch_or(WOKEN, Ordering::AcqRel);
        if before & WOKEN == 0 && before & PLAN != 0 { Wake::Write } else { Wake::Noted }
    }

    /// The armer's half of the Dekker pair: `deadline` was published. Whether a poller now waits past it and must be woken.
    #[must_use]
    pub fn waits_past(&self, deadline: Moment) -> bool {
        fence(Ordering::SeqCst);
        let plan = self.0.load(Ordering::Relaxed) & PLAN;
        plan > deadline.nanos()
    }
}

impl Default for Poller {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_role_is_held_by_one() {
        let poller = Poller::new();
        assert!(poller.claim());
        assert!(!poller.claim());
        poller.release();
        assert!(!poller.is_held());
        assert!(poller.claim());
    }

    #[test]
    fn only_the_first_wake_of_a_wait_writes() {
        let poller = Poller::new();
        assert!(poller.claim());
        assert_eq!(poller.begin_wait(Moment::NEVER), Begin::Wait);
        assert_eq!(poller.wake(), Wake::Write);
        assert_eq!(poller.wake(), Wake::Noted);
        poller.end_wait();
        assert_eq!(poller.wake(), Wake::Noted, "nobody waits");
        assert_eq!(poller.begin_wait(Moment::NEVER), Begin::Woken);
        assert_eq!(poller.begin_wait(Moment::NEVER), Begin::Wait);
    }

    #[test]
    fn only_an_earlier_deadline_disturbs_the_wait() {
        let poller = Poller::new();
        assert!(!poller.waits_past(Moment::START), "nobody waits");
        assert!(poller.claim());
        assert_eq!(poller.begin_wait(Moment::from_nanos(1_000)), Begin::Wait);
        assert!(poller.waits_past(Moment::from_nanos(999)));
        assert!(!poller.waits_past(Moment::from_nanos(1_000)));
        poller.end_wait();
        assert_eq!(poller.begin_wait(Moment::NEVER), Begin::Wait);
        assert!(poller.waits_past(Moment::FAR));
    }
}
