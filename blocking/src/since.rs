//! Since when has a thread been where it is, as far as anybody has looked?
//!
//! Nobody reads a clock at the start of a poll or of a short call: that costs more than many a poll takes. But the monitor looks at every processor that is lent, and a long call is timed anyway. What they saw is kept
//! here, to be shown to people: the monitor may have looked late, by as long as it sleeps (10 ms at most while anything runs).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::record::Seq;

/// Nothing noted.
const NEVER: u64 = 0;

/// The notes on one thread. Times are in nanoseconds since the process first took one, plus one. Relaxed, except that a note's time comes before what it is of: who reads a note that is being replaced gets the later time.
#[derive(Debug, Default)]
pub(crate) struct Since {
    /// Since when the thread is in a long call: noted by itself.
    call: AtomicU64,
    /// The stretch of user code that the monitor saw last, and since when. Noted by the monitor alone, as the two below.
    stretch: AtomicU64,
    stretch_at: AtomicU64,
    /// The same for the poll, by its number.
    poll: AtomicU64,
    poll_at: AtomicU64,
}

fn nanos(at: Instant) -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let since_start = at.saturating_duration_since(*START.get_or_init(|| at));
    u64::try_from(since_start.as_nanos()).unwrap_or(u64::MAX).saturating_add(1)
}

impl Since {
    /// The thread goes into a long call. False if it is in one already, which this one is part of.
    pub(crate) fn call_begins(&self, now: Instant) -> bool {
        let outermost = self.call.load(Ordering::Relaxed) == NEVER;
        if outermost {
            self.call.store(nanos(now), Ordering::Relaxed);
        }
        outermost
    }

    /// The outermost long call is over.
    pub(crate) fn call_ends(&self) {
        self.call.store(NEVER, Ordering::Relaxed);
    }

    /// The monitor has found the thread in user code at `seq`, in its poll number `poll`.
    pub(crate) fn seen(&self, seq: Seq, poll: u64, now: Instant) {
        note(&self.stretch, &self.stretch_at, seq.word(), now);
        note(&self.poll, &self.poll_at, poll, now);
    }

    /// For how long it has been in its call, or else in the poll number `poll`; none if nobody has looked since that began.
    pub(crate) fn elapsed(&self, seq: Seq, poll: u64, now: Instant) -> Option<Duration> {
        let call = self.call.load(Ordering::Relaxed);
        let at = if seq.is_declared() && call != NEVER {
            call
        } else if self.stretch.load(Ordering::Acquire) == seq.word() && seq.is_declared() {
            self.stretch_at.load(Ordering::Relaxed)
        } else if self.poll.load(Ordering::Acquire) == poll {
            self.poll_at.load(Ordering::Relaxed)
        } else {
            return None;
        };
        Some(Duration::from_nanos(nanos(now).saturating_sub(at)))
    }
}

fn note(what: &AtomicU64, at: &AtomicU64, value: u64, now: Instant) {
    if what.load(Ordering::Relaxed) != value {
        at.store(nanos(now), Ordering::Relaxed);
        // Release: the time comes first, see the type.
        what.store(value, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;
    use std::panic::Location;

    #[test]
    fn a_poll_and_a_call_in_it_are_timed_from_when_they_were_first_seen() {
        let (record, since, start) = (Record::new(), Since::default(), Instant::now());
        let after = |millis| start + Duration::from_millis(millis);
        record.lend();
        assert_eq!(since.elapsed(record.observe(), 1, after(1)), None, "nobody has looked");
        since.seen(record.observe(), 1, after(2));
        since.seen(record.observe(), 1, after(3));
        assert_eq!(since.elapsed(record.observe(), 1, after(5)), Some(Duration::from_millis(3)));
        let call = record.declare(Location::caller());
        since.seen(record.observe(), 1, after(6));
        assert_eq!(since.elapsed(record.observe(), 1, after(10)), Some(Duration::from_millis(4)), "the call's own time");
        record.settle(call);
        assert_eq!(since.elapsed(record.observe(), 1, after(10)), Some(Duration::from_millis(8)), "the poll's again");
        assert_eq!(since.elapsed(record.observe(), 2, after(10)), None, "another poll");
    }

    #[test]
    fn a_long_call_is_timed_by_its_own_thread_from_the_outermost_on() {
        let (record, since, start) = (Record::new(), Since::default(), Instant::now());
        record.lend();
        let call = record.declare(Location::caller());
        assert!(since.call_begins(start));
        assert!(!since.call_begins(start + Duration::from_millis(5)), "a nested one");
        assert_eq!(since.elapsed(record.observe(), 1, start + Duration::from_millis(7)), Some(Duration::from_millis(7)));
        since.call_ends();
        record.settle(call);
        assert_eq!(since.elapsed(record.observe(), 1, start + Duration::from_millis(8)), None);
    }
}
