//! What time is it, roughly, for who cannot afford to ask the clock?
//!
//! A task is stamped whenever it begins to wait, so that a dump can say for how long it has. To read the clock there would double what a poll costs; this is two loads of a line that hardly ever changes: a time in ticks of 67 ms, and
//! how many *keepers* bring it forward. Those are the monitors that are awake: each of their rounds does, 10 ms apart at most.
//!
//! A monitor that goes to sleep without limit is a keeper no more. While there is none, the clock is [read] after all: then nothing runs, or something has for 2 ms at most (`bell`), or runs without a processor. So the time is never
//! older than the last round of a monitor that was awake, however long everything slept.
//!
//! A monitor that is held up, by a subscriber or by a machine that is too busy, keeps an old time for as long.
//!
//! A process has one such clock, or a task would have to be asked for its runtime's.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Each tick has so many nanoseconds.
const TICK_NANOS: u64 = 1 << 26;

/// A line of its own: what its neighbours are written for must not make these loads a miss.
#[repr(align(128))]
struct Clock {
    /// Of ticks, with more bits than a [`Tick`] has: it goes forward for nine years.
    number: AtomicU32,
    keepers: AtomicU32,
}

static CLOCK: Clock = Clock { number: AtomicU32::new(0), keepers: AtomicU32::new(0) };

/// A moment in ticks. Only the low [`BITS`](Self::BITS) are kept, so after 208 days they begin anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick(u32);

impl Tick {
    /// So many bits are enough to keep one.
    pub const BITS: u32 = 28;
    /// The largest.
    const MASK: u32 = (1 << Self::BITS) - 1;

    /// From its number, of which the low bits count.
    #[inline]
    pub fn new(number: u32) -> Self {
        Self(number & Self::MASK)
    }

    /// Its number.
    #[inline]
    pub fn number(self) -> u32 {
        self.0
    }

    /// For how long it has been until `now`: never less than in truth if `now` was read later than the tick, and up to a tick more.
    pub fn elapsed(self, now: Instant) -> Duration {
        let nanos = nanos(now);
        let ticks = Self::new(number(nanos).wrapping_sub(self.0));
        Duration::from_nanos(u64::from(ticks.0) * TICK_NANOS + nanos % TICK_NANOS)
    }
}

fn nanos(at: Instant) -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let since_start = at.saturating_duration_since(*START.get_or_init(|| at));
    u64::try_from(since_start.as_nanos()).unwrap_or(u64::MAX)
}

fn number(nanos: u64) -> u32 {
    (nanos / TICK_NANOS) as u32
}

/// The time now, if somebody keeps it; else [`read`] has it.
#[inline]
pub fn kept() -> Option<Tick> {
    // Acquire: who sees a keeper sees the time that it began with; pairs with the Release in `Keeper::new`. Without it the time could be that of the last keeper, from before a long sleep.
    (CLOCK.keepers.load(Ordering::Acquire) > 0).then(|| Tick::new(CLOCK.number.load(Ordering::Relaxed)))
}

/// The time now, by the clock.
pub fn read() -> Tick {
    Tick::new(number(nanos(Instant::now())))
}

/// Somebody keeps the time as long as this lives, and [brings it forward](Self::advance).
#[derive(Debug)]
pub struct Keeper(());

impl Keeper {
    /// From `now` on.
    pub fn new(now: Instant) -> Self {
        let keeper = Self(());
        keeper.advance(now);
        // Release: see `kept`.
        CLOCK.keepers.fetch_add(1, Ordering::Release);
        keeper
    }

    /// It is `now`, or later.
    pub fn advance(&self, now: Instant) {
        let number = number(nanos(now));
        // Looked at first: there are many rounds to a tick. Relaxed: nothing is read by it.
        if CLOCK.number.load(Ordering::Relaxed) < number {
            // Of two keepers the later time stays.
            CLOCK.number.fetch_max(number, Ordering::Relaxed);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        CLOCK.keepers.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_nanos(TICK_NANOS);

    fn at(moment: Instant) -> Tick {
        Tick::new(number(nanos(moment)))
    }

    // The clock is the process's, and the tests' threads share it: so nothing here expects that nobody else keeps the time.

    #[test]
    fn a_time_that_nobody_keeps_is_read() {
        let before = Instant::now();
        assert!(read().elapsed(Instant::now()) <= TICK + before.elapsed());
    }

    #[test]
    fn a_time_that_is_kept_is_as_old_as_its_keeper_says() {
        let start = Instant::now();
        let keeper = Keeper::new(start);
        let stamped = kept().expect("somebody keeps it");
        assert!(stamped.elapsed(start) <= TICK, "it is brought forward when somebody begins to keep it");
        let later = Instant::now() + 3 * TICK;
        keeper.advance(later);
        assert_eq!(kept(), Some(at(later)));
        keeper.advance(start);
        assert_eq!(kept(), Some(at(later)), "it never goes back");
        assert!((2 * TICK..=4 * TICK).contains(&stamped.elapsed(later)), "{:?}", stamped.elapsed(later));
    }

    #[test]
    fn a_wait_is_never_shown_too_short_and_at_most_a_tick_too_long() {
        let start = Instant::now();
        nanos(start);
        for (stamped, waited) in [(0, 0), (1, 1), (TICK_NANOS - 1, 1), (TICK_NANOS / 2, 10 * TICK_NANOS), (7, 1 << 53)] {
            let moment = start + Duration::from_nanos(stamped);
            let shown = at(moment).elapsed(moment + Duration::from_nanos(waited));
            let truth = Duration::from_nanos(waited);
            assert!((truth..=truth + TICK).contains(&shown), "{waited} ns are shown as {shown:?}");
        }
    }

    #[test]
    fn after_208_days_ticks_begin_anew() {
        let start = Instant::now();
        nanos(start);
        let range = TICK * (1 << Tick::BITS);
        assert_eq!(range.as_secs() / 86_400, 208);
        let stamped = at(start + range - TICK);
        let shown = stamped.elapsed(start + range + 2 * TICK);
        assert!((3 * TICK..=4 * TICK).contains(&shown), "the ticks between are counted across it: {shown:?}");
    }
}
