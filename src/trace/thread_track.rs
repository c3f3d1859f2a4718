//! What does one thread's track show?
//!
//! ```text
//! poll src/main.rs:9 .....................................................
//!   call src/main.rs:12 ......................................  without a processor ..
//!     on its processor ......... handed off ..................
//! ```

use std::panic::Location;

use handover_blocking::recorder::{Merged, Track};

use super::slices::Slices;
use super::timeline::{Mark, Name, What};

/// A slice that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    Wait,
    Poll,
    /// With the number of its first mark, for a slice that turns out to begin with it.
    Call(usize),
    /// Within a call: others have its processor.
    HandedOff,
    /// Within a poll: it goes on without a processor.
    Without,
    /// Polls, or calls and wake-ups within one. With the number of its mark, whose name is known at its end.
    Merged(usize),
}

type Task = (u64, Option<&'static Location<'static>>);

/// One thread's marks.
#[derive(Debug)]
pub(super) struct ThreadTrack {
    pub(super) thread: i32,
    pub(super) name: String,
    pub(super) slices: Slices<Open>,
    /// The processor that it holds, as far as is known.
    pub(super) processor: Option<usize>,
    /// What it polls.
    pub(super) poll: Option<Task>,
}

impl ThreadTrack {
    pub(super) fn new(track: &Track, begin: u64) -> Self {
        let lost = (track.lost > 0).then(|| Mark::new(begin, What::Instant(Name::Lost(track.lost))));
        let mut slices = Slices::default();
        slices.marks.extend(lost);
        Self { thread: track.thread, name: track.name.clone(), slices, processor: None, poll: None }
    }

    pub(super) fn instant(&mut self, mark: Mark) {
        self.slices.marks.push(mark);
    }

    /// Ends whatever has begun.
    pub(super) fn close(&mut self, now: u64) {
        self.slices.close(now);
        self.poll = None;
    }

    pub(super) fn wait_begins(&mut self, now: u64, name: &'static str) {
        self.close(now);
        self.slices.begin(Open::Wait, Mark::new(now, What::Begin(Name::Text(name))));
    }

    pub(super) fn wait_ends(&mut self, now: u64) {
        self.slices.end_innermost(now, |open| open == Open::Wait);
    }

    pub(super) fn poll_begins(
        &mut self,
        now: u64,
        task: u64,
        spawned_at: Option<&'static Location<'static>>,
        processor: Option<usize>,
        woken: Option<u64>,
    ) {
        // Its end was lost, if it is still open.
        self.close(now);
        self.poll = Some((task, spawned_at));
        self.processor = processor;
        self.slices.begin(Open::Poll, Mark::new(now, What::Begin(Name::Poll(spawned_at))).to(woken).task(task));
    }

    pub(super) fn poll_ends(&mut self, now: u64) {
        self.close(now);
    }

    pub(super) fn call_begins(&mut self, now: u64, task: u64, site: Option<&'static Location<'static>>) {
        let call = Open::Call(self.slices.marks.len());
        self.slices.begin(call, Mark::new(now, What::Begin(Name::Call(site))).task(task));
        if self.processor.is_none() {
            self.slices.begin(Open::HandedOff, Mark::new(now, What::Begin(Name::Text("handed off"))));
        }
    }

    pub(super) fn call_ends(&mut self, now: u64) {
        self.slices.end_innermost(now, |open| matches!(open, Open::Call(_)));
        let goes_on_without = self.processor.is_none() && self.slices.innermost() == Some(Open::Poll);
        if goes_on_without {
            self.slices.begin(Open::Without, Mark::new(now, What::Begin(Name::Text("without a processor"))));
        }
    }

    /// What follows is merged: polls, or what the poll of `task` does.
    pub(super) fn merging_begins(&mut self, now: u64, task: u64, processor: Option<usize>) {
        if task == 0 {
            self.close(now);
            self.processor = processor;
        }
        // A call that was open as the recording began is one of those that are merged.
        self.slices.end_all(now, |open| matches!(open, Open::Call(_)));
        let merged = Open::Merged(self.slices.marks.len());
        self.slices.begin(merged, Mark::new(now, What::Begin(Name::Merged(Merged::default()))).task(task));
    }

    pub(super) fn merging_ends(&mut self, now: u64, merged: Merged) {
        if let Some(Open::Merged(mark)) = self.slices.innermost() {
            self.slices.end_as(now, mark, Name::Merged(merged));
        }
    }

    /// It took a processor, to which the arrow of a hand-off may lead.
    pub(super) fn acquired(&mut self, now: u64, processor: usize, flow: Option<u64>) {
        self.processor = Some(processor);
        if matches!(self.slices.innermost(), Some(Open::Without | Open::HandedOff)) {
            self.slices.end(now);
        }
        if flow.is_some() {
            self.instant(Mark::new(now, What::Instant(Name::Takes(processor))).to(flow));
        }
    }

    /// It gives its processor away, and a long call begins.
    pub(super) fn gave_away(&mut self, now: u64, processor: usize, flow: u64) {
        self.processor = None;
        self.instant(Mark::new(now, What::Instant(Name::Gives(processor))).from(Some(flow)));
    }

    /// The monitor took its processor.
    pub(super) fn retaken(&mut self, now: u64, flow: u64, reason: &'static str) {
        self.processor = None;
        let (open, name) = match self.slices.innermost() {
            Some(Open::Call(first)) => {
                let began = self.slices.marks[first].at;
                self.slices.marks.insert(first + 1, Mark::new(began, What::Begin(Name::Text("on its processor"))));
                self.slices.marks.push(Mark::new(now, What::End));
                (Open::HandedOff, "handed off")
            }
            Some(Open::Poll) => (Open::Without, "without a processor"),
            _ => return,
        };
        self.slices.begin(open, Mark::new(now, What::Begin(Name::Text(name))).from(Some(flow)).reason(reason));
    }
}
