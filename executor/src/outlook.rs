//! How often does a holder with tasks of its own look at what waits elsewhere?
//!
//! Pure: polls and times go in, "look now" comes out. Looking costs a system call, so quick polls look seldom; but what waits in the inject queue or in epoll
//! waits for so many *polls*, and with polls of 100 us each sixty-first would be every 6 ms. So the interval follows the time that polls take.

use std::time::{Duration, Instant};

/// The interval that is aimed at.
const TARGET: Duration = Duration::from_micros(500);
/// At most so many polls. A prime, so that it does not beat with a program's own rhythm; Go and tokio have 61 too.
const LONGEST: u32 = 61;
/// At least so many, or the processor's own tasks would starve.
const SHORTEST: u32 = 2;
/// Fewer polls before a pause say nothing: the first one after it finds cold caches.
const WORTH_MEASURING: u32 = 8;

/// The counting of polls from one look to the next.
#[derive(Debug)]
pub(crate) struct Outlook {
    /// Polls up to the next look; during a pause 1, for the clock is read before the first one after it.
    left: u32,
    interval: u32,
    /// The last look; none during a pause.
    since: Option<Instant>,
}

impl Default for Outlook {
    fn default() -> Self {
        Self { left: 1, interval: LONGEST, since: None }
    }
}

impl Outlook {
    /// The processor becomes idle, which is no poll: the time since the last look counts for the polls that there were. True if they were enough to say something.
    #[cold]
    pub(crate) fn pause(&mut self, now: Instant) -> bool {
        let polls = if self.since.is_none() { 0 } else { self.interval - self.left };
        let is_worth_measuring = polls >= WORTH_MEASURING;
        if is_worth_measuring {
            self.measure(polls, now);
        }
        (self.since, self.left) = (None, 1);
        is_worth_measuring
    }

    /// Counts a poll; the time, if it is time to look. Whenever it has read the clock, it shows it.
    #[inline]
    pub(crate) fn is_due(&mut self, show_clock: impl FnOnce(Instant)) -> Option<Instant> {
        self.left -= 1;
        if self.left > 0 {
            return None;
        }
        let now = Instant::now();
        show_clock(now);
        self.turn(now)
    }

    /// It is time to look, or a pause is over, and this is the first poll after it.
    #[cold]
    fn turn(&mut self, now: Instant) -> Option<Instant> {
        if self.since.is_none() {
            self.begin(now);
            self.left -= 1;
            return None;
        }
        self.look(now);
        Some(now)
    }

    /// The first poll after a look or a pause.
    fn begin(&mut self, now: Instant) {
        self.since = Some(now);
        self.left = self.interval;
    }

    fn look(&mut self, now: Instant) {
        self.measure(self.interval, now);
        self.begin(now);
    }

    /// Sets the interval by how long `polls` took: at once shorter, but at most twice as long, for one look back may have missed the long polls.
    fn measure(&mut self, polls: u32, now: Instant) {
        let Some(since) = self.since else { return };
        let nanos = (now - since).as_nanos().max(1);
        let fitting = TARGET.as_nanos() * u128::from(polls) / nanos;
        self.interval = u32::try_from(fitting).unwrap_or(LONGEST).min(self.interval * 2).clamp(SHORTEST, LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Duration = Duration::from_micros(1);

    /// The intervals of a processor whose polls take `poll`, after `looks` looks.
    fn interval_after(outlook: &mut Outlook, poll: Duration, looks: u32) -> u32 {
        let mut now = outlook.since.unwrap_or_else(Instant::now);
        for _ in 0..looks {
            outlook.since.get_or_insert(now);
            now += poll * outlook.interval;
            outlook.look(now);
        }
        outlook.interval
    }

    #[test]
    fn quick_polls_look_seldom_and_long_ones_often() {
        assert_eq!(interval_after(&mut Outlook::default(), US / 10, 10), LONGEST);
        assert_eq!(interval_after(&mut Outlook::default(), TARGET / 20, 10), 20);
        assert_eq!(interval_after(&mut Outlook::default(), TARGET, 10), SHORTEST);
        assert_eq!(interval_after(&mut Outlook::default(), 10_000 * US, 10), SHORTEST);
    }

    #[test]
    fn it_is_shortened_at_once_and_prolonged_step_by_step() {
        let mut outlook = Outlook::default();
        assert_eq!(interval_after(&mut outlook, US, 2), LONGEST);
        assert_eq!(interval_after(&mut outlook, TARGET, 1), SHORTEST);
        assert_eq!(interval_after(&mut outlook, US, 1), 2 * SHORTEST);
        assert_eq!(interval_after(&mut outlook, US, 5), LONGEST);
    }

    #[test]
    fn idle_time_is_no_poll() {
        let mut outlook = Outlook::default();
        assert_eq!(interval_after(&mut outlook, US, 2), LONGEST);
        let last_look = outlook.since.expect("it has looked");
        assert!(!outlook.pause(last_look), "it has looked just now");
        outlook.begin(last_look + TARGET * 1000);
        assert_eq!(interval_after(&mut outlook, US, 1), LONGEST);
    }

    #[test]
    fn polls_between_pauses_are_measured_too() {
        let mut outlook = Outlook::default();
        let start = Instant::now();
        outlook.begin(start);
        outlook.left -= 50;
        assert!(outlook.pause(start + TARGET * 50));
        assert_eq!(outlook.interval, SHORTEST, "its polls take a millisecond, and it is idle before it ever looks");
        outlook.begin(start + TARGET * 100);
        assert_eq!(outlook.left, SHORTEST);
    }

    #[test]
    fn it_is_due_after_so_many_polls() {
        let mut outlook = Outlook::default();
        let polls = (1..).find(|_| outlook.is_due(|_| ()).is_some());
        assert_eq!(polls, Some(LONGEST));
    }
}
