//! What does a worker thread record of itself?
//!
//! What happens often (polls, calls, wake-ups) asks the [pen](crate::recorder::Pen) first, which may merge it. All else is recorded as it comes. Nothing here is reached while no recorder is on.

use std::panic::Location;

use super::Worker;
use crate::lease::Lease;
use crate::record::{Declared, Mode, NO_PROCESSOR};
use crate::recorder::{self, Going, Kind, Waits, place};

impl Worker {
    /// Records an event of the task that runs, if the runtime's are recorded.
    #[inline(always)]
    pub(super) fn note(&self, kind: Kind, processor: u32, argument: u64) {
        if recorder::is_any_on() {
            self.write_note(kind, processor, argument);
        }
    }

    /// Apart, and without arguments that the fast path would have to load.
    #[cold]
    #[inline(never)]
    fn write_note(&self, kind: Kind, processor: u32, argument: u64) {
        if let Some(going) = self.going(self.words().mode()) {
            self.pen.write(&going, kind, processor, going.task, argument);
        }
    }

    /// Records that the holder of `lease` took `count` tasks of the processor `victim`.
    pub fn note_theft(&self, lease: &Lease, victim: usize, count: usize) {
        self.note(Kind::Stole, lease.index(), victim as u64 | (count as u64) << 32);
    }

    /// Runs `wait`, in which the thread waits, and records that.
    pub fn waiting<R>(&self, what: Waits, wait: impl FnOnce() -> R) -> R {
        self.note(Kind::WaitBegin, NO_PROCESSOR, what as u64);
        let result = wait();
        self.note(Kind::WaitEnd, NO_PROCESSOR, 0);
        result
    }

    /// What the thread is in, which runs user code if `mode` says so; none while its runtime's events are not recorded.
    fn going(&self, mode: Mode) -> Option<Going<'_>> {
        let Some(tape) = self.thread.tape(&self.pool) else {
            self.pen.forget();
            return None;
        };
        let is_polling = mode.is_lent() && !self.on_other_loan.get();
        let running = self.thread.running();
        Some(Going {
            recorder: self.pool.recorder(),
            tape,
            polls: self.thread.polls.get(),
            calls: self.thread.fast_calls.get(),
            processor: self.last.get() as u32,
            task: running.as_ref().map_or(0, |running| running.task),
            poll: running.filter(|_| is_polling).map(|running| running.spawned_at),
            call: self.words().site().filter(|_| mode.is_declared()),
            is_overtaken: self.overtaken.get() || self.words().is_contested(),
        })
    }

    // ---- polls --------------------------------------------------------------------------------------------------------

    /// A poll begins: inside the runtime still.
    #[inline(always)]
    pub(super) fn note_poll_begin(&self, lease: &Lease, task: u64, spawned_at: &'static Location<'static>) {
        if recorder::is_any_on() && !self.pen.merges_poll(task) {
            self.write_poll_begin(lease.index(), spawned_at);
        }
    }

    #[cold]
    #[inline(never)]
    fn write_poll_begin(&self, processor: u32, spawned_at: &'static Location<'static>) {
        if let Some(going) = self.going(Mode::INSIDE) {
            // It is counted, but not among those that may have been merged.
            let going = Going { polls: going.polls - 1, ..going };
            self.pen.write(&going, Kind::PollBegin, processor, going.task, place(spawned_at));
        }
    }

    /// It ends: on loan still.
    #[inline(always)]
    pub(super) fn note_poll_end(&self) {
        if recorder::is_any_on() && !self.pen.is_in_merged_poll() {
            self.write_poll_end();
        }
    }

    #[cold]
    #[inline(never)]
    fn write_poll_end(&self) {
        if let Some(going) = self.going(Mode::LENT) {
            let now = self.pen.write(&going, Kind::PollEnd, NO_PROCESSOR, going.task, 0);
            self.pen.rest(&going, now, true);
        }
    }

    // ---- calls --------------------------------------------------------------------------------------------------------

    /// A call begins that is expected to be short; it has been declared.
    #[inline(always)]
    pub(super) fn note_call_begin(&self, site: &'static Location<'static>, call: Declared) {
        if recorder::is_any_on() {
            self.call_begins(site, call);
        }
    }

    /// The same for one that is expected to be long: it is always recorded.
    pub(super) fn note_long_call_begin(&self, site: &'static Location<'static>) {
        if recorder::is_any_on() {
            self.write_call_begin(site, false);
        }
    }

    /// With the call around it, if there is one whose begin is still to be written.
    #[cold]
    #[inline(never)]
    fn write_call_begin(&self, site: &'static Location<'static>, nested: bool) {
        if let Some(going) = self.going(self.words().mode()) {
            let going = Going { call: going.call.filter(|_| nested), ..going };
            self.pen.write(&going, Kind::CallBegin, NO_PROCESSOR, going.task, place(site));
        }
    }

    /// A call ends; it is still declared. If somebody wants its processor it is recorded even if its begin was not.
    #[inline(always)]
    pub(super) fn note_call_end(&self) {
        if recorder::is_any_on() {
            self.call_ends();
        }
    }

    #[cold]
    #[inline(never)]
    fn call_begins(&self, site: &'static Location<'static>, call: Declared) {
        // A call within a call is not merged: of the two, the silence could tell the end of one only.
        if call.is_nested() || !self.pen.merges_unit() {
            self.write_call_begin(site, call.is_nested());
        }
    }

    #[cold]
    #[inline(never)]
    fn call_ends(&self) {
        if !self.pen.is_silent() || self.words().is_contested() {
            self.write_call_end();
        }
    }

    #[cold]
    #[inline(never)]
    fn write_call_end(&self) {
        if let Some(going) = self.going(self.words().mode()) {
            let now = self.pen.write(&going, Kind::CallEnd, NO_PROCESSOR, going.task, 0);
            // It is about to be counted.
            let calls = going.calls + 1;
            self.pen.rest(&Going { calls, ..going }, now, going.poll.is_none());
        }
    }

    // ---- wake-ups -----------------------------------------------------------------------------------------------------

    /// Whether a wake-up that this thread makes now goes by unrecorded.
    #[inline(always)]
    pub(crate) fn merges_wake(&self) -> bool {
        self.pen.merges_unit()
    }

    /// A task was woken or spawned.
    pub(crate) fn write_wake(&self, kind: Kind, by: u64, woken: u64) {
        if let Some(going) = self.going(self.words().mode()) {
            let now = self.pen.write(&going, kind, NO_PROCESSOR, by, woken);
            self.pen.rest(&going, now, going.poll.is_none());
        }
    }

    // ---- what is always recorded --------------------------------------------------------------------------------------

    /// Ends a silence: what follows is recorded, the poll and the call that go on included.
    #[inline(always)]
    pub(super) fn note_all_from_here(&self) {
        if recorder::is_any_on() {
            self.speak(self.words().mode());
        }
    }

    /// The processor was lost in user code that was in `mode`, or, [INSIDE](Mode::INSIDE), has just ended.
    pub(super) fn note_loss(&self, mode: Mode) {
        if !recorder::is_any_on() {
            return;
        }
        if mode.is_lent() {
            self.speak(mode);
        } else if self.pen.has_merged_polls() && !self.on_other_loan.get() {
            self.speak(Mode::LENT);
            self.write_poll_end();
        }
    }

    #[cold]
    fn speak(&self, mode: Mode) {
        if let Some(going) = self.going(mode) {
            self.pen.speak(&going);
        }
    }
}
