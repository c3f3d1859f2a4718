//! How is a task pointed to: by its queue entry, by a handle, by a waker?
//!
//! Each of the three owns one count of the state word's references.

use std::any::Any;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

use handover_blocking::interrupt;

use crate::scheduler::Shared;
use crate::task::cell::{Header, free_task};
use crate::task::id::Id;
use crate::task::state::{Cancel, Notify};

/// A counted reference.
pub(crate) struct TaskRef(NonNull<Header>);

// SAFETY: a header is shared between threads by design: its atomic state says who may touch the rest, and futures and outputs are Send.
unsafe impl Send for TaskRef {}
// SAFETY: as above.
unsafe impl Sync for TaskRef {}

impl TaskRef {
    /// Takes over one reference that is counted already.
    ///
    /// # Safety
    /// The caller owns it and gives it away.
    pub(crate) unsafe fn from_counted(task: NonNull<Header>) -> Self {
        Self(task)
    }

    /// Makes one more reference.
    ///
    /// # Safety
    /// The task is kept alive by another reference during this call.
    pub(crate) unsafe fn counted(task: NonNull<Header>) -> Self {
        // SAFETY: the caller's promise.
        unsafe { task.as_ref() }.state.reference();
        Self(task)
    }

    pub(crate) fn header(&self) -> &Header {
        // SAFETY: this reference keeps the cell alive.
        unsafe { self.0.as_ref() }
    }

    pub(crate) fn pointer(&self) -> NonNull<Header> {
        self.0
    }

    /// The reference was given back by other means.
    pub(crate) fn forget(self) {
        mem::forget(self);
    }

    /// Aborts the task: its future is dropped by a worker, soon; a cancellable call that it is in is interrupted.
    pub(crate) fn cancel(&self) {
        match self.header().state.cancel() {
            Cancel::Submit => submit(self.0),
            Cancel::Interrupt => interrupt::interrupt(self.header().id.as_u64()),
            Cancel::Nothing => {}
        }
    }
}

impl Clone for TaskRef {
    fn clone(&self) -> Self {
        self.header().state.reference();
        Self(self.0)
    }
}

impl Drop for TaskRef {
    fn drop(&mut self) {
        if self.header().state.release() {
            // SAFETY: that was the last reference.
            unsafe { free_task(self.0) };
        }
    }
}

/// A task that is in a queue, on its way there or on its way from there: SCHEDULED, with the queue's reference.
#[must_use = "a runnable that is dropped is a task that never runs"]
pub(crate) struct Runnable(TaskRef);

impl Runnable {
    /// # Safety
    /// The task is SCHEDULED (or RUNNING and to be rescheduled), and the caller gives away the reference that goes with it.
    pub(crate) unsafe fn from_raw(task: NonNull<Header>) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { TaskRef::from_counted(task) })
    }

    /// The pointer, with the reference.
    pub(crate) fn into_raw(self) -> NonNull<Header> {
        let pointer = self.pointer();
        self.forget();
        pointer
    }

    pub(crate) fn header(&self) -> &Header {
        self.0.header()
    }

    pub(crate) fn pointer(&self) -> NonNull<Header> {
        self.0.pointer()
    }

    /// As [`TaskRef::forget`].
    pub(crate) fn forget(self) {
        self.0.forget();
    }
}

/// Puts a task into a queue of its runtime.
fn submit(task: NonNull<Header>) {
    // SAFETY: the caller has just made it SCHEDULED, with a reference for the queue.
    let task = unsafe { Runnable::from_raw(task) };
    let shared = task.header().shared();
    // SAFETY: SCHEDULED and in no queue: nobody can complete it before it is pushed, so its runtime is alive now. `Shared::submit_through` keeps
    // it alive past the push.
    unsafe { Shared::submit_through(shared, task) };
}

/// Runs a foreign waker's code; its panic must not become ours.
pub(crate) fn wake_quietly(wake: impl FnOnce()) {
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(wake)) {
        drop_payload(payload);
        tracing::debug!("a waker panicked");
    }
}

/// Drops what somebody panicked with, whose destructor may panic too. What that panics with is leaked, or there would be no end to it.
pub(crate) fn drop_payload(payload: Box<dyn Any + Send>) {
    if let Err(again) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(again);
    }
}

// ---- the waker ---------------------------------------------------------------------------------------------------------

static WAKER: RawWakerVTable = RawWakerVTable::new(clone_waker, wake, wake_by_ref, drop_waker);

/// A waker that takes over one reference (or borrows one, in ManuallyDrop).
pub(crate) fn waker(task: NonNull<Header>) -> Waker {
    // SAFETY: the vtable's functions treat the pointer as a Header with one counted reference, and are thread-safe as RawWaker asks.
    unsafe { Waker::from_raw(RawWaker::new(task.as_ptr().cast(), &WAKER)) }
}

/// Which task `waker` wakes; none if it was not made by [`waker`].
pub(crate) fn task_of(waker: &Waker) -> Option<Id> {
    if !std::ptr::eq(waker.vtable(), &WAKER) {
        return None;
    }
    // SAFETY: the vtable says that `waker` made it, and the waker's reference, which outlives this borrow of it, keeps the task alive.
    Some(unsafe { pointer(waker.data()).as_ref() }.id)
}

/// # Safety
/// `task` is the data pointer of a waker made by [`waker`].
unsafe fn pointer(task: *const ()) -> NonNull<Header> {
    // SAFETY: `waker` stores a NonNull<Header>.
    unsafe { NonNull::new_unchecked(task.cast_mut().cast()) }
}

unsafe fn clone_waker(task: *const ()) -> RawWaker {
    // SAFETY: the waker's own reference keeps the task alive; the new count is the clone's.
    mem::forget(unsafe { TaskRef::counted(pointer(task)) });
    RawWaker::new(task, &WAKER)
}

unsafe fn wake(task: *const ()) {
    // SAFETY: the waker's reference keeps the task alive until it is given back here.
    let task = unsafe { pointer(task) };
    // SAFETY: as above.
    match unsafe { task.as_ref() }.state.notify_and_release() {
        Notify::Submit => submit(task),
        Notify::Nothing => {}
        // SAFETY: that was the last reference.
        Notify::Free => unsafe { free_task(task) },
    }
}

unsafe fn wake_by_ref(task: *const ()) {
    // SAFETY: the waker's reference keeps the task alive.
    let task = unsafe { pointer(task) };
    // SAFETY: as above.
    if unsafe { task.as_ref() }.state.notify() == Notify::Submit {
        submit(task);
    }
}

unsafe fn drop_waker(task: *const ()) {
    // SAFETY: the waker's reference is given back.
    drop(unsafe { TaskRef::from_counted(pointer(task)) });
}
