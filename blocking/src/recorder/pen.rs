//! What does a thread write down one by one, and what does it merge?
//!
//! The units are polls, calls and wake-ups. While [`Pace`] finds that there are too many, a batch of them goes by in silence: one word in the thread's own memory is counted down, no clock is read and nothing is written. Then
//! comes one stretch in their place, which says how many there were.
//!
//! ```text
//! silence    0 while units are recorded. bits 0-30: how many more of this batch go by, plus 1; bit 31: its polls do, too, for it began between polls
//!
//!              rest (a recorded unit has ended)
//!   0 ------------------------------------------------> n + 1 ---- merges_unit: a unit goes by ---+
//!   ^                                                     ^  |                                    |
//!   |                                                     +--|------------------------------------+
//!   +---- speak (the batch is used up, or something that is always recorded happens) --------+
//! ```
//!
//! A batch that began within a recorded poll ends with it at the latest. One that began between polls may end in the middle of one, and of a call: if that turns out to be slow. Then the poll's and the call's
//! begin are written late, at the time when the units before them are expected to have ended. A batch is to last 8 us, so that is as close as it comes to the truth.

use std::cell::{Cell, RefCell};
use std::panic::Location;

use super::clock;
use super::event::{Kind, Merged, place, task_bit};
use super::pace::Pace;
use super::switch::{Recorder, Tape};
use crate::record::NO_PROCESSOR;

/// Of `silence`: the batch began between polls.
const POLLS: u32 = 1 << 31;

/// The own thread's side of its tape.
#[derive(Debug, Default)]
pub(crate) struct Pen {
    silence: Cell<u32>,
    /// Which tasks were polled in this batch; see [`task_bit`].
    tasks: Cell<u64>,
    batch: Cell<Batch>,
    pace: RefCell<Option<Pace>>,
    /// Recorded calls that are out. Nothing is merged within one: whether a call's end is recorded is told from the silence.
    calls_out: Cell<u32>,
}

/// Where a batch began.
#[derive(Clone, Copy, Debug, Default)]
struct Batch {
    size: u32,
    from: u64,
    /// The thread's counts then.
    polls: u64,
    calls: u64,
}

/// What goes on in the thread while it writes.
#[derive(Debug)]
pub(crate) struct Going<'a> {
    pub(crate) recorder: &'a Recorder,
    pub(crate) tape: &'a Tape,
    /// Polls so far, with the one that goes on.
    pub(crate) polls: u64,
    /// Calls that have ended.
    pub(crate) calls: u64,
    pub(crate) processor: u32,
    /// The task that it polls, or polled last.
    pub(crate) task: u64,
    /// Where that was spawned, if it polls it now.
    pub(crate) poll: Option<&'static Location<'static>>,
    /// The declared call that is out, if its begin has not been recorded unless now.
    pub(crate) call: Option<&'static Location<'static>>,
    /// Its processor is taken: what it did last was slow, be it a recorded poll between two calls.
    pub(crate) is_overtaken: bool,
}

impl Going<'_> {
    fn write(&self, at: u64, kind: Kind, task: u64, argument: u64) {
        self.tape.write_at(at, kind, self.processor, task, argument);
    }
}

impl Pen {
    // ---- asked by everything that could be recorded -------------------------------------------------------------------

    /// Whether a call or a wake-up that begins now is merged.
    #[inline(always)]
    pub(crate) fn merges_unit(&self) -> bool {
        let silence = self.silence.get();
        let merges = silence & !POLLS > 1;
        if merges {
            self.silence.set(silence - 1);
        }
        merges
    }

    /// Whether a poll that begins now is merged.
    #[inline(always)]
    pub(crate) fn merges_poll(&self, task: u64) -> bool {
        let silence = self.silence.get();
        let merges = silence > POLLS | 1;
        if merges {
            self.silence.set(silence - 1);
            self.tasks.set(self.tasks.get() | task_bit(task));
        }
        merges
    }

    /// Whether the poll that goes on is merged.
    #[inline(always)]
    pub(crate) fn is_in_merged_poll(&self) -> bool {
        self.silence.get() >= POLLS
    }

    /// Whether a poll has been merged since the last event.
    pub(crate) fn has_merged_polls(&self) -> bool {
        self.is_in_merged_poll() && self.silence.get() & !POLLS <= self.batch.get().size
    }

    /// Whether the call that goes on is merged.
    #[inline(always)]
    pub(crate) fn is_silent(&self) -> bool {
        self.silence.get() != 0
    }

    // ---- writing ------------------------------------------------------------------------------------------------------

    /// Nobody wants to know any more.
    pub(crate) fn forget(&self) {
        self.silence.set(0);
        self.tasks.set(0);
    }

    /// Writes an event, and before it whatever has been merged.
    pub(crate) fn write(&self, going: &Going<'_>, kind: Kind, processor: u32, task: u64, argument: u64) -> u64 {
        let now = clock::ticks();
        self.speak_at(going, now);
        going.tape.write_at(now, kind, processor, task, argument);
        let out = self.calls_out.get();
        self.calls_out.set(match kind {
            Kind::PollBegin | Kind::PollEnd => 0,
            Kind::CallBegin => out + 1,
            Kind::CallEnd => out.saturating_sub(1),
            _ => out,
        });
        self.with_pace(going, now, |pace| pace.spend(now));
        now
    }

    /// A recorded unit ended at `now`: perhaps the next ones go by in silence.
    pub(crate) fn rest(&self, going: &Going<'_>, now: u64, between_polls: bool) {
        if self.calls_out.get() > 0 {
            return;
        }
        let size = self.with_pace(going, now, |pace| pace.unit_ended(now));
        if size > 0 {
            self.batch.set(Batch { size, from: now, polls: going.polls, calls: going.calls });
            self.silence.set((size + 1) | if between_polls { POLLS } else { 0 });
        }
    }

    /// Ends the silence: writes what was merged, and the begin of the poll and the call that go on.
    pub(crate) fn speak(&self, going: &Going<'_>) {
        if self.is_silent() {
            self.speak_at(going, clock::ticks());
        }
    }

    fn speak_at(&self, going: &Going<'_>, now: u64) {
        let silence = self.silence.replace(0);
        let tasks = self.tasks.take();
        let batch = self.batch.get();
        let units = (batch.size + 1).saturating_sub(silence & !POLLS);
        if silence == 0 || units == 0 {
            return;
        }
        let of_polls = silence & POLLS != 0;
        let poll = going.poll.filter(|_| of_polls);
        let begun = u32::from(poll.is_some()) + u32::from(going.call.is_some());
        let before = units.saturating_sub(begun);
        let from = batch.from.max(going.recorder.on_since()).min(now);
        let to = self.with_pace(going, now, |pace| {
            // What turns out to be slow began when the units before it had ended.
            let to = if begun > 0 || going.is_overtaken { now.min(from + pace.expected(before)) } else { now };
            pace.batch_ended(units, now - from, now);
            pace.spend(now);
            to
        });
        let merged = Self::count(before, of_polls, poll.is_some(), batch, going);
        // The poll may be all that there was, with calls and wake-ups in it.
        let polls_first = merged.polls == 0;
        let begin_poll = |at| {
            if let Some(spawned_at) = poll {
                going.write(at, Kind::PollBegin, going.task, place(spawned_at));
            }
        };
        if polls_first {
            begin_poll(from);
        }
        if before > 0 {
            let within = if of_polls && (poll.is_none() || !polls_first) { 0 } else { going.task };
            going.write(from, Kind::MergedBegin, within, tasks);
            going.write(to, Kind::MergedEnd, within, merged.argument());
        }
        if !polls_first {
            begin_poll(to);
        }
        if let Some(site) = going.call {
            going.tape.write_at(to, Kind::CallBegin, NO_PROCESSOR, going.task, place(site));
            self.calls_out.set(self.calls_out.get() + 1);
        }
    }

    /// Of what kinds `units` merged ones were.
    fn count(units: u32, of_polls: bool, in_poll: bool, batch: Batch, going: &Going<'_>) -> Merged {
        let units = u64::from(units);
        let polls = if of_polls { going.polls.saturating_sub(batch.polls).saturating_sub(u64::from(in_poll)).min(units) } else { 0 };
        let calls = going.calls.saturating_sub(batch.calls).min(units - polls);
        Merged { polls, calls, wakes: units - polls - calls }
    }

    fn with_pace<R>(&self, going: &Going<'_>, now: u64, act: impl FnOnce(&mut Pace) -> R) -> R {
        act(self.pace.borrow_mut().get_or_insert_with(|| Pace::new(going.recorder.price(), now)))
    }
}
