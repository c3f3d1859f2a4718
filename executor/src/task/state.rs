//! Is this task waiting, queued, running or over, and who may touch its parts?
//!
//! ```text
//! bit 0     SCHEDULED      it is in a queue, or goes back into one when its poll ends
//! bit 1     RUNNING        one thread has the right to touch the future
//! bit 2     COMPLETE       the future is gone, the output is there
//! bit 3     CANCELLED      to be dropped instead of polled
//! bit 4     JOIN_INTEREST  the JoinHandle is alive: the output is its to take
//! bit 5     JOIN_WAKER     the finisher may read the join waker; unset: it is the JoinHandle's to write
//! bits 6..  references: queue entry or running poll, registry, JoinHandle, AbortHandles, wakers
//!
//!            notify                start                     finish
//!   idle -------------> SCHEDULED ---------> RUNNING ------------------------> COMPLETE
//!    ^                   ^                    |   |  notify
//!    |     suspend: Idle |                    |   +--------> RUNNING + SCHEDULED
//!    +-------------------|--------------------+                   |
//!                        +----------------------------------------+ suspend: Reschedule
//! ```
//!
//! Every transition is one read-modify-write, also those that change nothing: a `notify` that finds the task scheduled already must still publish
//! what the waker's thread wrote before, or the next poll may read old values and sleep for ever.

use crate::sync::{AtomicUsize, Ordering};

const SCHEDULED: usize = 1;
const RUNNING: usize = 1 << 1;
const COMPLETE: usize = 1 << 2;
const CANCELLED: usize = 1 << 3;
const JOIN_INTEREST: usize = 1 << 4;
const JOIN_WAKER: usize = 1 << 5;
const REFERENCE: usize = 1 << 6;

/// More references than this are a leak in a loop; going on would overflow into a freed task.
const MAX_REFERENCES: usize = usize::MAX >> 8;

/// The state word of one task.
#[derive(Debug)]
pub struct State(AtomicUsize);

/// A reading of the word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Snapshot(usize);

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = [
            (SCHEDULED, "SCHEDULED"),
            (RUNNING, "RUNNING"),
            (COMPLETE, "COMPLETE"),
            (CANCELLED, "CANCELLED"),
            (JOIN_INTEREST, "JOIN_INTEREST"),
            (JOIN_WAKER, "JOIN_WAKER"),
        ];
        let set = names.iter().filter(|(bit, _)| self.0 & bit != 0).map(|(_, name)| name);
        f.debug_list().entries(set).finish()?;
        write!(f, " x{}", self.references())
    }
}

impl Snapshot {
    /// The future is gone.
    pub fn is_complete(self) -> bool {
        self.0 & COMPLETE != 0
    }

    /// A thread has the right to touch the future.
    pub fn is_running(self) -> bool {
        self.0 & RUNNING != 0
    }

    /// It is in a queue, or goes back into one when its poll ends.
    pub fn is_scheduled(self) -> bool {
        self.0 & SCHEDULED != 0
    }

    /// A JoinHandle waits for the output.
    pub fn has_join_interest(self) -> bool {
        self.0 & JOIN_INTEREST != 0
    }

    /// It is to be dropped instead of polled.
    pub fn is_cancelled(self) -> bool {
        self.0 & CANCELLED != 0
    }

    /// There is a join waker to wake.
    pub fn has_join_waker(self) -> bool {
        self.0 & JOIN_WAKER != 0
    }

    /// How many references there are.
    pub fn references(self) -> usize {
        self.0 / REFERENCE
    }
}

/// What the thread that took the task out of a queue does with it.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Start {
    /// Poll it.
    Poll,
    /// Drop its future.
    Cancel,
}

/// What the thread does whose poll came back `Pending`.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Suspend {
    /// Nothing: it waits for a wake-up. The running poll's reference is given back.
    Idle,
    /// The same, and that was the last reference: free it.
    Free,
    /// It was woken meanwhile: put it back into a queue, with the running poll's reference.
    Reschedule,
    /// It was cancelled meanwhile: drop its future; this thread still has the right to.
    Cancel,
}

/// What a thread does that has woken or aborted a task.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Notify {
    /// Put it into a queue, with a reference made (or handed over) for that.
    Submit,
    /// Nothing: it is queued, runs and will be requeued, or is over.
    Nothing,
    /// Nothing is to be queued, and the reference given was the last: free it.
    Free,
}

/// What a thread does that has cancelled a task.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Cancel {
    /// Put it into a queue, with a reference made for that: a worker drops its future.
    Submit,
    /// It runs: the call that it may be in is to be interrupted.
    Interrupt,
    /// Nothing: it is queued, was cancelled before, or is over.
    Nothing,
}

/// Who takes care of the output and of the join waker when the JoinHandle goes.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum LeaveJoin {
    /// The task is over: the handle drops the output.
    DropOutput,
    /// The task goes on: the handle drops its waker, the finisher will drop the output.
    DropWaker,
}

impl State {
    /// A task that is about to be put into a queue: referenced by the queue, the registry and its JoinHandle.
    pub fn new() -> Self {
        Self(AtomicUsize::new(SCHEDULED | JOIN_INTEREST | (3 * REFERENCE)))
    }

    /// What it is now.
    pub fn load(&self) -> Snapshot {
        // Acquire: a reader that finds COMPLETE goes on to read the output; pairs with `finish`.
        Snapshot(self.0.load(Ordering::Acquire))
    }

    /// SCHEDULED -> RUNNING, by the thread that took it out of a queue.
    pub fn start(&self) -> Start {
        // Acquire: what the last poll (Release in `suspend`) and every waker (Release in `notify`) wrote comes before this poll.
        let before = self.0.fetch_xor(SCHEDULED | RUNNING, Ordering::AcqRel);
        debug_assert_eq!(before & (SCHEDULED | RUNNING | COMPLETE), SCHEDULED, "{:?}", Snapshot(before));
        if before & CANCELLED != 0 { Start::Cancel } else { Start::Poll }
    }

    /// RUNNING -> idle, or back into a queue.
    pub fn suspend(&self) -> Suspend {
        let mut before = self.0.load(Ordering::Relaxed);
        loop {
            if before & CANCELLED != 0 {
                return Suspend::Cancel;
            }
            let scheduled = before & SCHEDULED != 0;
            let after = if scheduled { before & !RUNNING } else { (before & !RUNNING) - REFERENCE };
            // Release: hands the future to the thread that polls next. Acquire: if this frees it, every other reference's use comes before.
            match self.0.compare_exchange_weak(before, after, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) if scheduled => return Suspend::Reschedule,
                Ok(_) if after / REFERENCE == 0 => return Suspend::Free,
                Ok(_) => return Suspend::Idle,
                Err(now) => before = now,
            }
        }
    }

    /// RUNNING -> COMPLETE; the output has been stored.
    pub fn finish(&self) -> Snapshot {
        // Release: publishes the output; pairs with the Acquire in `load` and `leave_join`. Acquire: the join waker was written before JOIN_WAKER was set.
        let before = self.0.fetch_xor(RUNNING | COMPLETE, Ordering::AcqRel);
        debug_assert_eq!(before & (RUNNING | COMPLETE), RUNNING, "{:?}", Snapshot(before));
        Snapshot(before)
    }

    fn update(&self, mut next: impl FnMut(usize) -> usize) -> usize {
        let mut before = self.0.load(Ordering::Relaxed);
        loop {
            // AcqRel: see the module's text for why even an unchanged word is written.
            match self.0.compare_exchange_weak(before, next(before), Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return before,
                Err(now) => before = now,
            }
        }
    }

    /// A waker wakes it and stays.
    pub fn notify(&self) -> Notify {
        let before = self.update(|word| match word & (SCHEDULED | RUNNING | COMPLETE) {
            0 => (word | SCHEDULED) + REFERENCE,
            RUNNING => word | SCHEDULED,
            _ => word,
        });
        if before & (SCHEDULED | RUNNING | COMPLETE) == 0 { Notify::Submit } else { Notify::Nothing }
    }

    /// A waker wakes it and is used up: its reference goes into the queue, or is given back.
    pub fn notify_and_release(&self) -> Notify {
        let before = self.update(|word| match word & (SCHEDULED | RUNNING | COMPLETE) {
            0 => word | SCHEDULED,
            RUNNING => (word | SCHEDULED) - REFERENCE,
            _ => word - REFERENCE,
        });
        match before & (SCHEDULED | RUNNING | COMPLETE) {
            0 => Notify::Submit,
            _ if before / REFERENCE == 1 => Notify::Free,
            _ => Notify::Nothing,
        }
    }

    /// Asks for its future to be dropped. Only a worker does that, so an idle task is queued for it.
    pub fn cancel(&self) -> Cancel {
        let before = self.update(|word| match word & (SCHEDULED | RUNNING | COMPLETE | CANCELLED) {
            0 => (word | SCHEDULED | CANCELLED) + REFERENCE,
            _ if word & COMPLETE != 0 => word,
            _ => word | CANCELLED,
        });
        match before & (SCHEDULED | RUNNING | COMPLETE | CANCELLED) {
            0 => Cancel::Submit,
            found if found & (RUNNING | CANCELLED) == RUNNING => Cancel::Interrupt,
            _ => Cancel::Nothing,
        }
    }

    /// The JoinHandle has written its waker and offers it to the finisher; false if the task is over (the waker is still the handle's).
    #[must_use]
    pub fn offer_join_waker(&self) -> bool {
        let before = self.update(|word| if word & COMPLETE != 0 { word } else { word | JOIN_WAKER });
        before & COMPLETE == 0
    }

    /// The JoinHandle takes its waker back in order to write another; false if the task is over (the waker is the finisher's).
    #[must_use]
    pub fn withdraw_join_waker(&self) -> bool {
        let before = self.update(|word| if word & COMPLETE != 0 { word } else { word & !JOIN_WAKER });
        before & COMPLETE == 0
    }

    /// The JoinHandle goes.
    pub fn leave_join(&self) -> LeaveJoin {
        let before = self.update(|word| if word & COMPLETE != 0 { word & !JOIN_INTEREST } else { word & !(JOIN_INTEREST | JOIN_WAKER) });
        if before & COMPLETE != 0 { LeaveJoin::DropOutput } else { LeaveJoin::DropWaker }
    }

    /// One more reference.
    pub fn reference(&self) {
        // Relaxed: a new reference is made from an existing one.
        let before = self.0.fetch_add(REFERENCE, Ordering::Relaxed);
        if before / REFERENCE >= MAX_REFERENCES {
            // As Arc does: a count that wraps would free what is in use.
            std::process::abort();
        }
    }

    /// One less; true if it was the last: free it.
    #[must_use]
    pub fn release(&self) -> bool {
        // Release: this reference's use comes before the free. Acquire: the free comes after every other's.
        let before = self.0.fetch_sub(REFERENCE, Ordering::AcqRel);
        debug_assert!(before / REFERENCE >= 1, "{:?}", Snapshot(before));
        before / REFERENCE == 1
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}
