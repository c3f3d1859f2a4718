//! How is `st3` used as a run queue?

use std::thread;

use st3::fifo::{Stealer, Worker};

use super::{Item, Queue, Thief, drain};

/// As long as the queues of Go, tokio and handover.
const CAPACITY: usize = 256;

/// Bounded.
pub(crate) struct St3(Worker<Item>);

/// Has a queue of its own to steal into.
pub(crate) struct St3Thief {
    victim: Stealer<Item>,
    own: Worker<Item>,
}

impl Queue for St3 {
    type Thief = St3Thief;

    fn new() -> Self {
        Self(Worker::new(CAPACITY))
    }

    fn thief(&self) -> St3Thief {
        St3Thief { victim: self.0.stealer(), own: Worker::new(CAPACITY) }
    }

    fn push(&self, mut item: Item) {
        while let Err(refused) = self.0.push(item) {
            item = refused;
            thread::yield_now();
        }
    }

    fn pop(&self) -> Option<Item> {
        self.0.pop()
    }
}

impl Thief for St3Thief {
    fn steal(&mut self, sum: &mut u64) -> u64 {
        match self.victim.steal(&self.own, |count| count - count / 2) {
            Ok(_) => drain(|| self.own.pop(), sum),
            Err(_) => 0,
        }
    }
}
