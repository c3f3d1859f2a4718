//! How much may be written one by one, so that writing takes at most a few hundredths of the time?
//!
//! A thread earns credit as time passes and spends it on events. While there is enough, every poll, call and wake-up ("a unit") is recorded by itself. When it runs out, units come so quickly that a
//! reading of the clock for each would change what is measured: then a batch of them is merged into one event, and the next unit is recorded again.
//!
//! ```text
//!                 credit is short: a batch of 4                 it was quick: one unit, then twice as many
//!   ONE BY ONE -------------------------------------> MERGING ------------------------------------------+
//!       ^                                              |   ^                                            |
//!       +------ the batch or the unit was slow --------+   +--------------------------------------------+
//! ```
//!
//! Pure: times are given, in ticks of any clock.

/// What an event costs in credit. It takes some 9 ns, so a thread that always has credit spends at most 3 % of its time on events.
pub(super) const PRICE_NANOS: u64 = 300;
/// Events that a thread may write at once, after a pause: 64 wake-ups out of epoll, and the polls that follow, are recorded one by one.
const BURST: u64 = 256;
/// What a unit costs: begin, end, a wake-up in it, and the batch before it.
const UNIT: u64 = 4;
/// A batch is to last so many prices, 8 us: half a percent for the events of one unit. It must be less than the 20 us after which the monitor takes a processor at the earliest: what begins late in a batch
/// begins before that.
const STRETCH: u64 = 26;
/// Units in a batch at most.
pub(super) const MOST: u32 = 256;
/// Events that a slow batch earns, for some units after it. As many as a pause earns would be dear if what was slow is nothing that is recorded: a loop that computes for a while between bursts of quick calls.
const AFTER_SLOW: u64 = 12;
/// Units in the first batch.
const FIRST: u32 = 4;
/// A batch is slow if it takes so many times what it was expected to take.
const SLOW: u64 = 4;

/// One thread's pace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    price: u64,
    credit: u64,
    /// When the credit was added up.
    reckoned: u64,
    /// When the last unit or batch ended.
    ended: u64,
    /// How long a unit takes, with what lies between it and the next.
    usual: u64,
    /// Units in the last batch; 0 while all are recorded.
    size: u32,
}

impl Pace {
    /// For a clock that has `price` ticks in [`PRICE_NANOS`].
    pub(super) fn new(price: u64, now: u64) -> Self {
        Self { price, credit: BURST * price, reckoned: now, ended: now, usual: 0, size: 0 }
    }

    /// `passed` has passed, for which the thread gets what `events` cost at most.
    fn earn(&mut self, passed: u64, events: u64, now: u64) {
        self.credit = self.credit.saturating_add(passed).min(events * self.price).max(self.credit);
        self.reckoned = self.reckoned.max(now);
    }

    fn reckon(&mut self, now: u64) {
        self.earn(now.saturating_sub(self.reckoned), BURST, now);
    }

    /// An event is written.
    pub(super) fn spend(&mut self, now: u64) {
        self.reckon(now);
        self.credit = self.credit.saturating_sub(self.price);
    }

    /// A recorded unit has ended: how many of the next are to be merged.
    #[must_use]
    pub(super) fn unit_ended(&mut self, now: u64) -> u32 {
        self.reckon(now);
        let took = now.saturating_sub(self.ended).min(UNIT * self.price);
        self.ended = now;
        if self.credit >= UNIT * self.price {
            self.size = 0;
            return 0;
        }
        self.usual = if self.size == 0 { took } else { u64::midpoint(self.usual, took) };
        let longest = (STRETCH * self.price / self.usual.max(1)).clamp(1, u64::from(MOST));
        self.size = self.size.saturating_mul(2).max(FIRST).min(longest as u32);
        self.size
    }

    /// A batch has ended: so many units were merged in it, and it took so long.
    pub(super) fn batch_ended(&mut self, units: u32, took: u64, now: u64) {
        self.ended = now;
        if took > SLOW * self.expected(units) + UNIT * self.price {
            // Something in it should have been recorded: for a while all is.
            self.size = 0;
            self.earn(took, AFTER_SLOW, now);
            return;
        }
        // Quick ones do not save up for more than one unit, or the next few would be recorded, too.
        self.earn(took, UNIT, now);
        self.usual = u64::midpoint(self.usual, took / u64::from(units.max(1)));
    }

    /// How long so many units are expected to take.
    pub(super) fn expected(&self, units: u32) -> u64 {
        u64::from(units) * self.usual
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICE: u64 = PRICE_NANOS;
    /// What an event really costs, in the ticks of these tests: nanoseconds.
    const COST: u64 = 9;

    /// A thread whose units take what `durations` say, each with `events` events. Of each unit: whether it was recorded; then the share of the time that went into events.
    fn simulate(durations: impl Iterator<Item = u64>, events: u64) -> (Vec<bool>, f64) {
        let mut pace = Pace::new(PRICE, 0);
        let (mut now, mut written) = (0, 0);
        let (mut recorded, mut left, mut size, mut since) = (Vec::new(), 0, 0, 0);
        for took in durations {
            if left > 0 {
                left -= 1;
                now += took;
                recorded.push(false);
                continue;
            }
            if size > 0 {
                pace.batch_ended(size, now - since, now);
                pace.spend(now);
                written += 1;
            }
            for _ in 0..events {
                pace.spend(now);
            }
            written += events;
            now += took;
            size = pace.unit_ended(now);
            (left, since) = (size, now);
            recorded.push(true);
        }
        (recorded, (written * COST) as f64 / now as f64)
    }

    #[test]
    fn quick_units_are_merged_and_cost_less_than_two_hundredths() {
        for took in [20, 85, 120, 300, 700] {
            let (recorded, share) = simulate(std::iter::repeat_n(took, 100_000), 3);
            assert!(recorded[..64].iter().all(|recorded| *recorded), "{took} ns: the first are recorded");
            let of_all = recorded.iter().filter(|recorded| **recorded).count();
            assert!(of_all < recorded.len() / 3 && share < 0.02, "{took} ns: {of_all} are recorded, at {share}");
        }
    }

    #[test]
    fn writing_takes_three_hundredths_of_the_time_at_most() {
        for took in (10..5_000).step_by(97) {
            for events in 2..=4 {
                let (_, share) = simulate(std::iter::repeat_n(took, 20_000), events);
                assert!(share <= 0.031, "{took} ns with {events} events: {share}");
            }
        }
    }

    #[test]
    fn units_of_a_microsecond_are_all_recorded() {
        for took in [1_000, 2_000, 50_000] {
            let (recorded, _) = simulate(std::iter::repeat_n(took, 10_000), 3);
            assert!(recorded.iter().all(|recorded| *recorded), "{took} ns");
        }
    }

    #[test]
    fn quick_and_slow_units_by_turns_are_all_recorded() {
        let (recorded, _) = simulate([100, 2_000].into_iter().cycle().take(10_000), 3);
        assert!(recorded.iter().all(|recorded| *recorded));
    }

    #[test]
    fn a_slow_unit_is_never_followed_by_a_merged_one() {
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        let durations: Vec<u64> = (0..200_000).map(|_| if next() % 50 == 0 { 2_100 + next() % 5_000 } else { 50 + next() % 200 }).collect();
        let (recorded, _) = simulate(durations.iter().copied(), 3);
        assert!(recorded.iter().any(|recorded| !recorded), "some are merged");
        for (at, pair) in recorded.windows(2).enumerate() {
            assert!(
                !(pair[0] && durations[at] > 2_100 && !pair[1]),
                "after the recorded unit {at}, of {} ns, one is merged",
                durations[at]
            );
        }
    }

    #[test]
    fn a_slow_batch_ends_merging_for_what_it_took() {
        let quick = std::iter::repeat_n(85, 5_000);
        let slow = std::iter::once(90_000);
        let (recorded, _) = simulate(quick.clone().chain(slow).chain(quick), 3);
        let first = recorded[5_000..].iter().position(|recorded| *recorded).expect("merging goes on for a batch at most");
        assert!(first <= MOST as usize, "after {first} units");
        let in_a_row = recorded[5_000 + first..].iter().take_while(|recorded| **recorded).count();
        assert!((3..16).contains(&in_a_row), "{in_a_row} are recorded after it");
    }

    #[test]
    fn a_clock_that_goes_back_costs_nothing() {
        let mut pace = Pace::new(PRICE, 1_000);
        pace.spend(900);
        assert_eq!(pace.unit_ended(800), 0);
        pace.batch_ended(0, 0, 700);
    }
}
