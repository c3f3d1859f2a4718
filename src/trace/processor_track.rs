//! What does one processor's track show?
//!
//! ```text
//! thread 4711 ........................... waits for a thread ... thread 4712 ..........
//!   poll src/main.rs:9 ..................                          poll src/main.rs:30
//!     call src/main.rs:12 ...............
//! ```

use std::panic::Location;

use super::timeline::{Mark, Name, What};

/// A slice that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Held,
    Poll,
    Call,
    /// Nobody holds it since it was handed off; with the number of its mark, whose name is known at its end, and its arrow.
    Waits(usize, u64),
}

/// One processor's marks.
#[derive(Debug, Default)]
pub(super) struct ProcessorTrack {
    pub(super) marks: Vec<Mark>,
    open: Vec<Open>,
    holder: Option<i32>,
}

impl ProcessorTrack {
    fn begin(&mut self, now: u64, open: Open, name: Name) {
        self.open.push(open);
        self.marks.push(Mark::new(now, What::Begin(name)));
    }

    fn end(&mut self, now: u64) {
        if self.open.pop().is_some() {
            self.marks.push(Mark::new(now, What::End));
        }
    }

    /// Nobody holds it.
    pub(super) fn close(&mut self, now: u64) {
        while !self.open.is_empty() {
            self.end(now);
        }
        self.holder = None;
    }

    fn end_innermost(&mut self, now: u64, kind: Open) {
        if let Some(depth) = self.open.iter().rposition(|open| *open == kind) {
            while self.open.len() > depth {
                self.end(now);
            }
        }
    }

    /// A thread takes it. If it `waited` for one since a hand-off, the arrow of that goes on to the thread.
    pub(super) fn acquired(&mut self, now: u64, thread: i32, waited: bool) -> Option<u64> {
        let handed_off = match self.open.last() {
            Some(&Open::Waits(mark, flow)) if waited => {
                self.marks[mark].what = What::Begin(Name::Text("waits for a thread"));
                Some(flow)
            }
            _ => None,
        };
        self.close(now);
        self.begin(now, Open::Held, Name::Thread(thread));
        self.holder = Some(thread);
        handed_off
    }

    pub(super) fn poll_begins(&mut self, now: u64, thread: i32, task: u64, spawned_at: Option<&'static Location<'static>>) {
        if self.holder != Some(thread) {
            // It took it before the recording began.
            self.close(now);
            self.begin(now, Open::Held, Name::Thread(thread));
            self.holder = Some(thread);
        }
        self.end_innermost(now, Open::Poll);
        self.open.push(Open::Poll);
        self.marks.push(Mark::new(now, What::Begin(Name::Poll(spawned_at))).task(task));
    }

    pub(super) fn poll_ends(&mut self, now: u64) {
        self.end_innermost(now, Open::Poll);
    }

    pub(super) fn call_begins(&mut self, now: u64, site: Option<&'static Location<'static>>) {
        if self.open.contains(&Open::Poll) {
            self.begin(now, Open::Call, Name::Call(site));
        }
    }

    pub(super) fn call_ends(&mut self, now: u64) {
        self.end_innermost(now, Open::Call);
    }

    /// Its holder is in user code, and others shall have it.
    pub(super) fn handed_off(&mut self, now: u64, flow: u64, reason: &'static str) {
        self.close(now);
        self.open.push(Open::Waits(self.marks.len(), flow));
        // Until it is known that a task waits.
        let name = Name::Text("idle after a hand-off");
        self.marks.push(Mark::new(now, What::Begin(name)).from(Some(flow)).reason(reason));
    }
}
