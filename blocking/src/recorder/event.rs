//! What can be recorded, and how does it fit into three words?
//!
//! ```text
//! word 0   when: ticks of the clock
//! word 1   bits 0-4: kind; 5-17: processor + 1, 0 for none; 18-63: task, modulo 2^46
//! word 2   what the kind says: a source location, a task, a thread, numbers
//! ```

use std::panic::Location;
use std::ptr;

use crate::recorder::ring::WORDS;

const KIND_BITS: u32 = 5;
const PROCESSOR_BITS: u32 = 13;
const TASK_SHIFT: u32 = KIND_BITS + PROCESSOR_BITS;

/// What happened. The text says what an event's argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Kind {
    /// A poll of a task begins. Argument: where it was spawned.
    PollBegin,
    /// It ends.
    PollEnd,
    /// A declared call begins. Argument: where it stands.
    CallBegin,
    /// It ends.
    CallEnd,
    /// The thread took an idle processor. Argument: for how many nanoseconds it had been waiting for a holder since it was handed off, 0 if it was not.
    Acquired,
    /// The thread gives its processor back: it has no task.
    Released,
    /// The thread gives its processor away before a long call.
    GaveAway,
    /// The monitor takes a processor. Argument: from which thread (`gettid(2)`), and why ([`Event::reason`]).
    Retaken,
    /// The thread begins to wait. Argument: a [`Waits`].
    WaitBegin,
    /// It is awake again.
    WaitEnd,
    /// The holder takes tasks of another processor. Argument: the other processor, and how many tasks.
    Stole,
    /// A task was woken, by the event's task or by none. Argument: the woken one.
    Woke,
    /// A task was spawned, likewise. Argument: the new one.
    Spawned,
    /// The thread begins.
    ThreadStart,
    /// It ends.
    ThreadEnd,
    /// A poll blocks without saying so, by the monitor. Argument: its thread (`gettid(2)`).
    Stalled,
    /// The runtime's numbers, by the monitor. Argument: see [`Event::levels`].
    Levels,
    /// Quick polls, or quick calls and wake-ups of the event's task, begin that are not recorded one by one. Argument: which tasks are polled ([`Event::polls_perhaps`]).
    MergedBegin,
    /// They end. Argument: how many there were ([`Event::merged`]).
    MergedEnd,
}

const KINDS: [Kind; 19] = [
    Kind::PollBegin,
    Kind::PollEnd,
    Kind::CallBegin,
    Kind::CallEnd,
    Kind::Acquired,
    Kind::Released,
    Kind::GaveAway,
    Kind::Retaken,
    Kind::WaitBegin,
    Kind::WaitEnd,
    Kind::Stole,
    Kind::Woke,
    Kind::Spawned,
    Kind::ThreadStart,
    Kind::ThreadEnd,
    Kind::Stalled,
    Kind::Levels,
    Kind::MergedBegin,
    Kind::MergedEnd,
];

/// What a thread without work waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Waits {
    /// Parked, to be woken by another thread.
    AsSpare,
    /// In the reactor, for events.
    AsPoller,
}

/// An event, as it was recorded.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// When: nanoseconds of `CLOCK_MONOTONIC`.
    pub at: u64,
    /// What happened.
    pub kind: Kind,
    /// On which processor, or to which.
    pub processor: Option<usize>,
    /// Which task did it, or suffered it; 0 for none.
    pub task: u64,
    argument: u64,
}

/// The second word of an event.
#[inline]
pub(super) fn head(kind: Kind, processor: u32, task: u64) -> u64 {
    // The number of no processor, u32::MAX, becomes 0.
    let processor = u64::from(processor.wrapping_add(1)) & ((1 << PROCESSOR_BITS) - 1);
    kind as u64 | processor << KIND_BITS | task << TASK_SHIFT
}

/// A location as an argument.
#[inline]
pub(crate) fn place(location: &'static Location<'static>) -> u64 {
    ptr::from_ref(location).expose_provenance() as u64
}

impl Event {
    /// Out of a ring's words, with the time in nanoseconds; none if they are no event.
    pub(super) fn read(words: [u64; WORDS], at: u64) -> Option<Self> {
        let [_ticks, head, argument] = words;
        let kind = *KINDS.get((head & ((1 << KIND_BITS) - 1)) as usize)?;
        let processor = (head >> KIND_BITS & ((1 << PROCESSOR_BITS) - 1)).checked_sub(1);
        Some(Self { at, kind, processor: processor.map(|n| n as usize), task: head >> TASK_SHIFT, argument })
    }

    /// Where the task was spawned, or the call stands: of a beginning poll or call.
    pub fn location(&self) -> Option<&'static Location<'static>> {
        if !matches!(self.kind, Kind::PollBegin | Kind::CallBegin) {
            return None;
        }
        let location = ptr::with_exposed_provenance::<Location<'static>>(self.argument as usize);
        // SAFETY: `Recorder` writes events of these kinds with the address of a `&'static Location` alone (`place`), and no reader gets a torn event (`Ring`).
        unsafe { location.as_ref() }
    }

    /// The thread that it happened to: of a retake and a stall.
    pub fn thread(&self) -> i32 {
        self.argument as u32 as i32
    }

    /// Why the processor was taken: of a retake.
    pub fn reason(&self) -> &'static str {
        crate::verdict::Reason::name_of((self.argument >> 32) as u8)
    }

    /// The other task: of a wake and a spawn.
    pub fn other_task(&self) -> u64 {
        self.argument & (u64::MAX >> TASK_SHIFT)
    }

    /// From which processor, and how many tasks: of a theft.
    pub fn stolen(&self) -> (usize, u64) {
        (self.argument as u32 as usize, self.argument >> 32)
    }

    /// For how long the processor had no holder, in nanoseconds: of an acquisition after a hand-off.
    pub fn handoff_delay(&self) -> Option<u64> {
        (self.kind == Kind::Acquired && self.argument != 0).then_some(self.argument)
    }

    /// Whether the thread waits for events, as the poller: of the beginning of a wait.
    pub fn waits_as_poller(&self) -> bool {
        self.argument == Waits::AsPoller as u64
    }

    /// Whether the task may have been polled in what begins here: never false if it was, for a stretch of merged polls.
    pub fn polls_perhaps(&self, task: u64) -> bool {
        self.argument & task_bit(task) != 0
    }

    /// How many were merged: of the end of a merged stretch.
    pub fn merged(&self) -> Merged {
        let bits = |at: u32| self.argument >> (at * MERGED_BITS) & MERGED;
        Merged { polls: bits(0), calls: bits(1), wakes: bits(2) }
    }

    /// Threads alive, calls out, tasks in queues.
    pub fn levels(&self) -> [u64; 3] {
        [self.argument & LEVEL, self.argument >> LEVEL_BITS & LEVEL, self.argument >> (2 * LEVEL_BITS) & LEVEL]
    }
}

/// What a stretch consists of that was not recorded one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Merged {
    /// Polls.
    pub polls: u64,
    /// Calls, in these polls or in the poll around the stretch.
    pub calls: u64,
    /// Tasks woken or spawned.
    pub wakes: u64,
}

const MERGED_BITS: u32 = 21;
const MERGED: u64 = (1 << MERGED_BITS) - 1;

impl Merged {
    /// How many there are in all.
    pub fn units(self) -> u64 {
        self.polls + self.calls + self.wakes
    }

    /// The argument of [`Kind::MergedEnd`].
    pub(super) fn argument(self) -> u64 {
        let bits = |count: u64| count.min(MERGED);
        bits(self.polls) | bits(self.calls) << MERGED_BITS | bits(self.wakes) << (2 * MERGED_BITS)
    }
}

/// The task among those of a merged stretch. Tasks are numbered one after the other, so few share a bit.
#[inline(always)]
pub(crate) fn task_bit(task: u64) -> u64 {
    1 << (task & 63)
}

const LEVEL_BITS: u32 = 21;
const LEVEL: u64 = (1 << LEVEL_BITS) - 1;

/// The argument of [`Kind::Levels`].
pub(crate) fn levels(threads: usize, calls_out: usize, queued: usize) -> u64 {
    let bits = |level: usize| (level as u64).min(LEVEL);
    bits(threads) | bits(calls_out) << LEVEL_BITS | bits(queued) << (2 * LEVEL_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::NO_PROCESSOR;

    #[test]
    fn what_goes_into_the_words_comes_out() {
        let here = Location::caller();
        let words = |kind, processor, task, argument| Event::read([0, head(kind, processor, task), argument], 7).unwrap();
        let poll = words(Kind::PollBegin, 4095, 123_456_789_012, place(here));
        assert_eq!((poll.at, poll.kind, poll.processor, poll.task), (7, Kind::PollBegin, Some(4095), 123_456_789_012));
        assert_eq!(poll.location(), Some(here));
        let wake = words(Kind::Woke, NO_PROCESSOR, 0, 9);
        assert_eq!((wake.processor, wake.task, wake.other_task(), wake.location()), (None, 0, 9, None));
        let levels = words(Kind::Levels, NO_PROCESSOR, 0, levels(3, 2, usize::MAX));
        assert_eq!(levels.levels(), [3, 2, (1 << 21) - 1]);
        let merged = Merged { polls: 31, calls: 0, wakes: 256 };
        let end = words(Kind::MergedEnd, NO_PROCESSOR, 0, merged.argument());
        assert_eq!((end.merged(), merged.units()), (merged, 287));
        let begin = words(Kind::MergedBegin, NO_PROCESSOR, 0, task_bit(1) | task_bit(64));
        assert_eq!([1, 64, 65, 2].map(|task| begin.polls_perhaps(task)), [true, true, true, false]);
    }

    #[test]
    fn each_kind_has_its_number() {
        for (number, kind) in KINDS.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
        }
        assert!(Event::read([0, KINDS.len() as u64, 0], 0).is_none());
    }
}
