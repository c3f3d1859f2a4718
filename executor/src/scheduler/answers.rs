//! What does the executor tell the threads below, and do for them?

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use handover_blocking::{Lease, Scheduler, Worker};

use super::Shared;
use crate::queue::inject::Lane;
use crate::task::cell::{self, Ran};
use crate::task::depot;
use crate::task::reference::Runnable;

impl Scheduler for Shared {
    fn run_worker(self: Arc<Self>, worker: &Worker) {
        self.driver.within(&self, &mut || crate::worker::run(&self, worker));
    }

    fn before_release(&self, lease: &mut Lease) {
        let mut held = self.processors.held(lease);
        held.own().sampler.forget_next_slot();
        if let Some(next) = held.take_next() {
            self.push(&mut held, next);
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
        depot::has_surplus() || self.registry.has_surplus()
    }

    fn trim_memory(&self) -> bool {
        self.registry.trim();
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
            let mut held = self.processors.held(&mut lease);
            let mut tasks = Vec::new();
            tasks.extend(held.take_next());
            while let Some(task) = held.pop() {
                tasks.push(task);
            }
            self.pool.put_idle(lease);
            for task in tasks {
                self.run_cancelled(task);
            }
        }
    }

    fn run_cancelled(&self, task: Runnable) {
        match cell::run(task) {
            Ran::Parted => {}
            Ran::Reschedule(task) => self.submit_injected(task, Lane::Ordinary),
            Ran::Over(over) => drop(self.bury(None, over)),
        }
    }
}
