//! How does one wait for a task, or stop it?

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::task::cell;
use crate::task::error::JoinError;
use crate::task::id::Id;
use crate::task::reference::TaskRef;
use crate::task::state::LeaveJoin;

/// Waits for a task's output. Dropping it detaches the task, which goes on.
///
/// # Cancel safety
/// The output stays with the task until a poll of this handle returns it.
pub struct JoinHandle<T> {
    task: ManuallyDrop<TaskRef>,
    output: PhantomData<T>,
}

// SAFETY: the handle moves a T out of the task, on whichever thread it is: T must be Send, as `spawn` asks. It never shares one.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: `&JoinHandle` gives no access to the T.
unsafe impl<T: Send> Sync for JoinHandle<T> {}

impl<T> Unpin for JoinHandle<T> {}
impl<T> std::panic::UnwindSafe for JoinHandle<T> {}
impl<T> std::panic::RefUnwindSafe for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// Takes over the reference and the JOIN_INTEREST of a new task with output `T`.
    pub(crate) fn new(task: TaskRef) -> Self {
        Self { task: ManuallyDrop::new(task), output: PhantomData }
    }

    /// Asks for the task's future to be dropped: before its next poll, or when the running one ends. A blocking call in it is interrupted if it is
    /// [`cancellable`](crate::task::cancellable), else it ends as it would have.
    /// The handle then resolves to an error for which [`JoinError::is_cancelled`] holds, unless the task was over already.
    pub fn abort(&self) {
        self.task.cancel();
    }

    /// A handle that can only abort.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle { task: TaskRef::clone(&self.task) }
    }

    /// Whether the task is over.
    pub fn is_finished(&self) -> bool {
        self.task.header().state.load().is_complete()
    }

    /// Which task.
    pub fn id(&self) -> Id {
        self.task.header().id
    }

    /// Leaves `waker` for the finisher; false if the task is over.
    fn register(&mut self, waker: &Waker) -> bool {
        let state = &self.task.header().state;
        // SAFETY: the slot is read or written below only as JOIN_WAKER allows.
        let slot = unsafe { cell::join_waker_of(self.task.pointer()) };
        if state.load().has_join_waker() {
            // SAFETY: JOIN_WAKER is set: both sides only read, and only this handle unsets it.
            let same = unsafe { slot.as_ref() }.as_ref().is_some_and(|known| known.will_wake(waker));
            if same {
                return !state.load().is_complete();
            }
            if !state.withdraw_join_waker() {
                return false;
            }
        }
        let new = Some(waker.clone());
        // SAFETY: JOIN_WAKER is unset, so the slot is this handle's.
        let old = std::mem::replace(unsafe { &mut *slot.as_ptr() }, new);
        drop(old);
        state.offer_join_waker()
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.is_finished() && self.register(cx.waker()) {
            return Poll::Pending;
        }
        let mut output = MaybeUninit::<Result<T, JoinError>>::uninit();
        // SAFETY: COMPLETE was seen, by an Acquire; this is the JoinHandle; T is the task's own output type by construction.
        unsafe { cell::take_output_of(self.task.pointer(), output.as_mut_ptr().cast()) };
        // SAFETY: `take_output_of` wrote it (or panicked).
        Poll::Ready(unsafe { output.assume_init() })
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        // SAFETY: this is the last use of the field.
        let task = unsafe { ManuallyDrop::take(&mut self.task) };
        match task.header().state.leave_join() {
            LeaveJoin::Left => task.forget(),
            // SAFETY: COMPLETE, and the output is the JoinHandle's.
            LeaveJoin::DropOutput => unsafe { cell::drop_output_of(task.pointer()) },
            LeaveJoin::DropWaker => {
                // SAFETY: JOIN_WAKER was unset in the same step, before COMPLETE: the slot is this handle's.
                drop(unsafe { cell::join_waker_of(task.pointer()).as_mut() }.take());
            }
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("id", &self.id()).field("state", &self.task.header().state.load()).finish()
    }
}

/// Aborts a task from anywhere; see [`JoinHandle::abort`].
#[derive(Clone)]
pub struct AbortHandle {
    task: TaskRef,
}

impl AbortHandle {
    /// The same as [`JoinHandle::abort`].
    pub fn abort(&self) {
        self.task.cancel();
    }

    /// Whether the task is over.
    pub fn is_finished(&self) -> bool {
        self.task.header().state.load().is_complete()
    }

    /// Which task.
    pub fn id(&self) -> Id {
        self.task.header().id
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("id", &self.id()).finish()
    }
}
