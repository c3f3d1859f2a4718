//! Who holds a traced task's waker, and who wakes it?
//!
//! The task's own waker in an [`Arc`], with a vtable that tells of each clone, drop and wake before it happens: afterwards the task may be over, and its span closed.

use std::sync::Arc;
use std::task::{RawWaker, RawWakerVTable, Waker};
use std::{mem, ptr};

use handover_blocking::shown::undisturbed;

/// What all wakers of one traced task share.
pub(crate) struct TracedWaker {
    wakes: Waker,
    /// The span of the task, as its subscriber calls it. Not the task's id, and never 0.
    span: u64,
}

impl TracedWaker {
    /// Wakers that wake `waker`, and tell of it with the id of the task's span.
    pub(crate) fn new(waker: Waker, span: u64) -> Self {
        Self { wakes: waker, span }
    }

    /// One call for all, and so one callsite: the console has room for sixteen.
    fn tell(&self, op: &'static str) {
        undisturbed(|| tracing::trace!(target: "runtime::waker", op, task.id = self.span));
    }
}

static WAKER: RawWakerVTable = RawWakerVTable::new(clone_waker, wake, wake_by_ref, drop_waker);

/// A waker that takes over one of the Arc's counts (or borrows one, in ManuallyDrop).
pub(crate) fn waker(shared: *const TracedWaker) -> Waker {
    // SAFETY: the vtable's functions treat the pointer as that of an Arc with one count, and are thread-safe as RawWaker asks: a TracedWaker is Sync.
    unsafe { Waker::from_raw(RawWaker::new(shared.cast(), &WAKER)) }
}

/// The task's own waker, if `waker` is one of these. Tells nothing.
pub(crate) fn own_waker(waker: &Waker) -> Option<&Waker> {
    // SAFETY: the vtable says that the pointer is an Arc's, and the waker's count, which outlives this borrow of it, keeps that alive.
    ptr::eq(waker.vtable(), &WAKER).then(|| unsafe { &(*waker.data().cast::<TracedWaker>()).wakes })
}

unsafe fn clone_waker(shared: *const ()) -> RawWaker {
    let shared = shared.cast::<TracedWaker>();
    // SAFETY: the waker's own count keeps it alive.
    unsafe { &*shared }.tell("waker.clone");
    // SAFETY: as above; the new count is the clone's.
    unsafe { Arc::increment_strong_count(shared) };
    RawWaker::new(shared.cast(), &WAKER)
}

unsafe fn wake(shared: *const ()) {
    // SAFETY: the waker's count is used up here.
    let shared = unsafe { Arc::from_raw(shared.cast::<TracedWaker>()) };
    shared.tell("waker.wake");
    shared.wakes.wake_by_ref();
}

unsafe fn wake_by_ref(shared: *const ()) {
    // SAFETY: the waker's count keeps it alive.
    let shared = unsafe { &*shared.cast::<TracedWaker>() };
    shared.tell("waker.wake_by_ref");
    shared.wakes.wake_by_ref();
}

unsafe fn drop_waker(shared: *const ()) {
    // SAFETY: the waker's count is given back here.
    let shared = unsafe { Arc::from_raw(shared.cast::<TracedWaker>()) };
    shared.tell("waker.drop");
    mem::drop(shared);
}
