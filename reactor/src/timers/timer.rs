//! When does this one deadline pass?

use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::clock::Moment;
use crate::reactor::Reactor;
use crate::timers::shard::Armed;
use crate::timers::wheel::Key;

/// One deadline. It is armed by the first poll that finds it in the future, and disarmed when dropped.
///
/// It holds on to the reactor, so it may outlive the runtime; after [`Reactor::close`] it says so in an error.
pub struct Timer {
    reactor: Arc<Reactor>,
    shard: usize,
    deadline: Instant,
    moment: Moment,
    key: Option<Key>,
}

impl Timer {
    /// A timer for `deadline` that will be kept with the timers of `shard`. Deadlines more than 73 years away are taken for
    /// 73 years.
    ///
    /// # Panics
    ///
    /// If the reactor has no such shard.
    pub fn new(reactor: Arc<Reactor>, shard: usize, deadline: Instant) -> Self {
        let shards = reactor.timers().shards();
        assert!(shard < shards, "shard {shard} does not exist: this reactor was made with {shards} shards");
        let moment = reactor.clock().moment(deadline);
        Self { reactor, shard, deadline, moment, key: None }
    }

    /// The deadline.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether the deadline has passed.
    pub fn is_elapsed(&self) -> bool {
        self.reactor.clock().now() >= self.moment
    }

    /// Another deadline, earlier or later. A task that waits for the old one is now woken for the new one; a timer that had fired
    /// starts anew at its next poll.
    pub fn reset(&mut self, deadline: Instant) {
        self.deadline = deadline;
        self.moment = self.reactor.clock().moment(deadline);
        let Some(key) = self.key else { return };
        match self.reactor.timers().shard(self.shard).move_to(key, self.moment) {
            Some((key, armed)) => {
                self.key = Some(key);
                self.announce(armed);
            }
            None => self.key = None,
        }
    }

    /// Ready once the deadline has passed, and at every later poll. A deadline that has passed at the first poll takes no lock.
    ///
    /// # Errors
    ///
    /// [`Error::ShutDown`](crate::Error::ShutDown), if the deadline is in the future and the reactor was closed.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.has_fired() {
            self.key = None;
            return Poll::Ready(Ok(()));
        }
        if self.is_elapsed() {
            self.disarm();
            return Poll::Ready(Ok(()));
        }
        // Cloned before the shard's lock and dropped after it: both may run user code.
        let mut waker = Some(cx.waker().clone());
        let armed = self.reactor.timers().shard(self.shard).arm(&mut self.key, self.moment, &mut waker)?;
        self.announce(armed);
        Poll::Pending
    }

    /// Whether it was armed and has fired, as far as that can be told without the lock and without the clock, which costs more than all else here: as long as it is armed, nothing that is published is later than its deadline.
    /// After the last timer, and after a shutdown, nothing is published.
    fn has_fired(&self) -> bool {
        let next = self.reactor.timers().shard(self.shard).next();
        self.key.is_some() && self.moment < next && !next.is_never()
    }

    fn announce(&self, armed: Armed) {
        match armed {
            Armed::Earliest => self.reactor.deadline_moved_up(self.moment),
            Armed::Later => {}
        }
    }

    fn disarm(&mut self) {
        if let Some(key) = self.key.take() {
            let waker = self.reactor.timers().shard(self.shard).disarm(key);
            drop(waker);
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.disarm();
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("deadline", &self.deadline).field("shard", &self.shard).finish_non_exhaustive()
    }
}
