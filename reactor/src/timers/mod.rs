//! Which deadline is next, over all processors?
//!
//! One [`Shard`] for each processor keeps arming cheap; the published deadline of each lets anybody see, without a lock, that a
//! timer is due and fire it, so that a stuck processor does not hold its timers back.

mod shard;
mod timer;
pub mod wheel;

pub use shard::{Armed, Shard};
pub use timer::Timer;

use std::task::Waker;

use crate::clock::Moment;

/// All shards of one reactor.
#[derive(Debug)]
pub(crate) struct Timers {
    shards: Box<[Shard]>,
}

impl Timers {
    pub(crate) fn new(shards: usize) -> Self {
        Self { shards: (0..shards).map(|_| Shard::new()).collect() }
    }

    /// How many shards there are.
    pub(crate) fn shards(&self) -> usize {
        self.shards.len()
    }

    pub(crate) fn shard(&self, index: usize) -> &Shard {
        &self.shards[index]
    }

    /// The earliest published deadline; [`Moment::NEVER`] if no timer is armed.
    pub(crate) fn next(&self) -> Moment {
        self.shards.iter().map(Shard::next).min().unwrap_or(Moment::NEVER)
    }

    /// Moves the wakers of all timers due at `now` to `wakers` and says how many.
    pub(crate) fn fire(&self, now: Moment, wakers: &mut Vec<Waker>) -> usize {
        let before = wakers.len();
        for shard in &self.shards {
            shard.fire(now, wakers);
        }
        wakers.len() - before
    }

    /// Shows `look` every armed timer, under its shard's lock.
    pub(crate) fn view(&self, look: &mut dyn FnMut(Moment, &Waker)) {
        for shard in &self.shards {
            shard.view(look);
        }
    }

    pub(crate) fn shut_down(&self, wakers: &mut Vec<Waker>) {
        for shard in &self.shards {
            shard.shut_down(wakers);
        }
    }
}
