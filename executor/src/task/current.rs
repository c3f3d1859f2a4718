//! Which task does the calling thread run?

use std::cell::Cell;
use std::ptr::{self, NonNull};

use handover_blocking::interrupt;

use crate::task::cell::Header;
use crate::task::id::Id;

thread_local! {
    static RUNNING: Cell<*const Header> = const { Cell::new(ptr::null()) };
}

/// Marks a task as running on the calling thread until it is dropped; nested for a task that is dropped within another.
pub(crate) struct Running {
    before: *const Header,
}

impl Running {
    /// # Safety
    /// The task's memory is there until this is dropped.
    #[inline]
    pub(crate) unsafe fn begin(task: NonNull<Header>) -> Self {
        Self { before: RUNNING.replace(task.as_ptr()) }
    }
}

impl Drop for Running {
    #[inline]
    fn drop(&mut self) {
        RUNNING.set(self.before);
    }
}

/// The id of the task that the calling thread polls, if any.
pub fn try_id() -> Option<Id> {
    let task = RUNNING.get();
    // SAFETY: `Running::begin`: the memory is there. Read through the pointer, for the task may be about to be freed, its future's destructor running.
    (!task.is_null()).then(|| unsafe { (*task).id })
}

/// The id of the task that the calling thread polls.
///
/// # Panics
/// Outside a task.
#[track_caller]
pub fn id() -> Id {
    try_id().expect("`task::id` was called outside a task")
}

/// Whether the running task has been cancelled.
fn is_cancelled() -> bool {
    let task = RUNNING.get();
    // SAFETY: as in `try_id`.
    !task.is_null() && unsafe { (*task).state.load() }.is_cancelled()
}

/// Makes `f`, a call that may block, end early when its task is aborted or its runtime shuts down: the system call that it is in then fails with EINTR
/// ([`ErrorKind::Interrupted`](std::io::ErrorKind::Interrupted)), and so does every further one that would block, until `f` returns
/// (signals are sent ever more seldom, up to a second apart). The destructors of an aborted task count as aborted, too.
///
/// To be passed to [`blocking`](handover_blocking::blocking), [`block_in_place`](handover_blocking::block_in_place) or `spawn_blocking`. `f` decides what comes of EINTR, and what it returns is
/// never thrown away: a task whose future is ready in that poll ends with its output, aborted or not. Of the standard library, `read`, `write`, `recv`, `send` and `File::lock`
/// pass EINTR on; `read_exact`, `write_all`, `std::fs::read`, `accept`, `connect`, `Child::wait`, `thread::sleep` and locks go on after it, so they cannot be ended. A call that waits for a
/// disk cannot be interrupted either, see signal(7).
///
/// A signal is sent for it, without `SA_RESTART`: the highest real-time signal that has no handler when this is first used in the process. It reaches the call's thread alone, and only while `f`
/// runs, so no other call of the program ever sees an EINTR because of it. Signals that the calling thread blocks are taken only if there is no other, since somebody may wait for them. Costs some 220 ns more than the call.
///
/// Outside a task, and on a thread that is no worker, `f` just runs.
///
/// # Panics
/// When `f` panics.
pub fn cancellable<F, T>(f: F) -> impl FnOnce() -> T
where
    F: FnOnce() -> T,
{
    move || match try_id() {
        Some(id) => interrupt::interruptible(id.as_u64(), is_cancelled, f),
        None => f(),
    }
}
