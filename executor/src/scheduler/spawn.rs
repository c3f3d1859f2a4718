//! How does a future become a task?

use std::future::Future;
use std::panic::Location;
use std::ptr::NonNull;

use handover_blocking::current;
use handover_blocking::recorder::{self, Kind};
use tracing::level_filters::LevelFilter;

use super::{Shared, running};
use crate::task::cell;
use crate::task::id::Id;
use crate::task::join::JoinHandle;
use crate::task::named::Names;
use crate::task::reference::{Runnable, TaskRef};
use crate::task::traced::{self, New, Traced};

/// A new task that came too late: the runtime shuts down.
#[must_use = "the future is still to be dropped"]
pub struct Refused<T> {
    runnable: Runnable,
    registry_reference: TaskRef,
    handle: JoinHandle<T>,
}

impl<T> Refused<T> {
    /// Drops the future, whose destructor may use the runtime; the handle says cancelled.
    pub fn discard(self) -> JoinHandle<T> {
        self.handle.abort();
        cell::discard(self.runnable, self.registry_reference);
        self.handle
    }
}

impl<T> std::fmt::Debug for Refused<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Refused").field(&self.handle).finish()
    }
}

impl Shared {
    /// Makes a task of `future` and queues it. On a runtime that shuts down the future is dropped at once, and the handle says cancelled.
    pub fn spawn<F>(&self, future: F, spawned_at: &'static Location<'static>) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        if self.tells_of_tasks() {
            return self.spawn_as(future, New::task(spawned_at));
        }
        self.try_spawn(future, spawned_at).unwrap_or_else(Refused::discard)
    }

    /// [`spawn`](Self::spawn), for a task that has a name, or is told of if tasks are traced. A subscriber may be called.
    pub fn spawn_as<F>(&self, future: F, new: New<'_>) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        // SAFETY: neither borrows anything.
        unsafe { self.spawn_scoped_as(future, new) }
    }

    /// [`spawn_as`](Self::spawn_as) for a future that borrows.
    ///
    /// # Safety
    /// What the future borrows lives until the task is over, and what its output borrows until the handle has taken it.
    #[allow(unsafe_code, reason = "a scoped task: see `block_on`")]
    pub(crate) unsafe fn spawn_scoped_as<F>(&self, future: F, new: New<'_>) -> JoinHandle<F::Output>
    where
        F: Future + Send,
        F::Output: Send,
    {
        let id = Id::next();
        let name = new.name.map(|name| Names::enter(&self.names, id, name));
        let shown = if self.tells_of_tasks() { traced::show(id, &new, size_of::<F>()) } else { None };
        let spawned = if name.is_none() && shown.is_none() {
            // SAFETY: the caller's promise.
            unsafe { self.try_spawn_scoped(future, id, new.spawned_at) }
        } else {
            // SAFETY: the caller's promise.
            unsafe { self.try_spawn_scoped(Traced::new(future, shown, name), id, new.spawned_at) }
        };
        spawned.unwrap_or_else(Refused::discard)
    }

    /// Whether subscribers are to be told of tasks.
    #[inline]
    pub fn traces_tasks(&self) -> bool {
        self.pool.config().trace_tasks
    }

    /// Whether they are, of those that are made now: there may be one that wants to know. A relaxed load.
    #[inline]
    pub fn tells_of_tasks(&self) -> bool {
        self.traces_tasks() && LevelFilter::current() == LevelFilter::TRACE
    }

    /// [`spawn`](Self::spawn), for a caller that must let go of something before user code runs. It must not be used if subscribers are [told](Self::tells_of_tasks): they are user code.
    ///
    /// # Errors
    /// On a runtime that shuts down: the caller discards what was refused.
    pub fn try_spawn<F>(&self, future: F, spawned_at: &'static Location<'static>) -> Result<JoinHandle<F::Output>, Refused<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        // SAFETY: neither borrows anything.
        unsafe { self.try_spawn_scoped(future, Id::next(), spawned_at) }
    }

    /// [`try_spawn`](Self::try_spawn) for a future that borrows.
    ///
    /// # Safety
    /// What the future borrows lives until the task is over, and what its output borrows until the handle has taken it.
    #[allow(unsafe_code, reason = "a scoped task: see `block_on`")]
    pub(crate) unsafe fn try_spawn_scoped<F>(
        &self,
        future: F,
        id: Id,
        spawned_at: &'static Location<'static>,
    ) -> Result<JoinHandle<F::Output>, Refused<F::Output>>
    where
        F: Future + Send,
        F::Output: Send,
    {
        let me = NonNull::new(self.me.as_ptr().cast_mut()).expect("a runtime's pointer to itself is not null");
        // SAFETY: the caller's promise.
        let task = unsafe { cell::allocate(future, id, me, spawned_at) };
        // SAFETY: a new task has three references: one for the queue, one for the JoinHandle, one for the registry.
        let (runnable, handle) = unsafe { (Runnable::from_raw(task), JoinHandle::new(TaskRef::from_counted(task))) };
        match self.enter(runnable) {
            Ok(()) => Ok(handle),
            // SAFETY: the registry did not take its reference.
            Err(runnable) => Err(Refused { runnable, registry_reference: unsafe { TaskRef::from_counted(task) }, handle }),
        }
    }

    /// Writes a new task down and queues it; gives it back on a runtime that shuts down.
    fn enter(&self, task: Runnable) -> Result<(), Runnable> {
        recorder::wake(&self.pool, Kind::Spawned, running, task.header().id.as_u64());
        current::with_lease(&self.pool, |mut lease| match self.registry.insert(lease.as_deref_mut(), task.pointer()) {
            Ok(()) => {
                self.submit_with(lease, task);
                Ok(())
            }
            Err(_closed) => Err(task),
        })
    }
}
