//! When is a task ready again? The room's front door.

use std::fmt;
use std::io;
use std::os::fd::RawFd;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use mio::Token;
use mio::unix::SourceFd;

use crate::cell::Cell;
use crate::clock::{Clock, Moment};
use crate::interest::Interest;
use crate::kernel::{self, Kernel};
use crate::numbers::Numbers;
use crate::poller::{Poller, Wake};
use crate::registrations::Registrations;
use crate::source::Source;
use crate::sync::Mutex;
use crate::timers::Timers;
use crate::turn::Turn;

/// One epoll instance, the descriptors registered with it, and timers.
///
/// All of it may be used from any thread. At most one thread at a time waits: the one that holds a [`Turn`].
pub struct Reactor {
    poller: Poller,
    /// Locked by the holder of the role alone, so never contended.
    kernel: Mutex<Kernel>,
    registry: mio::Registry,
    eventfd: mio::Waker,
    registrations: Registrations,
    numbers: Numbers,
    timers: Timers,
    clock: Clock,
}

/// What somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// A descriptor.
    Source(RawFd, Interest),
    /// A timer, due in this time; zero if it is due now.
    Timer(Duration),
}

impl Reactor {
    /// A reactor that keeps timers in `shards` wheels (at least one), one for each thread that is to arm them without contention.
    ///
    /// # Errors
    ///
    /// Those of epoll_create1(2), eventfd(2) and epoll_ctl(2): mostly that no descriptors are left. Without a timerfd it works with
    /// coarser deadlines.
    pub fn new(shards: usize) -> io::Result<Self> {
        let clock = Clock::starting_at(Instant::now());
        let kernel = Kernel::new(&clock)?;
        let registry = kernel.registry().try_clone()?;
        let eventfd = mio::Waker::new(&registry, kernel::WAKER)?;
        Ok(Self {
            poller: Poller::new(),
            kernel: Mutex::new(kernel),
            registry,
            eventfd,
            registrations: Registrations::new(),
            numbers: Numbers::new(),
            timers: Timers::new(shards.max(1)),
            clock,
        })
    }

    /// Registers `fd`, edge-triggered. The descriptor stays open until the [`Source`] is dropped. A call on one that is not
    /// non-blocking is worth making when it is ready, and may block all the same.
    ///
    /// # Errors
    ///
    /// `EPERM` if the descriptor is one that never makes anybody wait, such as a regular file or a directory; `EEXIST` if it is
    /// registered already; others as epoll_ctl(2) says; [`Error::ShutDown`](crate::Error::ShutDown) after [`close`](Self::close).
    pub fn register(self: &Arc<Self>, fd: RawFd, interest: Interest) -> io::Result<Source> {
        let cell = Arc::new(Cell::new());
        // The table comes first: from the call to epoll on, the poller may meet the token.
        let token = self.registrations.insert(Arc::clone(&cell), fd)?;
        if let Err(error) = self.numbers.claim(fd, token, || self.registry.register(&mut SourceFd(&fd), token, interest.to_mio())) {
            self.registrations.remove(token);
            return Err(error);
        }
        Ok(Source::new(Arc::clone(self), cell, token, fd))
    }

    /// Epoll first, then the table: an event fetched in between finds its cell, and nobody minds.
    pub(crate) fn deregister(&self, token: Token, fd: RawFd) {
        self.numbers.release(fd, token, || {
            // The only failure is that the descriptor was closed before, against the rule of `Source`; epoll has then forgotten it by
            // itself. There is nobody to tell in a drop.
            let _closed_before = self.registry.deregister(&mut SourceFd(&fd));
        });
        self.registrations.remove(token);
    }

    /// Takes the poller's role, until the [`Turn`] is dropped. None: another thread has it.
    pub fn try_turn(&self) -> Option<Turn<'_>> {
        self.poller.claim().then(|| Turn::new(self))
    }

    /// Whether a thread has the poller's role. A sequentially consistent load.
    pub fn has_poller(&self) -> bool {
        self.poller.is_held()
    }

    /// Ends the wait that is on, or else keeps the next one from blocking. Costs a system call only if a thread waits and no other
    /// wake-up is on its way to it.
    ///
    /// # Panics
    ///
    /// If the eventfd does not take the write, which happens only if someone has closed a descriptor that was not theirs.
    pub fn wake(&self) {
        match self.poller.wake() {
            Wake::Write => self.write().expect("the reactor's eventfd is open and takes a write"),
            Wake::Noted => {}
        }
    }

    /// Writes to the eventfd, again if a signal interrupted that: whoever comes after us leaves it to us, so a write that is given up is a wake-up that is lost.
    fn write(&self) -> io::Result<()> {
        loop {
            match self.eventfd.wake() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// A timer was armed for, or moved to, `deadline`, which is now its shard's earliest.
    pub(crate) fn deadline_moved_up(&self, deadline: Moment) {
        if self.poller.waits_past(deadline) {
            self.wake();
        }
    }

    /// Whether no descriptor is registered and no timer armed: nothing would ever happen here but a [`wake`](Self::wake).
    pub fn is_quiet(&self) -> bool {
        self.registrations.is_empty() && self.timers.next().is_never()
    }

    /// The earliest deadline of all timers.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.clock.instant(self.timers.next())
    }

    /// Moves the wakers of all timers that are due to `wakers`, whichever thread armed them, and says how many there were.
    ///
    /// If no timer is armed, it does not even read the clock.
    pub fn fire_overdue(&self, wakers: &mut Vec<Waker>) -> usize {
        if self.timers.next().is_never() { 0 } else { self.timers.fire(self.clock.now(), wakers) }
    }

    /// Shows `look` the wakers of all who wait here, and what each waits for. It runs under locks of this room, for some of them at a time: nothing of the user's may be called.
    pub fn view_waiters(&self, look: &mut dyn FnMut(Wait, &Waker)) {
        self.registrations.view_waiters(&mut |fd, interest, waker| look(Wait::Source(fd, interest), waker));
        let now = self.clock.now();
        self.timers.view(&mut |deadline, waker| look(Wait::Timer(deadline.since(now)), waker));
    }

    /// Ends it: registering a descriptor, arming a timer, and every wait for one, from now on say
    /// [`Error::ShutDown`](crate::Error::ShutDown). Wakes all who wait, so that they hear of it, and the poller.
    ///
    /// A waker that panics does not keep the others from being called; the panic hook has reported it, and it goes no further,
    /// because the runtime's end has nobody to hand it to.
    pub fn close(&self) {
        let mut wakers = Vec::new();
        self.registrations.shut_down(&mut wakers);
        self.timers.shut_down(&mut wakers);
        self.wake();
        for waker in wakers {
            let _reported = panic::catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
    }

    pub(crate) fn poller(&self) -> &Poller {
        &self.poller
    }

    pub(crate) fn kernel(&self) -> &Mutex<Kernel> {
        &self.kernel
    }

    pub(crate) fn registrations(&self) -> &Registrations {
        &self.registrations
    }

    pub(crate) fn timers(&self) -> &Timers {
        &self.timers
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor")
            .field("has_poller", &self.has_poller())
            .field("next_deadline", &self.next_deadline())
            .finish_non_exhaustive()
    }
}
