//! What time is it, in a form that fits into a word?

use std::time::{Duration, Instant};

/// A point in time: nanoseconds since the reactor's clock was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// Where the clock starts.
    pub const START: Self = Self(0);
    /// The latest deadline: 73 years. Later ones are taken for this one; bit 62 and up are left to the words that pack a moment.
    pub const FAR: Self = Self(1 << 61);
    /// No deadline at all: later than every other moment.
    pub const NEVER: Self = Self(u64::MAX);

    /// From nanoseconds, as [`nanos`](Self::nanos) gave them.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the clock's start.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Whether it is a deadline at all.
    pub fn is_never(self) -> bool {
        self == Self::NEVER
    }

    /// `wait` later, at most [`FAR`](Self::FAR).
    pub fn after(self, wait: Duration) -> Self {
        let nanos = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos)).min(Self::FAR)
    }

    /// The time from `earlier` to here, zero if that is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Turns instants into moments and back.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock whose [`Moment::START`] is `start`.
    pub fn starting_at(start: Instant) -> Self {
        Self { start }
    }

    /// Now, by the monotonic clock.
    pub fn now(&self) -> Moment {
        self.moment(Instant::now())
    }

    /// `instant` as a moment; [`Moment::START`] if it is earlier, [`Moment::FAR`] if it is later than that.
    pub fn moment(&self, instant: Instant) -> Moment {
        Moment::START.after(instant.saturating_duration_since(self.start))
    }

    /// `moment` as an instant; none for [`Moment::NEVER`].
    pub fn instant(&self, moment: Moment) -> Option<Instant> {
        if moment.is_never() { None } else { self.start.checked_add(moment.since(Moment::START)) }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn far_and_past_instants_saturate() {
        let start = Instant::now() + Duration::from_secs(1);
        let clock = Clock::starting_at(start);
        assert_eq!(clock.moment(start - Duration::from_millis(1)), Moment::START);
        assert_eq!(clock.moment(start + Duration::from_secs(1 << 40)), Moment::FAR);
        assert_eq!(Moment::START.after(Duration::MAX), Moment::FAR);
        assert_eq!(clock.instant(Moment::NEVER), None);
        assert_eq!(clock.moment(start + Duration::from_nanos(7)).nanos(), 7);
    }
}
