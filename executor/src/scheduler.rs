//! What do all threads of one runtime share?
//!
//! The processors' queues, the inject queue, the registry of tasks, the driver. `spawn` makes tasks, `submit` queues them, and `answers` is what the threads below need: [`handover_blocking::Scheduler`].

mod answers;
mod spawn;
mod submit;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::Waker;
use std::time::Duration;

use handover_blocking::histogram::Reading;
use handover_blocking::{Config, Lease, Pool, Scheduler, monitor};

use crate::contention::Contention;
use crate::driver::Driver;
use crate::prefetch;
use crate::processors::{ProcessorCounts, Processors};
use crate::queue::inject::Inject;
use crate::task::cell::{Over, Remains};
use crate::task::current as current_task;
use crate::task::depot;
use crate::task::id::Id;
use crate::task::named::Names;
use crate::task::reference;
use crate::task::registry::Registry;

pub use spawn::Refused;

/// The memory of tasks that are woken together is asked for so many wake-ups before it is needed: a trip to memory takes as long as two or three of them.
const FETCH_AHEAD: usize = 8;

/// One runtime, as its threads, tasks and handles share it.
pub struct Shared {
    /// Itself: what a task's header points to, with the Arc's own counts in reach.
    me: Weak<Shared>,
    pool: Arc<Pool>,
    pub(crate) processors: Processors,
    pub(crate) inject: Inject,
    pub(crate) contention: Contention,
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
            contention: Contention::new(processors, pool.parallelism()),
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

    /// A task is over: it leaves the registry. What it returns is to be dropped on loan.
    #[inline]
    pub(crate) fn bury(&self, lease: Option<&mut Lease>, over: Over) -> Option<Remains> {
        let registered = self.registry.remove(lease, over.pointer());
        over.part(registered)
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
