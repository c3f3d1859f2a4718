//! Are there threads for the work that waits, and not more than anybody needs?

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::pool::Pool;
use crate::scheduler::Scheduler;
use crate::threads;

/// Between attempts to start a thread that the system refuses; doubles up to `LONGEST_BACKOFF`.
const SHORTEST_BACKOFF: Duration = Duration::from_millis(5);
const LONGEST_BACKOFF: Duration = Duration::from_millis(500);
/// With every allowed thread out and tasks or calls waiting, one more is made or let in after this long: the calls may be waiting for each other.
const BREAKER: Duration = Duration::from_secs(1);

/// The making of threads, and what keeps it.
#[derive(Debug)]
pub(super) struct Supply {
    starved_since: Option<Instant>,
    backoff: Duration,
    no_threads_before: Option<Instant>,
    returns: u64,
    /// When a call was last seen to have returned, or none to wait.
    moved: Instant,
}

impl Supply {
    pub(super) fn new(now: Instant) -> Self {
        Self { starved_since: None, backoff: SHORTEST_BACKOFF, no_threads_before: None, returns: 0, moved: now }
    }

    /// Lets one call in beyond the limit when others wait and none has returned for long.
    pub(super) fn break_deadlock(&mut self, pool: &Pool, now: Instant) {
        let admission = &pool.admission;
        let returns = admission.returned();
        if std::mem::replace(&mut self.returns, returns) != returns || admission.waiting() == 0 {
            self.moved = now;
        } else if now - self.moved >= BREAKER && admission.let_one_in(|| pool.counters().breaks.raise()) {
            self.moved = now;
            tracing::warn!(
                out = admission.out(),
                waiting = admission.waiting(),
                "no blocking call has returned for {BREAKER:?} while others wait for max_blocking_threads; one more is let in"
            );
        }
    }

    /// A task waits for a thread.
    pub(super) fn is_short(&self) -> bool {
        self.starved_since.is_some()
    }

    /// Starts the threads that are missing, or ends those that have been of no use; true if it tried to start one.
    pub(super) fn provide(&mut self, pool: &Arc<Pool>, scheduler: &Arc<dyn Scheduler>, now: Instant) -> bool {
        if pool.take_starved() {
            self.starved_since.get_or_insert(now);
        }
        let ready = pool.spares.len() + pool.roster.starting();
        if self.starved_since.is_some() && ready > 0 {
            self.starved_since = None;
            pool.wake_for_waiting(&**scheduler);
        }
        let missing = pool.config.reserve().saturating_sub(ready);
        if missing == 0 || self.no_threads_before.is_some_and(|before| now < before) {
            trim(pool);
            return false;
        }
        let missing = self.permitted(missing, pool, now);
        for _ in 0..missing {
            if !self.start_thread(pool, scheduler, now) {
                break;
            }
        }
        missing > 0
    }

    /// How many of `missing` threads the settings allow.
    fn permitted(&self, missing: usize, pool: &Pool, now: Instant) -> usize {
        let room = pool.thread_limit().saturating_sub(pool.roster.alive());
        if room == 0 && self.starved_since.is_some_and(|since| now - since >= BREAKER) {
            tracing::warn!(
                threads = pool.roster.alive(),
                "every thread that max_blocking_threads allows is out in a call; one more is started"
            );
            return 1;
        }
        missing.min(room)
    }

    fn start_thread(&mut self, pool: &Arc<Pool>, scheduler: &Arc<dyn Scheduler>, now: Instant) -> bool {
        match threads::start(pool, scheduler) {
            Ok(()) => {
                // It looks for work by itself before it parks.
                self.starved_since = None;
                self.backoff = SHORTEST_BACKOFF;
                self.no_threads_before = None;
                true
            }
            Err(error) => {
                if self.backoff == SHORTEST_BACKOFF {
                    tracing::warn!(%error, threads = pool.roster.alive(), "the system refuses a thread; trying again");
                }
                self.no_threads_before = Some(now + self.backoff);
                self.backoff = (self.backoff * 2).min(LONGEST_BACKOFF);
                false
            }
        }
    }
}

fn trim(pool: &Pool) {
    let config = &pool.config;
    while let Some(spare) = pool.spares.pop_expired(config.keep(), config.thread_keep_alive) {
        spare.dismiss();
    }
}
