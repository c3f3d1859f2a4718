//! Where does a runnable task go, and what do the threads below need to know?
//!
//! [`Shared`] is what all threads of one runtime share: the processors' queues, the inject queue, the registry of tasks, the driver. It is the executor's
//! answer to [`handover_blocking::Scheduler`].

use std::future::Future;
use std::io;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use handover_blocking::histogram::Reading;
use handover_blocking::recorder::{self, Kind};
use handover_blocking::{Config, Lease, Pool, Scheduler, Worker, current, monitor};

use crate::driver::Driver;
use crate::prefetch;
use crate::processors::{ProcessorCounts, Processors};
use crate::queue::inject::{Inject, Lane};
use crate::sampler::{Begun, Origin};
use crate::task::cell::{self, Header, Ran};
use crate::task::current as current_task;
use crate::task::depot;
use crate::task::id::Id;
use crate::task::join::JoinHandle;
use crate::task::named::Names;
use crate::task::reference::{self, Runnable, TaskRef};
use crate::task::registry::Registry;
use crate::task::traced::{self, New, Traced};

/// The memory of tasks that are woken together is asked for so many wake-ups before it is needed: a trip to memory takes as long as two or three of them.
const FETCH_AHEAD: usize = 8;

/// One runtime, as its threads, tasks and handles share it.
pub struct Shared {
    /// Itself: what a task's header points to, with the Arc's own counts in reach.
    me: Weak<Shared>,
    pool: Arc<Pool>,
    pub(crate) processors: Processors,
    pub(crate) inject: Inject,
    registry: Registry,
    pub(crate) driver: Box<dyn Driver>,
    poll_attempts: AtomicU64,
    memory: Mutex<Option<depot::InUse>>,
    /// Of the tasks that have one. An Arc, for a task takes its own out, possibly after the rest is gone.
    names: Arc<Names>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("pool", &self.pool).field("tasks", &self.registry.len()).finish_non_exhaustive()
    }
}

/// Numbers of one runtime at one time; each is read for itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Tasks that are not over.
    pub alive_tasks: usize,
    /// Tasks in the inject queue.
    pub injected: usize,
    /// Tasks that were ever spawned.
    pub spawned: u64,
}

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
    /// Starts a runtime: its monitor and its first threads.
    ///
    /// # Errors
    /// When the system refuses the threads.
    pub fn start(config: Config, driver: Box<dyn Driver>) -> io::Result<Arc<Self>> {
        let pool = Pool::new(config);
        let processors = pool.processors();
        let shared = Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            pool: Arc::clone(&pool),
            processors: Processors::new(processors),
            inject: Inject::default(),
            registry: Registry::new(processors),
            driver,
            poll_attempts: AtomicU64::new(0),
            memory: Mutex::new(Some(depot::InUse::new())),
            names: Arc::default(),
        });
        let scheduler: Arc<dyn Scheduler> = Arc::clone(&shared) as _;
        monitor::start(&pool, &scheduler)?;
        Ok(shared)
    }

    /// The threads below.
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Numbers of now.
    pub fn counts(&self) -> Counts {
        Counts { alive_tasks: self.registry.len(), injected: self.inject.len(), spawned: self.registry.ever_inserted() }
    }

    /// Numbers of one processor; none if there is no such processor.
    pub fn counts_of(&self, processor: usize) -> Option<ProcessorCounts> {
        self.processors.counts_of(processor)
    }

    /// How long polls took: at most one a millisecond on each processor is timed.
    pub fn poll_times(&self) -> Reading {
        self.processors.poll_times()
    }

    /// How long tasks waited on a processor from being woken to their poll: at most one a millisecond on each is timed.
    pub fn local_waits(&self) -> Reading {
        self.processors.waits()
    }

    /// How long tasks waited that came through the inject queue, until their poll: at most every 61st is timed.
    pub fn injected_waits(&self) -> Reading {
        self.inject.waits().plus(&self.processors.injected_waits())
    }

    /// What a task is called, if it has a name and is not over.
    pub fn name_of(&self, task: Id) -> Option<Arc<str>> {
        self.names.get(task)
    }

    // ---- spawn ------------------------------------------------------------------------------------------------------

    /// Makes a task of `future` and queues it. On a runtime that shuts down the future is dropped at once, and the handle says cancelled.
    pub fn spawn<F>(&self, future: F, spawned_at: &'static Location<'static>) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        if self.traces_tasks() {
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
        let shown = if self.traces_tasks() { traced::show(id, &new, size_of::<F>()) } else { None };
        let spawned = if name.is_none() && shown.is_none() {
            // SAFETY: the caller's promise.
            unsafe { self.try_spawn_scoped(future, id, new.spawned_at) }
        } else {
            // SAFETY: the caller's promise.
            unsafe { self.try_spawn_scoped(Traced::new(future, shown, name), id, new.spawned_at) }
        };
        spawned.unwrap_or_else(Refused::discard)
    }

    /// Whether subscribers are told of tasks.
    #[inline]
    pub fn traces_tasks(&self) -> bool {
        self.pool.config().trace_tasks
    }

    /// [`spawn`](Self::spawn), for a caller that must let go of something before user code runs. It must not be used if tasks are [traced](Self::traces_tasks): a subscriber is user code.
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
        match self.registry.insert(task) {
            Ok(()) => {
                recorder::wake(&self.pool, Kind::Spawned, running, runnable.header().id.as_u64());
                self.submit(runnable);
                Ok(handle)
            }
            // SAFETY: the registry did not take its reference.
            Err(_closed) => Err(Refused { runnable, registry_reference: unsafe { TaskRef::from_counted(task) }, handle }),
        }
    }

    // ---- submit -----------------------------------------------------------------------------------------------------

    /// Queues a task: next on this thread's processor, or for all if this thread has none.
    #[inline]
    pub(crate) fn submit(&self, task: Runnable) {
        current::with_lease(&self.pool, |lease| match lease {
            Some(lease) => self.submit_next(lease, task),
            None => self.submit_injected(task, Lane::Ordinary),
        });
    }

    #[inline]
    fn submit_next(&self, lease: &mut Lease, task: Runnable) {
        let own = self.processors.own(lease);
        if own.sampler.watches_submits() {
            self.submit_next_timed(lease, task);
            return;
        }
        if own.delivering {
            self.push(lease, task);
            return;
        }
        if let Some(displaced) = self.processors.put_next(lease, task) {
            self.push(lease, displaced);
            self.pool.notify(self, true);
        }
    }

    /// [`submit_next`](Self::submit_next) while a task is wanted whose wait can be timed, or while that of the one in the next slot is.
    #[cold]
    fn submit_next_timed(&self, lease: &mut Lease, task: Runnable) {
        let own = self.processors.own(lease);
        if own.delivering {
            match own.sampler.begin_wait() {
                Some(wait) => self.push_timed(lease, task, wait),
                None => self.push(lease, task),
            }
            return;
        }
        let displaced_wait = own.sampler.displace();
        own.sampler.put_next();
        let Some(displaced) = self.processors.put_next(lease, task) else { return };
        match displaced_wait {
            Some(wait) => self.push_timed(lease, displaced, wait),
            None => self.push(lease, displaced),
        }
        self.pool.notify(self, true);
    }

    #[inline]
    fn push(&self, lease: &mut Lease, task: Runnable) {
        self.processors.push(lease, task, |tasks| self.inject.push_all(tasks));
    }

    /// Appends to the ring a task whose `wait` has begun; it is timed if it gets in.
    fn push_timed(&self, lease: &mut Lease, task: Runnable, wait: Begun) {
        let position = self.processors.ring_tail(lease);
        self.push(lease, task);
        if self.processors.ring_tail(lease) != position {
            self.processors.own(lease).sampler.pushed(position, wait);
        }
    }

    /// Appends to the ring a task from the inject queue, and goes on timing its wait if that is timed and no other one is.
    #[inline]
    pub(crate) fn push_injected(&self, lease: &mut Lease, task: Runnable, since: Option<Instant>) {
        match since {
            Some(since) if !self.processors.own(lease).sampler.is_timing_wait() => {
                self.push_timed(lease, task, Begun { since, origin: Origin::Injected });
            }
            _ => self.push(lease, task),
        }
    }

    /// Queues a task at the end of the holder's ring: it was woken while it ran, others go first.
    #[inline]
    pub(crate) fn submit_last(&self, lease: &mut Lease, task: Runnable) {
        let others_wait = self.processors.ring_len(lease.processor()) > 0;
        match self.processors.own(lease).sampler.begin_wait() {
            Some(wait) => self.push_timed(lease, task, wait),
            None => self.push(lease, task),
        }
        if others_wait {
            self.pool.notify(self, true);
        }
    }

    pub(crate) fn submit_injected(&self, task: Runnable, lane: Lane) {
        self.inject.push(task, lane);
        self.pool.notify(self, false);
    }

    /// [`submit`](Self::submit) for a waker, which does not keep the runtime alive.
    ///
    /// # Safety
    /// The runtime is alive now, and stays so at least until `task` is pushed.
    #[allow(unsafe_code, reason = "a waker holds no Arc of the runtime: see `Header::shared`")]
    pub(crate) unsafe fn submit_through(shared: NonNull<Self>, task: Runnable) {
        // SAFETY: the caller's promise.
        let this = unsafe { shared.as_ref() };
        recorder::wake(&this.pool, Kind::Woke, running, task.header().id.as_u64());
        if current::is_worker_of(&this.pool) {
            // This thread's own Arc keeps the runtime.
            this.submit(task);
            return;
        }
        // After the push the task may end and the runtime with it, while this thread still wakes another: so it holds on to it.
        // SAFETY: `shared` came from the Arc that `start` made, and is alive.
        let held = unsafe {
            Arc::increment_strong_count(shared.as_ptr());
            Arc::from_raw(shared.as_ptr())
        };
        held.submit_injected(task, Lane::Ordinary);
    }

    /// A task is over: out of the registry.
    pub(crate) fn forget(&self, task: NonNull<Header>) {
        drop(self.registry.remove(task));
    }

    // ---- the driver -------------------------------------------------------------------------------------------------

    /// Takes what has happened outside, without waiting, and wakes those who waited for it.
    pub(crate) fn poll_driver_now(&self, wakers: &mut Vec<Waker>) {
        self.count_poll_attempt();
        if !self.driver.is_needed() {
            return;
        }
        if self.driver.poll(Some(Duration::ZERO), &mut || (), wakers) {
            self.pool.pass_summons_on(self);
        }
    }

    pub(crate) fn count_poll_attempt(&self) {
        // A load and a store: a lost count only makes the monitor look once more.
        self.poll_attempts.store(self.poll_attempts.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Calls wakers, one after the other; none is stopped by another's panic.
    pub(crate) fn wake_all(wakers: &mut Vec<Waker>) {
        wakers.iter().take(FETCH_AHEAD).for_each(|waker| prefetch::task(waker.data()));
        let mut wakers = wakers.drain(..);
        while let Some(waker) = wakers.next() {
            if let Some(later) = wakers.as_slice().get(FETCH_AHEAD - 1) {
                prefetch::task(later.data());
            }
            reference::wake_quietly(|| waker.wake());
        }
    }

    // ---- the end ----------------------------------------------------------------------------------------------------

    /// Begins the shutdown: no more tasks, every task is cancelled, every thread comes to see it. Returns at once.
    pub fn close(&self) {
        if self.pool.is_closing() {
            return;
        }
        for task in self.registry.close() {
            task.cancel();
        }
        // After the cancelling, so that a task does not run once more only to see its socket fail.
        self.driver.close();
        self.pool.close(self);
    }
}

/// The task that the calling thread polls, as recordings name it: 0 is none.
fn running() -> u64 {
    current_task::try_id().map_or(0, Id::as_u64)
}

impl Scheduler for Shared {
    fn run_worker(self: Arc<Self>, worker: &Worker) {
        self.driver.within(&self, &mut || crate::worker::run(&self, worker));
    }

    fn before_release(&self, lease: &mut Lease) {
        self.processors.own(lease).sampler.forget_next_slot();
        if let Some(next) = self.processors.take_next(lease) {
            self.push(lease, next);
        }
    }

    fn work_waits(&self) -> bool {
        !self.inject.is_empty() || self.processors.any_ring_has_work()
    }

    fn work_waits_behind(&self, processor: usize) -> bool {
        self.processors.has_work(processor) || !self.inject.is_empty()
    }

    fn hides_work(&self, processor: usize) -> bool {
        self.processors.has_next(processor)
    }

    fn queued(&self) -> usize {
        self.inject.len() + (0..self.processors.count()).map(|processor| self.processors.ring_len(processor)).sum::<usize>()
    }

    fn has_poller(&self) -> bool {
        self.driver.has_poller()
    }

    fn interrupt_poller(&self) {
        self.driver.interrupt();
    }

    fn needs_poller(&self) -> bool {
        self.driver.is_needed()
    }

    fn poll_attempts(&self) -> u64 {
        self.poll_attempts.load(Ordering::Relaxed)
    }

    fn stand_in(&self, limit: Duration) -> bool {
        let mut wakers = Vec::new();
        let polled = self.driver.poll(Some(limit), &mut || (), &mut wakers);
        Self::wake_all(&mut wakers);
        polled
    }

    fn fire_overdue(&self) {
        let mut wakers = Vec::new();
        self.driver.fire_overdue(&mut wakers);
        Self::wake_all(&mut wakers);
    }

    fn has_surplus_memory(&self) -> bool {
        depot::has_surplus()
    }

    fn trim_memory(&self) -> bool {
        depot::trim()
    }

    fn drain(&self) -> bool {
        let me = self.me.upgrade().expect("the monitor, which calls this, keeps the runtime alive");
        // Destructors of futures find the runtime around them, as on a worker thread.
        self.driver.within(&me, &mut || self.cancel_queued());
        if self.registry.len() > 0 {
            return false;
        }
        // The monitor is about to end, and a handle may keep the rest.
        drop(self.memory.lock().unwrap_or_else(PoisonError::into_inner).take());
        true
    }
}

impl Shared {
    /// Cancels what waits in the queues, without a worker thread.
    fn cancel_queued(&self) {
        while let Some(task) = self.inject.pop() {
            self.run_cancelled(task);
        }
        for processor in 0..self.processors.count() {
            let Some(mut lease) = self.pool.take_idle(processor) else { continue };
            let mut tasks = Vec::new();
            tasks.extend(self.processors.take_next(&mut lease));
            while let Some(task) = self.processors.pop(&mut lease) {
                tasks.push(task);
            }
            self.pool.put_idle(lease);
            for task in tasks {
                self.run_cancelled(task);
            }
        }
    }

    fn run_cancelled(&self, task: Runnable) {
        if let Ran::Reschedule(task) = cell::run(task) {
            self.submit_injected(task, Lane::Ordinary);
        }
    }
}
