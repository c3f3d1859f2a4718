//! Which worker is the calling thread?
//!
//! The way from user code to the [`Worker`] around it: runtime entries (spawn, wake), timers and calls ask here.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr;

use crate::lease::Lease;
use crate::pool::Pool;
use crate::worker::Worker;

thread_local! {
    /// The worker that this thread is; null on every other thread. Constant and without a destructor, so it can be asked at any time, even from
    /// the destructors of other thread-locals.
    static CURRENT: Cell<*const Worker> = const { Cell::new(ptr::null()) };
}

/// This thread, in this function: what borrows from it does not outlive the call, and stays on the thread. To be kept in a local variable and nowhere else.
///
/// A value, where a closure would be safer: the compiler leaves a closure that is used twice as a function of its own, and each frame costs a mispredicted return after a system call (`call.rs`).
pub(crate) struct Here {
    current: *const Worker,
}

impl Here {
    #[inline(always)]
    pub(crate) fn now() -> Self {
        Self { current: CURRENT.get() }
    }

    /// The worker that the calling thread is, if it is one of any runtime.
    #[inline(always)]
    pub(crate) fn worker(&self) -> Option<&Worker> {
        // SAFETY: `Worker::run` enters a worker on its own stack, and `Leave` clears the pointer before that ends, also when it unwinds. The pointer never leaves this thread (`Here` is
        // not Send), and `self` lives in a function that `Worker::run` has called.
        unsafe { self.current.as_ref() }
    }
}

/// Calls `act` with the worker that the calling thread is, if it is one of any runtime.
#[inline(always)]
pub(crate) fn with_current<R>(act: impl FnOnce(Option<&Worker>) -> R) -> R {
    act(Here::now().worker())
}

/// Runs `act` with the lease of the calling thread, if that is a worker thread of `pool` and holds a processor.
///
/// A thread that has lost its processor pushes to the inject queue instead. This is how every runtime entry that user code may call (spawn, wake) gets at a run queue: it reclaims, acts and lends again. `act` must not run
/// user code.
#[inline(always)]
pub fn with_lease<R>(pool: &Pool, act: impl FnOnce(Option<&mut Lease>) -> R) -> R {
    let here = Here::now();
    Worker::with_lease(here.worker().filter(|worker| worker.belongs_to(pool)), act)
}

/// Whether the calling thread is a worker thread of any runtime.
pub fn is_worker() -> bool {
    with_current(|worker| worker.is_some())
}

/// Whether the calling thread is a worker thread of `pool`.
pub fn is_worker_of(pool: &Pool) -> bool {
    with_current(|worker| worker.is_some_and(|worker| worker.belongs_to(pool)))
}

/// Which processor the calling thread held last, if it is a worker thread of `pool`. For choosing a shard, not for access.
pub fn last_processor(pool: &Pool) -> Option<usize> {
    with_current(|worker| worker.filter(|worker| worker.belongs_to(pool)).map(|worker| worker.last_processor()))
}

/// Whether the running poll should return `Pending` (after waking itself) before it starts anything new: its thread has lost its processor,
/// or the monitor asked it to yield. True at most once per poll.
#[inline]
pub fn should_step_aside() -> bool {
    with_current(|worker| worker.is_some_and(Worker::should_step_aside))
}

/// Ends what [`enter`] began, also when it unwinds.
#[must_use = "the thread is the worker as long as this lives"]
pub(crate) struct Leave<'a>(PhantomData<&'a Worker>);

/// The calling thread is `worker` from now on.
pub(crate) fn enter(worker: &Worker) -> Leave<'_> {
    CURRENT.set(ptr::from_ref(worker));
    Leave(PhantomData)
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        CURRENT.set(ptr::null());
    }
}
