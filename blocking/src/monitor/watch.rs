//! What does the monitor remember of one processor between two looks?

use std::time::{Duration, Instant};

use crate::record::Seq;
use crate::threads::ThreadRecord;
use crate::verdict::Kernel;

/// What was seen of one processor, and since when.
#[derive(Debug)]
pub(super) struct Watch {
    seen: Option<(u32, Seq)>,
    since: Instant,
    polls: u64,
    poll_since: Instant,
    cpu: Option<Duration>,
    /// Looks in a row that found the same poll in another call.
    moves: u32,
}

/// After so many looks a poll of many short calls is left to the ordinary rhythm: looking every 20 us for the one that lasts cost its two processors a third of their time.
const RESTLESS: u32 = 4;

impl Watch {
    pub(super) fn new(now: Instant) -> Self {
        Self { seen: None, since: now, polls: 0, poll_since: now, cpu: None, moves: 0 }
    }

    /// The processor is lent, by `thread` in the state `seq`. True if it was so at the last look.
    pub(super) fn update(&mut self, thread: &ThreadRecord, seq: Seq, now: Instant) -> bool {
        let unmoved = self.seen == Some((thread.slot, seq));
        if !unmoved {
            if self.seen.is_none_or(|(slot, _)| slot != thread.slot) {
                self.poll_since = now;
            }
            self.seen = Some((thread.slot, seq));
            self.since = now;
            self.cpu = None;
        }
        self.moves = if unmoved { 0 } else { self.moves.saturating_add(1) };
        let polls = thread.polls.get();
        if self.polls != polls {
            self.polls = polls;
            self.poll_since = now;
            self.moves = 0;
        }
        thread.since.seen(seq, polls, now);
        unmoved
    }

    /// The processor is not lent, or not any more.
    pub(super) fn forget(&mut self) {
        self.seen = None;
    }

    /// For how long the thread has been in the same call or stretch of code.
    pub(super) fn unmoved(&self, now: Instant) -> Duration {
        now - self.since
    }

    /// For how long it has been in the same poll.
    pub(super) fn in_poll(&self, now: Instant) -> Duration {
        now - self.poll_since
    }

    /// Whether the thread makes one short call after the other in the same poll.
    pub(super) fn is_restless(&self) -> bool {
        self.moves >= RESTLESS
    }

    /// Whether the thread computes, is blocked or waits for a CPU. The first question only reads its clock; the answer comes a look later.
    pub(super) fn ask_kernel(&mut self, thread: &ThreadRecord) -> Option<Kernel> {
        let kernel = thread.kernel()?;
        let before = self.cpu;
        let answer = before.map(|before| kernel.since(before));
        self.cpu = kernel.cpu_time();
        answer
    }
}
