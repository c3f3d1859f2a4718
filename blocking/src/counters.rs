//! What has happened so far? Counts of the slow paths, readable at any time.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::histogram::Histogram;
use crate::verdict::Reason;

/// A count that any thread may raise. Relaxed throughout: it orders nothing.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn raise(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// `n` more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// One more, where only one thread writes: a load and a store instead of a locked addition.
    #[inline]
    pub fn raise_alone(&self) {
        self.0.store(self.0.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// The count.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counts of one pool.
#[derive(Debug, Default)]
pub struct Counters {
    /// Processors that the monitor took from a lent thread.
    pub retakes: Counter,
    /// The same by reason, in the order of [`Reason::ALL`].
    retakes_for: [Counter; Reason::ALL.len()],
    /// Calls and polls that went on while another thread could use their processor: retakes and releases ahead of a long call.
    pub handoffs: Counter,
    /// Calls that gave their processor away before they started, because their site is long.
    pub releases: Counter,
    /// Undeclared blocking polls over `handoff_after`.
    pub stalls: Counter,
    /// Worker threads started.
    pub threads_started: Counter,
    /// Worker threads that ended.
    pub threads_ended: Counter,
    /// Thread starts that the system refused.
    pub thread_failures: Counter,
    /// Polls that ended without a processor.
    pub runs_without_processor: Counter,
    /// Times that a thread parked, as a spare or as the poller.
    pub parks: Counter,
    /// Calls that waited for others to return before they started: `max_blocking_threads` were out.
    pub admission_waits: Counter,
    /// Nanoseconds that those waited which did start.
    pub admission_wait_nanos: Counter,
    /// Calls that were let in beyond that limit, because none returned.
    pub breaks: Counter,
    /// Times that the monitor was kicked out of a doze.
    pub kicks: Counter,
    /// How long declared calls took that were handed off.
    pub handed_off: Histogram,
    /// How long polls and undeclared calls were out whose processor was taken.
    pub overtaken: Histogram,
    /// How long processors that were given up for waiting tasks had no holder.
    pub handoff_delays: Histogram,
    /// Declared calls of worker threads that have ended, which returned before anybody took their processor.
    pub(crate) fast_calls_of_ended: Counter,
}

impl Counters {
    pub(crate) fn count_retake(&self, reason: Reason) {
        self.retakes.raise();
        self.retakes_for[reason as usize].raise();
    }

    /// Hand-offs by reason: why the monitor took a processor, or `given_away` ahead of a long call.
    pub fn handoffs_by_reason(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let retaken = Reason::ALL.iter().zip(&self.retakes_for).map(|(reason, count)| (reason.name(), count.get()));
        retaken.chain([("given_away", self.releases.get())])
    }
}
