//! How long does the monitor sleep after a round?
//!
//! Pure: what was seen goes in, a duration comes out. The longer nothing happens, the longer it sleeps; a kick, or a thread that was held up, makes it look more often
//! for a while.

use std::time::Duration;

/// The first sleep after something happened; it doubles while nothing does.
const SHORTEST: Duration = Duration::from_micros(50);
/// The longest sleep that nobody needs to kick it out of; also the longest while it is alert.
pub(super) const BRIEF: Duration = Duration::from_millis(1);
/// The longest sleep while tasks wait, or timers and sockets for which nobody polls. A call that is declared kicks the monitor out of it; one that is not is found this
/// much later at worst.
pub(super) const LONGEST_BESIDE_WORK: Duration = Duration::from_millis(4);
/// The longest sleep that has a limit.
const LONGEST: Duration = Duration::from_millis(10);
/// It is alert for so many rounds after a kick.
const ALERT_AFTER_KICK: u32 = 32;
/// For so many rounds, about a second, after an undeclared call has held its thread up, it is alert even while every processor is idle: where one was, more will be.
const WARY_AFTER_STALL: u32 = 1000;
/// Rounds, each of the longest sleep, that found every processor idle before the monitor sleeps without limit. So a program that wakes up every
/// millisecond does not pay for a kick each time.
const BEFORE_DEEP: u32 = 3;
/// The same where sleeps without limit end soon: twice as many after each, up to a second of them. A kick costs the thread that has something to do, a round the monitor alone.
const LONGEST_BEFORE_DEEP: u32 = 100;
/// A sleep without limit that ended before this was not worth its kick.
const WORTH_A_KICK: Duration = Duration::from_millis(100);

/// What a round saw.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Something was retaken, or a thread started.
    pub(super) eventful: bool,
    /// No thread holds a processor.
    pub(super) all_idle: bool,
    /// Tasks wait in queues that others may take from, or timers and sockets for a thread to poll.
    pub(super) work_waits: bool,
}

/// The state of its rhythm.
#[derive(Debug)]
pub(super) struct Rhythm {
    sleep: Duration,
    idle_rounds: u32,
    before_deep: u32,
    alert: u32,
    wary: u32,
}

impl Rhythm {
    pub(super) fn new() -> Self {
        Self { sleep: SHORTEST, idle_rounds: 0, before_deep: BEFORE_DEEP, alert: 0, wary: 0 }
    }

    /// How long to sleep after a round that saw `seen`.
    pub(super) fn after(&mut self, seen: Seen) -> Duration {
        self.alert = self.alert.saturating_sub(1);
        self.wary = self.wary.saturating_sub(1);
        self.idle_rounds = if seen.all_idle { self.idle_rounds + 1 } else { 0 };
        self.sleep = match () {
            () if seen.eventful => SHORTEST,
            () if self.is_wary() => (self.sleep * 2).min(BRIEF),
            () if seen.all_idle => LONGEST,
            () if self.alert > 0 => (self.sleep * 2).min(BRIEF),
            () if seen.work_waits => (self.sleep * 2).min(LONGEST_BESIDE_WORK),
            () => (self.sleep * 2).min(LONGEST),
        };
        self.sleep
    }

    /// After a kick the second look comes soon.
    pub(super) fn kicked(&mut self) {
        self.sleep = SHORTEST / 2;
        self.alert = ALERT_AFTER_KICK;
        self.idle_rounds = 0;
    }

    /// A kick has ended a sleep without limit after so long.
    pub(super) fn slept_deeply(&mut self, slept: Duration) {
        self.before_deep = if slept < WORTH_A_KICK { (self.before_deep * 2).min(LONGEST_BEFORE_DEEP) } else { BEFORE_DEEP };
    }

    /// An undeclared call has held its thread up.
    pub(super) fn stalled(&mut self) {
        self.wary = WARY_AFTER_STALL;
    }

    /// A sleep without limit has ended because a processor was held for long.
    pub(super) fn roused(&mut self) {
        self.sleep = SHORTEST;
    }

    /// Whether a thread was held up lately.
    pub(super) fn is_wary(&self) -> bool {
        self.wary > 0
    }

    /// Whether everything has been idle for long enough to sleep without limit.
    pub(super) fn is_ready_for_deep_sleep(&self) -> bool {
        self.idle_rounds >= self.before_deep && !self.is_wary()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Seen = Seen { eventful: false, all_idle: false, work_waits: false };
    const IDLE: Seen = Seen { all_idle: true, ..QUIET };
    const BUSY: Seen = Seen { work_waits: true, ..QUIET };

    fn settled(rhythm: &mut Rhythm, seen: Seen) -> Duration {
        (0..100).map(|_| rhythm.after(seen)).last().expect("a hundred rounds")
    }

    #[test]
    fn sleeps_double_up_to_their_limit() {
        let mut rhythm = Rhythm::new();
        assert_eq!(rhythm.after(QUIET), 2 * SHORTEST);
        assert_eq!(rhythm.after(QUIET), 4 * SHORTEST);
        assert_eq!(settled(&mut rhythm, QUIET), LONGEST);
        assert_eq!(settled(&mut rhythm, BUSY), LONGEST_BESIDE_WORK);
        assert_eq!(rhythm.after(Seen { eventful: true, ..BUSY }), SHORTEST);
    }

    #[test]
    fn a_kick_keeps_it_brief_for_a_while_and_not_for_ever() {
        let mut rhythm = Rhythm::new();
        settled(&mut rhythm, BUSY);
        rhythm.kicked();
        assert_eq!(rhythm.after(BUSY), SHORTEST);
        for _ in 2..ALERT_AFTER_KICK {
            assert!(rhythm.after(BUSY) <= BRIEF);
        }
        assert_eq!(settled(&mut rhythm, BUSY), LONGEST_BESIDE_WORK);
    }

    #[test]
    fn three_idle_rounds_lead_to_deep_sleep() {
        let mut rhythm = Rhythm::new();
        for _ in 0..BEFORE_DEEP {
            assert!(!rhythm.is_ready_for_deep_sleep());
            assert_eq!(rhythm.after(IDLE), LONGEST);
        }
        assert!(rhythm.is_ready_for_deep_sleep());
        rhythm.after(QUIET);
        assert!(!rhythm.is_ready_for_deep_sleep(), "a processor was held");
    }

    #[test]
    fn deep_sleeps_that_end_soon_become_rarer() {
        let mut rhythm = Rhythm::new();
        let rounds = |rhythm: &mut Rhythm| {
            rhythm.kicked();
            (1..).find(|_| {
                rhythm.after(IDLE);
                rhythm.is_ready_for_deep_sleep()
            })
        };
        assert_eq!(rounds(&mut rhythm), Some(BEFORE_DEEP));
        rhythm.slept_deeply(WORTH_A_KICK / 2);
        assert_eq!(rounds(&mut rhythm), Some(2 * BEFORE_DEEP));
        (0..10).for_each(|_| rhythm.slept_deeply(WORTH_A_KICK / 2));
        assert_eq!(rounds(&mut rhythm), Some(LONGEST_BEFORE_DEEP));
        rhythm.slept_deeply(WORTH_A_KICK);
        assert_eq!(rounds(&mut rhythm), Some(BEFORE_DEEP));
    }

    #[test]
    fn a_stall_keeps_it_brief_even_while_all_is_idle() {
        let mut rhythm = Rhythm::new();
        rhythm.stalled();
        for _ in 1..WARY_AFTER_STALL {
            assert!(rhythm.after(IDLE) <= BRIEF);
            assert!(!rhythm.is_ready_for_deep_sleep());
        }
        assert_eq!(rhythm.after(IDLE), LONGEST);
        assert!(rhythm.is_ready_for_deep_sleep());
    }
}
