//! What does the thread do that waits for all others?

use std::fmt;
use std::io;
use std::task::Waker;
use std::time::Duration;

use crate::clock::Moment;
use crate::kernel::Kernel;
use crate::poller::{Begin, Poller};
use crate::reactor::Reactor;
use crate::sync::MutexGuard;

/// The poller's role. Dropping it makes the role free again.
///
/// The fields drop in this order: the kernel's lock is open before the next thread can claim the role.
pub struct Turn<'a> {
    kernel: MutexGuard<'a, Kernel>,
    reactor: &'a Reactor,
    _role: Role<'a>,
}

impl<'a> Turn<'a> {
    /// The caller has claimed the role.
    pub(crate) fn new(reactor: &'a Reactor) -> Self {
        Self { kernel: reactor.kernel().lock(), reactor, _role: Role(reactor.poller()) }
    }

    /// Waits until an event, a [`wake`](Reactor::wake), the next timer's deadline or the end of `limit` (none: no limit; zero: does
    /// not wait at all). May return early, with nothing.
    ///
    /// Pushes the wakers of ready descriptors and due timers onto `wakers` and calls none of them: that is for the caller, who should
    /// give the role back first, since a woken task may want it.
    ///
    /// # Errors
    ///
    /// Those of epoll_wait(2) other than `EINTR`. Timers that are due have been fired all the same.
    pub fn wait(&mut self, limit: Option<Duration>, wakers: &mut Vec<Waker>) -> io::Result<()> {
        let result = self.fetch(limit);
        self.kernel.deliver(self.reactor.registrations(), wakers);
        self.reactor.fire_overdue(wakers);
        result
    }

    fn fetch(&mut self, limit: Option<Duration>) -> io::Result<()> {
        if limit == Some(Duration::ZERO) {
            return self.kernel.look();
        }
        let (clock, timers) = (self.reactor.clock(), self.reactor.timers());
        let now = clock.now();
        let plan = limit.map_or(Moment::NEVER, |limit| now.after(limit)).min(timers.next());
        if plan <= now {
            return self.kernel.look();
        }
        match self.reactor.poller().begin_wait(plan) {
            Begin::Woken => self.kernel.look(),
            Begin::Wait => {
                // The poller's second look; see `poller.rs`. The published plan may now be later than it need be, which costs a
                // wake-up at worst.
                let until = plan.min(timers.next());
                let result = if until <= now { self.kernel.look() } else { self.kernel.wait(until, clock, now, limit.is_none()) };
                self.reactor.poller().end_wait();
                result
            }
        }
    }
}

impl fmt::Debug for Turn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").finish_non_exhaustive()
    }
}

/// The claimed role.
struct Role<'a>(&'a Poller);

impl Drop for Role<'_> {
    fn drop(&mut self) {
        self.0.release();
    }
}
