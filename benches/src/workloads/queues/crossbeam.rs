//! How is `crossbeam-deque` used as a run queue?

use crossbeam_deque::{Steal, Stealer, Worker};

use super::{Item, Queue, Thief, drain};

/// Unbounded.
pub(crate) struct Crossbeam(Worker<Item>);

/// Has a queue of its own to steal into.
pub(crate) struct CrossbeamThief {
    victim: Stealer<Item>,
    own: Worker<Item>,
}

impl Queue for Crossbeam {
    type Thief = CrossbeamThief;

    fn new() -> Self {
        Self(Worker::new_fifo())
    }

    fn thief(&self) -> CrossbeamThief {
        CrossbeamThief { victim: self.0.stealer(), own: Worker::new_fifo() }
    }

    fn push(&self, item: Item) {
        self.0.push(item);
    }

    fn pop(&self) -> Option<Item> {
        self.0.pop()
    }
}

impl Thief for CrossbeamThief {
    fn steal(&mut self, sum: &mut u64) -> u64 {
        match self.victim.steal_batch(&self.own) {
            Steal::Success(()) => drain(|| self.own.pop(), sum),
            Steal::Empty | Steal::Retry => 0,
        }
    }
}
