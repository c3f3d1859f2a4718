//! Is this task waiting, queued, running or over, since when, and who may touch its parts?
//!
//! ```text
//! bit 0     SCHEDULED      it is in a queue, or goes back into one when its poll ends
//! bit 1     RUNNING        one thread has the right to touch the future
//! bit 2     COMPLETE       the future is gone, the output is there
//! bit 3     CANCELLED      to be dropped instead of polled
//! bit 4     JOIN_INTEREST  the JoinHandle is alive: the output is its to take
//! bit 5     JOIN_WAKER     the finisher may read the join waker; unset: it is the JoinHandle's to write
//! bit 6     LOOKED_AT      somebody else reads the join waker, for a moment: the JoinHandle waits before it writes
//! bits 7..35   since when it waits, in ticks of the coarse clock; of no meaning unless it does
//! bits 35..    references: queue entry or running poll, registry, JoinHandle, AbortHandles, wakers
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
//!
//! The stamp is written by the transition that begins the wait, in the same step: who sees that the task waits sees since when. Only there: in `suspend: Reschedule`, `notify` and a spawn it would tell for how long a task has been queued, and cost
//! each of them a nanosecond. References lie above it, so no count ever carries into it.

use handover_blocking::coarse::{self, Tick};

use crate::sync::{AtomicU64, Ordering, pause};

const SCHEDULED: u64 = 1;
const RUNNING: u64 = 1 << 1;
const COMPLETE: u64 = 1 << 2;
const CANCELLED: u64 = 1 << 3;
const JOIN_INTEREST: u64 = 1 << 4;
const JOIN_WAKER: u64 = 1 << 5;
const LOOKED_AT: u64 = 1 << 6;
const SINCE_SHIFT: u32 = 7;
const SINCE: u64 = ((1 << Tick::BITS) - 1) << SINCE_SHIFT;
const REFERENCE: u64 = 1 << (SINCE_SHIFT + Tick::BITS);

/// More references than this (4 GiB of wakers of one task) are a leak in a loop; going on would overflow into a freed task. As many again fit in, for threads that count while one aborts.
const MAX_REFERENCES: u64 = u64::MAX / REFERENCE / 2;

/// The state word of one task.
#[derive(Debug)]
pub struct State(AtomicU64);

/// A reading of the word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Snapshot(u64);

/// The word of a task that begins to wait at `now`.
#[inline]
fn stamped(word: u64, now: Tick) -> u64 {
    word & !SINCE | u64::from(now.number()) << SINCE_SHIFT
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = [
            (SCHEDULED, "SCHEDULED"),
            (RUNNING, "RUNNING"),
            (COMPLETE, "COMPLETE"),
            (CANCELLED, "CANCELLED"),
            (JOIN_INTEREST, "JOIN_INTEREST"),
            (JOIN_WAKER, "JOIN_WAKER"),
            (LOOKED_AT, "LOOKED_AT"),
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

    /// Since when it waits, if it does.
    pub fn since(self) -> Tick {
        Tick::new(((self.0 & SINCE) >> SINCE_SHIFT) as u32)
    }

    /// How many references there are.
    pub fn references(self) -> u64 {
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
    /// The same, without a waker: the handle's reference is given back.
    Left,
}

impl State {
    /// A task that is about to be put into a queue: referenced by the queue, the registry and its JoinHandle.
    pub fn new() -> Self {
        Self(AtomicU64::new(SCHEDULED | JOIN_INTEREST | (3 * REFERENCE)))
    }

    /// What it is now.
    #[inline]
    pub fn load(&self) -> Snapshot {
        // Acquire: a reader that finds COMPLETE goes on to read the output; pairs with `finish`.
        Snapshot(self.0.load(Ordering::Acquire))
    }

    /// SCHEDULED -> RUNNING, by the thread that took it out of a queue.
    #[inline]
    pub fn start(&self) -> Start {
        // Acquire: what the last poll (Release in `suspend`) and every waker (Release in `notify`) wrote comes before this poll.
        // SCHEDULED + SCHEDULED is RUNNING: an addition, for an exclusive or that returns what was before is a loop.
        let before = self.0.fetch_add(SCHEDULED, Ordering::AcqRel);
        debug_assert_eq!(before & (SCHEDULED | RUNNING | COMPLETE), SCHEDULED, "{:?}", Snapshot(before));
        if before & CANCELLED != 0 { Start::Cancel } else { Start::Poll }
    }

    /// RUNNING -> idle, or back into a queue.
    pub fn suspend(&self) -> Suspend {
        let mut before = self.0.load(Ordering::Relaxed);
        loop {
            match before & (SCHEDULED | CANCELLED) {
                SCHEDULED => {}
                0 => return self.begin_wait(before),
                _ => return Suspend::Cancel,
            }
            // AcqRel: as in `wait_since`.
            match self.0.compare_exchange_weak(before, before & !RUNNING, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Suspend::Reschedule,
                Err(now) => before = now,
            }
        }
    }

    /// RUNNING -> idle, of a task that has not been woken or cancelled yet.
    #[inline]
    fn begin_wait(&self, before: u64) -> Suspend {
        match coarse::kept() {
            Some(now) => self.wait_since(now, before),
            None => self.wait_since_now(before),
        }
    }

    /// [`begin_wait`](Self::begin_wait) while nobody keeps the time. Apart, and last: the frame that the clock needs is none of `suspend`'s.
    #[cold]
    #[inline(never)]
    fn wait_since_now(&self, before: u64) -> Suspend {
        self.wait_since(coarse::read(), before)
    }

    #[inline]
    fn wait_since(&self, now: Tick, mut before: u64) -> Suspend {
        loop {
            let after = stamped(before & !RUNNING, now) - REFERENCE;
            // Release: hands the future to the thread that polls next. Acquire: if this frees it, every other reference's use comes before.
            match self.0.compare_exchange_weak(before, after, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) if after / REFERENCE == 0 => return Suspend::Free,
                Ok(_) => return Suspend::Idle,
                Err(now) if now & (SCHEDULED | CANCELLED) != 0 => return self.suspend(),
                Err(now) => before = now,
            }
        }
    }

    /// RUNNING -> COMPLETE; the output has been stored.
    pub fn finish(&self) -> Snapshot {
        // Release: publishes the output; pairs with the Acquire in `load` and `leave_join`. Acquire: the join waker was written before JOIN_WAKER was set.
        // RUNNING + RUNNING is COMPLETE.
        let before = self.0.fetch_add(RUNNING, Ordering::AcqRel);
        debug_assert_eq!(before & (RUNNING | COMPLETE), RUNNING, "{:?}", Snapshot(before));
        Snapshot(before)
    }

    /// RUNNING -> COMPLETE of a task that has no JoinHandle and has left the registry; gives back the references of the running poll and of the registry. True if they were the last: free it.
    #[must_use]
    pub fn finish_unseen(&self) -> bool {
        const BOTH: u64 = 2;
        let before = self.0.load(Ordering::Relaxed);
        debug_assert_eq!(before & (RUNNING | COMPLETE | JOIN_INTEREST), RUNNING, "{:?}", Snapshot(before));
        // AcqRel: as in `subtract`.
        self.are_last(BOTH) || self.0.fetch_sub(BOTH * REFERENCE - RUNNING, Ordering::AcqRel) / REFERENCE == BOTH
    }

    fn update(&self, mut next: impl FnMut(u64) -> u64) -> u64 {
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

    /// The JoinHandle takes its waker back in order to write another, and waits for whoever looks at it; false if the task is over (the waker is the finisher's).
    #[must_use]
    pub fn withdraw_join_waker(&self) -> bool {
        let before = self.update(|word| if word & COMPLETE != 0 { word } else { word & !JOIN_WAKER });
        if before & COMPLETE != 0 {
            return false;
        }
        if before & LOOKED_AT != 0 {
            self.await_end_of_look();
        }
        true
    }

    /// The JoinHandle goes; it waits for whoever looks at its waker.
    #[inline]
    pub fn leave_join(&self) -> LeaveJoin {
        let before = self.update(|word| match word & (COMPLETE | JOIN_WAKER) {
            // The registry has another reference of a task that is not over.
            0 => (word & !JOIN_INTEREST) - REFERENCE,
            JOIN_WAKER => word & !(JOIN_INTEREST | JOIN_WAKER),
            _ => word & !JOIN_INTEREST,
        });
        match before & (COMPLETE | JOIN_WAKER) {
            0 => LeaveJoin::Left,
            JOIN_WAKER if before & LOOKED_AT != 0 => self.leave_after_look(),
            JOIN_WAKER => LeaveJoin::DropWaker,
            _ => LeaveJoin::DropOutput,
        }
    }

    /// Apart, and last: what it needs is not paid for by every handle that goes.
    #[cold]
    #[inline(never)]
    fn leave_after_look(&self) -> LeaveJoin {
        self.await_end_of_look();
        LeaveJoin::DropWaker
    }

    /// Waits for the end of a look: some tens of nanoseconds, if its thread is not interrupted. The caller has unset JOIN_WAKER, so none begins after that.
    #[cold]
    fn await_end_of_look(&self) {
        // Acquire: the caller writes the waker after it was read; pairs with `end_look`.
        while self.0.load(Ordering::Acquire) & LOOKED_AT != 0 {
            pause();
        }
    }

    /// Somebody who is neither the JoinHandle nor the finisher wants to read the join waker. False if there is none, or the task is over; else it stays as it is until [`end_look`](Self::end_look). One at a time; the caller sees to that, and
    /// that the task is not freed meanwhile.
    #[must_use]
    pub fn begin_look(&self) -> bool {
        let may_look = |word: u64| word & (JOIN_WAKER | COMPLETE) == JOIN_WAKER;
        if !may_look(self.0.load(Ordering::Relaxed)) {
            return false;
        }
        let before = self.update(|word| if may_look(word) { word | LOOKED_AT } else { word });
        debug_assert_eq!(before & LOOKED_AT, 0, "{:?}", Snapshot(before));
        may_look(before)
    }

    /// The look that [`begin_look`](Self::begin_look) began is over.
    pub fn end_look(&self) {
        // Release: the reading comes before what the JoinHandle writes; pairs with `await_end_of_look` and with every transition of the JoinHandle that finds LOOKED_AT unset.
        self.0.fetch_and(!LOOKED_AT, Ordering::Release);
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
        self.are_last(1) || self.subtract(1)
    }

    /// [`release`](Self::release) for the references of the running poll and of the registry, which the task has left.
    #[must_use]
    pub fn release_both(&self) -> bool {
        self.are_last(2) || self.subtract(2)
    }

    /// Whether the caller's references, so many, are the only ones. Then nobody else can see the word any more or make another reference, and no step is needed to give them back.
    #[inline]
    fn are_last(&self, references: u64) -> bool {
        // Acquire: the free comes after every other reference's use.
        let word = self.0.load(Ordering::Acquire);
        debug_assert!(word / REFERENCE >= references, "{:?}", Snapshot(word));
        word / REFERENCE == references
    }

    #[inline]
    fn subtract(&self, references: u64) -> bool {
        // Release: the use of these references comes before the free. Acquire: as in `are_last`.
        self.0.fetch_sub(references * REFERENCE, Ordering::AcqRel) / REFERENCE == references
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_task_that_waits_has_the_stamp_of_when_it_began_to() {
        let (state, before) = (State::new(), Instant::now());
        assert_eq!(state.start(), Start::Poll);
        assert_eq!(state.suspend(), Suspend::Idle);
        let (waited, longest) = (state.load().since().elapsed(Instant::now()), before.elapsed() + Duration::from_millis(80));
        assert!(waited <= longest, "{waited:?} of at most {longest:?}");
    }

    #[test]
    fn neither_flags_nor_references_change_with_the_stamp_and_the_other_way_round() {
        let all = SCHEDULED | RUNNING | COMPLETE | CANCELLED | JOIN_INTEREST | JOIN_WAKER | LOOKED_AT;
        for word in [all, REFERENCE, all | !(REFERENCE - 1)] {
            for number in [0, 1, u32::MAX] {
                let seen = Snapshot(stamped(word | SINCE, Tick::new(number)));
                assert_eq!((seen.0 & !SINCE, seen.since()), (word, Tick::new(number)));
            }
        }
    }

    const CHILD: &str = "HANDOVER_TEST_REFERENCES";

    /// The part of the next test that runs in a process of its own.
    #[test]
    fn overflowing_child() {
        let Ok(references) = std::env::var(CHILD) else { return };
        let state = State(AtomicU64::new(SINCE + references.parse::<u64>().expect("a number") * REFERENCE));
        state.reference();
        println!("it goes on");
    }

    #[test]
    fn a_count_that_would_overflow_ends_the_process() {
        let with = |references: u64| {
            let mut child = Command::new(std::env::current_exe().expect("this test's program"));
            child.args(["task::state::tests::overflowing_child", "--exact", "--nocapture"]).env(CHILD, references.to_string());
            child.output().expect("it runs")
        };
        let (last, first_too_many) = (with(MAX_REFERENCES - 1), with(MAX_REFERENCES));
        assert!(last.status.success() && String::from_utf8_lossy(&last.stdout).contains("it goes on"), "{last:?}");
        assert_eq!(first_too_many.status.code(), None, "by a signal: {first_too_many:?}");
        assert!(!String::from_utf8_lossy(&first_too_many.stdout).contains("it goes on"));
    }
}
