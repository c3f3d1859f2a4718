//! When is the next tick?

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::sleep::Role;
use super::{Sleep, after};

/// From this delay on a tick was missed, if its period is not shorter still: below it a busy machine is the more likely reason, and the rhythm is kept.
const MISSED: Duration = Duration::from_millis(5);

const ROLE: Role = Role { concrete_type: "Interval", operation: "Interval::poll_tick" };

/// Ticks every `period`, at once for the first time.
///
/// # Panics
///
/// If `period` is zero.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// # #[handover::main]
/// # async fn main() {
/// let mut interval = handover::time::interval(Duration::from_millis(2));
/// let first = interval.tick().await;
/// let third = { interval.tick().await; interval.tick().await };
/// assert_eq!(third - first, Duration::from_millis(4));
/// # }
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Ticks every `period`, for the first time at `start`.
///
/// # Panics
///
/// If `period` is zero.
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(!period.is_zero(), "the period of an interval is zero, but there must be time between ticks");
    Interval { sleep: Sleep::of(start, &ROLE), period, missed: MissedTickBehavior::Burst }
}

/// What an [`Interval`] does when a tick was fetched late: by 5 ms, or by its period if that is shorter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// Catches up: the missed ticks come at once, one after the other.
    #[default]
    Burst,
    /// Starts counting anew: the next tick comes one period after the late one.
    Delay,
    /// Leaves the missed ones out: the next tick comes at the next multiple of the period.
    Skip,
}

impl MissedTickBehavior {
    /// The deadline after one that was `due` and is handed out `now`.
    fn next(self, due: Instant, now: Instant, period: Duration) -> Instant {
        let late = now.saturating_duration_since(due);
        if late < MISSED.min(period) {
            return after(due, period);
        }
        match self {
            Self::Burst => after(due, period),
            Self::Delay => after(now, period),
            Self::Skip => after(now, period - remainder(late, period)),
        }
    }
}

/// What is left of `late` after whole periods: less than `period`, so it fits again.
fn remainder(late: Duration, period: Duration) -> Duration {
    let nanos = late.as_nanos() % period.as_nanos();
    Duration::new((nanos / 1_000_000_000) as u64, (nanos % 1_000_000_000) as u32)
}

/// Ticks in a rhythm; see [`interval`].
#[derive(Debug)]
pub struct Interval {
    sleep: Sleep,
    period: Duration,
    missed: MissedTickBehavior,
}

impl Interval {
    /// Waits for the next tick and says when it was due.
    ///
    /// # Panics
    ///
    /// Outside a runtime, if the tick is still to come.
    ///
    /// # Cancel safety
    ///
    /// A tick is taken only by the poll that returns it.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// [`tick`](Self::tick), for those who write futures by hand.
    ///
    /// # Panics
    ///
    /// Outside a runtime, if the tick is still to come.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        let mut sleep = Pin::new(&mut self.sleep);
        ready!(sleep.as_mut().poll(cx));
        let due = sleep.deadline();
        sleep.reset(self.missed.next(due, Instant::now(), self.period));
        Poll::Ready(due)
    }

    /// The next tick comes one period from now.
    pub fn reset(&mut self) {
        let next = after(Instant::now(), self.period);
        Pin::new(&mut self.sleep).reset(next);
    }

    /// The time between ticks.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// What happens to ticks that were missed.
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed
    }

    /// Sets what happens to ticks that were missed.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed = behavior;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_tick_in_time_keeps_the_rhythm() {
        let due = Instant::now();
        for behavior in [MissedTickBehavior::Burst, MissedTickBehavior::Delay, MissedTickBehavior::Skip] {
            assert_eq!(behavior.next(due, due + 4 * MS, 100 * MS), due + 100 * MS);
        }
    }

    #[test]
    fn missed_ticks_are_made_up_put_off_or_left_out() {
        let (due, period) = (Instant::now(), 10 * MS);
        let now = due + 25 * MS;
        assert_eq!(MissedTickBehavior::Burst.next(due, now, period), due + 10 * MS);
        assert_eq!(MissedTickBehavior::Delay.next(due, now, period), due + 35 * MS);
        assert_eq!(MissedTickBehavior::Skip.next(due, now, period), due + 30 * MS);
    }

    #[test]
    fn a_short_period_is_missed_after_one_period() {
        let due = Instant::now();
        assert_eq!(MissedTickBehavior::Skip.next(due, due + 3 * MS, 2 * MS), due + 4 * MS);
    }

    #[test]
    fn a_huge_period_saturates() {
        let due = Instant::now();
        assert!(MissedTickBehavior::Burst.next(due, due, Duration::MAX) > due + 29 * 365 * Duration::from_secs(86_400));
    }
}
