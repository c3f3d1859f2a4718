//! What does this crate ask of the room above it?
//!
//! The one upward trait: the executor implements it, the monitor and the worker threads call it.

use std::sync::Arc;
use std::time::Duration;

use crate::lease::Lease;
use crate::worker::Worker;

/// The executor, as seen from the threads that carry it.
pub trait Scheduler: Send + Sync + 'static {
    /// The body of a worker thread; returns when the thread shall end.
    fn run_worker(self: Arc<Self>, worker: &Worker);

    /// Called by the holder before it gives the processor away: makes what only the holder could run reachable for others (the next slot goes into the
    /// ring).
    fn before_release(&self, lease: &mut Lease);

    /// Whether a task waits in any queue that a woken thread could serve. The caller has fenced.
    fn work_waits(&self) -> bool;

    /// Whether a task waits behind what runs on `processor`: in its ring, its next slot, or in the inject queue. A hint.
    fn work_waits_behind(&self, processor: usize) -> bool;

    /// Whether a task waits that only the holder of `processor` can reach, so that an idle processor is of no use to it (the next slot). A hint.
    fn hides_work(&self, processor: usize) -> bool;

    /// How many tasks wait in queues. A hint.
    fn queued(&self) -> usize;

    /// Whether some thread holds the poller's role.
    fn has_poller(&self) -> bool;

    /// Makes a waiting poller return.
    fn interrupt_poller(&self);

    /// Whether timers or sources are pending, so that somebody should poll.
    fn needs_poller(&self) -> bool;

    /// How often a worker thread polled or tried to; the monitor stands in only while this does not move.
    fn poll_attempts(&self) -> u64;

    /// The monitor polls in a worker's stead, up to `limit`. Returns false if another thread has the role.
    fn stand_in(&self, limit: Duration) -> bool;

    /// Fires the timers of all processors that are overdue.
    fn fire_overdue(&self);

    /// Whether [`trim_memory`](Self::trim_memory) will have something to do.
    fn has_surplus_memory(&self) -> bool;

    /// Gives back memory that was not needed lately; true if there is more, for which it is called again soon.
    fn trim_memory(&self) -> bool;

    /// Called again and again by the monitor while the runtime closes, until it returns true: cancels what it can get at.
    fn drain(&self) -> bool;
}
