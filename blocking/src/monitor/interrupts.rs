//! When is a call of an aborted task sent its next signal?
//!
//! A signal that comes while the thread is not in a system call ends none. So it is sent again, soon at first, for the thread may just be entering one, and ever less, for it may be one of those that go on
//! after EINTR, or sit where no signal reaches it.

use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, mem};

use crate::interrupt::OutCall;
use crate::pool::Pool;

/// Between the first two signals; then it doubles.
const SHORTEST_GAP: Duration = Duration::from_micros(50);
/// Signals to a thread that sleeps uninterruptibly queue up, 3,600 an hour at this gap, and the queue is bounded (`RLIMIT_SIGPENDING`, some 10^5).
const LONGEST_GAP: Duration = Duration::from_secs(1);

/// The calls that are being interrupted.
#[derive(Debug, Default)]
pub(super) struct Interrupts(Vec<Interrupt>);

#[derive(Debug)]
struct Interrupt {
    call: Arc<OutCall>,
    due: Instant,
    gap: Duration,
}

impl Interrupt {
    /// Sends, and says whether to go on.
    fn strike(&mut self, now: Instant) -> bool {
        self.due = now + self.gap;
        self.gap = (self.gap * 2).min(LONGEST_GAP);
        match self.call.strike() {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => true,
            Err(error) => {
                tracing::warn!(%error, "a blocking call of an aborted task is not interrupted");
                false
            }
        }
    }
}

impl Interrupts {
    /// Takes what was reported, and sends to those calls whose time it is.
    pub(super) fn send(&mut self, pool: &Pool, now: Instant) {
        let reported = mem::take(&mut *pool.interrupts.lock());
        for call in reported {
            // The aborter may have found the call, and the call the abort.
            if !self.0.iter().any(|known| Arc::ptr_eq(&known.call, &call)) {
                self.0.push(Interrupt { call, due: now, gap: SHORTEST_GAP });
            }
        }
        self.0.retain_mut(|interrupt| interrupt.call.is_out() && (interrupt.due > now || interrupt.strike(now)));
    }

    /// `sleep`, or less if a signal is due before.
    pub(super) fn shortened(&self, sleep: Duration, now: Instant) -> Duration {
        self.until_next(now).map_or(sleep, |due| sleep.min(due))
    }

    /// How long until the next signal.
    pub(super) fn until_next(&self, now: Instant) -> Option<Duration> {
        self.0.iter().map(|interrupt| interrupt.due.saturating_duration_since(now)).min()
    }
}
