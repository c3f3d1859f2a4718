//! Where do the rooms meet?
//!
//! The only file that names the executor, the reactor and the threads together: [`Wiring`] is the executor's [`Driver`] on the reactor's side, and the
//! functions below are what `net`, `time`, `fs`, `process` and `signal` know of the runtime that they run on.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use handover_blocking::{Site, call, current};
use handover_executor::{Driver, Shared};
use handover_reactor::Reactor;

use crate::runtime::handle::Handle;

/// The reactor, as the executor sees it.
pub(crate) struct Wiring {
    reactor: Arc<Reactor>,
}

impl Wiring {
    pub(crate) fn new(reactor: Arc<Reactor>) -> Self {
        Self { reactor }
    }
}

impl Driver for Wiring {
    fn poll(&self, limit: Option<Duration>, prepare: &mut dyn FnMut(), wakers: &mut Vec<Waker>) -> bool {
        let Some(mut turn) = self.reactor.try_turn() else { return false };
        prepare();
        if let Err(error) = turn.wait(limit, wakers) {
            // epoll_wait(2) fails only for a bad descriptor or address: somebody has closed what is ours. No socket would ever be ready again, so going on
            // would hang without a word.
            eprintln!("handover: the reactor cannot wait for events: {error}; a descriptor that belongs to the runtime was closed");
            std::process::abort();
        }
        true
    }

    fn has_poller(&self) -> bool {
        self.reactor.has_poller()
    }

    fn interrupt(&self) {
        self.reactor.wake();
    }

    fn is_needed(&self) -> bool {
        !self.reactor.is_quiet()
    }

    fn fire_overdue(&self, wakers: &mut Vec<Waker>) {
        self.reactor.fire_overdue(wakers);
    }

    fn close(&self) {
        self.reactor.close();
    }

    fn within(&self, shared: &Arc<Shared>, run: &mut dyn FnMut()) {
        let handle = Handle::new(Arc::clone(shared), Arc::clone(&self.reactor));
        let _context = handle.enter();
        run();
    }
}

/// The reactor of the runtime that the caller runs on or has entered.
///
/// # Errors
/// Outside a runtime.
pub(crate) fn reactor() -> io::Result<Arc<Reactor>> {
    Handle::with_current(|handle| Arc::clone(handle.reactor())).map_err(io::Error::other)
}

/// Which timer wheel the calling thread arms: its processor's, or the last one for threads that are no workers.
#[cfg_attr(not(feature = "time"), expect(dead_code, reason = "timers are switched off"))]
pub(crate) fn timer_shard() -> usize {
    Handle::with_current(|handle| {
        let pool = handle.shared().pool();
        current::last_processor(pool).unwrap_or(pool.processors())
    })
    .unwrap_or(0)
}

/// At the start of every poll of I/O and timers of ours: `Pending` (woken) if the thread has lost its processor or was asked to yield.
#[inline]
pub(crate) fn poll_proceed(cx: &mut Context<'_>) -> Poll<()> {
    if current::should_step_aside() {
        cx.waker().wake_by_ref();
        return Poll::Pending;
    }
    Poll::Ready(())
}

/// Runs a blocking call inside a `poll` function, after letting others go first if the thread has no processor.
#[track_caller]
#[inline(always)]
pub(crate) fn inline<T>(cx: &mut Context<'_>, f: impl FnOnce() -> T) -> Poll<T> {
    call::poll_call(cx, Site::of(std::panic::Location::caller()), f)
}
