//! What does one processor's track show?
//!
//! ```text
//! thread 4711 ........................... waits for a thread ... thread 4712 ..........
//!   poll src/main.rs:9 ..................                          poll src/main.rs:30
//!     call src/main.rs:12 ...............
//! ```

use std::panic::Location;

use handover_blocking::recorder::Merged;

use super::slices::Slices;
use super::timeline::{Mark, Name, What};

/// A slice that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    Held,
    Poll,
    Call,
    /// With the number of its mark, whose name is known at its end.
    Merged(usize),
    /// Nobody holds it since it was handed off; with the number of its mark, whose name is known at its end, and its arrow.
    Waits(usize, u64),
}

/// One processor's marks.
#[derive(Debug, Default)]
pub(super) struct ProcessorTrack {
    pub(super) slices: Slices<Open>,
    holder: Option<i32>,
}

impl ProcessorTrack {
    /// Nobody holds it.
    pub(super) fn close(&mut self, now: u64) {
        self.slices.close(now);
        self.holder = None;
    }

    fn held_by(&mut self, now: u64, thread: i32) {
        self.close(now);
        self.slices.begin(Open::Held, Mark::new(now, What::Begin(Name::Thread(thread))));
        self.holder = Some(thread);
    }

    /// A thread takes it. If it `waited` for one since a hand-off, the arrow of that goes on to the thread.
    pub(super) fn acquired(&mut self, now: u64, thread: i32, waited: bool) -> Option<u64> {
        let handed_off = match self.slices.innermost() {
            Some(Open::Waits(mark, flow)) if waited => {
                self.slices.marks[mark].what = What::Begin(Name::Text("waits for a thread"));
                Some(flow)
            }
            _ => None,
        };
        self.held_by(now, thread);
        handed_off
    }

    pub(super) fn poll_begins(&mut self, now: u64, thread: i32, task: u64, spawned_at: Option<&'static Location<'static>>) {
        if self.holder != Some(thread) {
            // It took it before the recording began.
            self.held_by(now, thread);
        }
        self.poll_ends(now);
        self.slices.begin(Open::Poll, Mark::new(now, What::Begin(Name::Poll(spawned_at))).task(task));
    }

    pub(super) fn poll_ends(&mut self, now: u64) {
        self.slices.end_innermost(now, |open| open == Open::Poll);
    }

    pub(super) fn call_begins(&mut self, now: u64, site: Option<&'static Location<'static>>) {
        if self.slices.open().contains(&Open::Poll) {
            self.slices.begin(Open::Call, Mark::new(now, What::Begin(Name::Call(site))));
        }
    }

    pub(super) fn call_ends(&mut self, now: u64) {
        self.slices.end_innermost(now, |open| open == Open::Call);
    }

    /// What its holder does from now on is merged: polls, or what the poll of `task` does.
    pub(super) fn merging_begins(&mut self, now: u64, thread: i32, task: u64) {
        if task == 0 {
            if self.holder != Some(thread) {
                self.held_by(now, thread);
            }
            self.poll_ends(now);
        } else if !self.slices.open().contains(&Open::Poll) {
            return;
        }
        self.slices.end_all(now, |open| open == Open::Call);
        let merged = Open::Merged(self.slices.marks.len());
        self.slices.begin(merged, Mark::new(now, What::Begin(Name::Merged(Merged::default()))).task(task));
    }

    pub(super) fn merging_ends(&mut self, now: u64, merged: Merged) {
        if let Some(Open::Merged(mark)) = self.slices.innermost() {
            self.slices.end_as(now, mark, Name::Merged(merged));
        }
    }

    /// Its holder is in user code, and others shall have it.
    pub(super) fn handed_off(&mut self, now: u64, flow: u64, reason: &'static str) {
        self.close(now);
        // Until it is known that a task waits.
        let name = Name::Text("idle after a hand-off");
        let waits = Open::Waits(self.slices.marks.len(), flow);
        self.slices.begin(waits, Mark::new(now, What::Begin(name)).from(Some(flow)).reason(reason));
    }
}
