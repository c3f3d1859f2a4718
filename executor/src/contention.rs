//! Do several threads get more done than one, or do they only take turns?
//!
//! Where a server's clients share its CPUs, each thread of ours that comes for some events takes a CPU from a client, which answers the later, or waits with events in its hands for a CPU that
//! another one has. Then one thread answers as many requests as two, in half the time (ARCHITECTURE.md). Beside processes that compute, or with free CPUs, it is the other way round. Which of
//! the two it is cannot be told from outside: so if the kernel preempts our threads, both ways are tried, and what gets more done is kept for a while.

mod trial;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, TryLockError};
use std::time::{Duration, Instant};

pub(crate) use trial::Spread;
use trial::{Seen, Trial};

/// A thread asks the kernel no oftener than this how often it was preempted.
const REPORTS: Duration = Duration::from_millis(1);

/// What the threads of one runtime have found.
#[derive(Debug)]
pub(crate) struct Contention {
    /// With one processor there is nothing to choose.
    has_choice: bool,
    /// Relaxed, as are the others: a thread that sees a change late goes on as before for so long.
    is_one: AtomicBool,
    preemptions: AtomicU64,
    /// When the trial goes on, in nanoseconds since the start.
    due: AtomicU64,
    start: Instant,
    trial: Mutex<Trial>,
}

/// What one thread has reported.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    /// None before its first report, and so `preemptions` says nothing yet.
    next: Option<Instant>,
    preemptions: u64,
}

/// What has been done and used so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Totals {
    /// Polls of all processors.
    pub(crate) polls: u64,
    /// Calls and polls that went on while another thread had their processor.
    pub(crate) handoffs: u64,
    /// Of the process.
    pub(crate) cpu_time: Duration,
}

impl Contention {
    /// For so many processors, of which `parallelism` can be used at once.
    pub(crate) fn new(processors: usize, parallelism: usize) -> Self {
        let start = Instant::now();
        Self {
            has_choice: processors > 1,
            is_one: AtomicBool::new(false),
            preemptions: AtomicU64::new(0),
            due: AtomicU64::new(0),
            start,
            trial: Mutex::new(Trial::new(parallelism, start)),
        }
    }

    /// How tasks of events are to be spread now.
    #[inline]
    pub(crate) fn spread(&self) -> Spread {
        if self.is_one.load(Ordering::Relaxed) { Spread::One } else { Spread::Several }
    }

    /// A thread at work passes by at `now`. From time to time it is asked for its `preemptions` so far, and seldom for the `totals`.
    #[inline]
    pub(crate) fn pass(&self, reports: &mut Reports, now: Instant, preemptions: impl FnOnce() -> u64, totals: impl FnOnce() -> Totals) {
        if self.has_choice && reports.next.is_none_or(|next| now >= next) {
            self.report(reports, now, preemptions(), totals);
        }
    }

    #[cold]
    fn report(&self, reports: &mut Reports, now: Instant, preemptions: u64, totals: impl FnOnce() -> Totals) {
        let before = std::mem::replace(&mut reports.preemptions, preemptions);
        if reports.next.replace(now + REPORTS).is_some() {
            self.preemptions.fetch_add(preemptions.saturating_sub(before), Ordering::Relaxed);
        }
        let nanos = self.nanos(now);
        if nanos < self.due.load(Ordering::Relaxed) {
            return;
        }
        let mut trial = match self.trial.try_lock() {
            Ok(trial) => trial,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Another thread takes the step.
            Err(TryLockError::WouldBlock) => return,
        };
        // Again, for the step may have been taken in between.
        if nanos < self.due.load(Ordering::Relaxed) {
            return;
        }
        let Totals { polls, handoffs, cpu_time } = totals();
        let step = trial.step(Seen { at: now, polls, handoffs, preemptions: self.preemptions.load(Ordering::Relaxed), cpu_time });
        self.is_one.store(step.spread == Spread::One, Ordering::Relaxed);
        self.due.store(self.nanos(now + step.lasts), Ordering::Relaxed);
    }

    fn nanos(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_asked_once_in_a_while_and_only_what_is_new_counts() {
        let contention = Contention::new(2, 2);
        let mut reports = Reports::default();
        let mut now = Instant::now();
        let asked = (0..3000).filter(|n| {
            now += REPORTS / 10;
            let mut asked = false;
            contention.pass(
                &mut reports,
                now,
                || {
                    asked = true;
                    100 + n / 10
                },
                || Totals { polls: 0, handoffs: 0, cpu_time: Duration::ZERO },
            );
            asked
        });
        assert_eq!(asked.count(), 300);
        assert_eq!(contention.preemptions.load(Ordering::Relaxed), 299);
    }

    #[test]
    fn one_thread_it_is_where_two_get_less_done_and_with_one_processor_nobody_is_asked() {
        let spread_after = |processors: usize| {
            let contention = Contention::new(processors, processors);
            let (mut reports, mut now, mut totals) =
                (Reports::default(), Instant::now(), Totals { polls: 0, handoffs: 0, cpu_time: Duration::ZERO });
            for n in 0..1000 {
                now += REPORTS;
                totals.polls += if contention.spread() == Spread::One { 120 } else { 100 };
                totals.cpu_time += REPORTS;
                contention.pass(&mut reports, now, || n, || totals);
            }
            (contention.spread(), contention.preemptions.load(Ordering::Relaxed))
        };
        assert_eq!(spread_after(2).0, Spread::One);
        assert_eq!(spread_after(1), (Spread::Several, 0));
    }
}
