//! Shall the poller let others run before it sleeps?
//!
//! Pure: times and numbers of events go in, "give way" comes out. A client on the poller's CPU that sends wakes it with each message, and the kernel lets the woken thread run at once: so each
//! request costs two switches, and as nobody ever waits for a CPU long enough to be moved, another CPU may stand idle beside them (ARCHITECTURE.md). A poller that has been woken quickly for
//! little therefore gives way (`sched_yield(2)`) before it sleeps again: the client sends all that it has, or an idle CPU takes one of the two over.

use std::time::Duration;

use crate::clock::Moment;

/// A wait that was shorter, and brought no more than [`FEW`] events, was a quick one.
const QUICK: Duration = Duration::from_micros(50);
const FEW: usize = 2;
/// So many in a row make the poller give way: beside a client on its CPU there are hundreds, of events that come at random seldom so many.
const IN_A_ROW: u32 = 4;
/// Who is back sooner has found nobody to give way to.
const ALONE: Duration = Duration::from_micros(5);
/// It is not worth trying again before so many quick waits: the other one has a CPU of its own.
const ATTEMPTS_SAVED: u32 = 16;
/// A process that computes keeps the CPU for longer. Nor does the poller give way if it has to be back before that.
const TOO_LONG: Duration = Duration::from_millis(1);
/// What took longer shall have brought more than [`FEW`] events.
const WORTH_IT: Duration = Duration::from_micros(100);
/// Else the poller gives way for at most this part of the time: so little that the 99th percentile of the latencies knows nothing of it.
const SHARE: u32 = 256;
/// The process itself was stopped if it took longer than this.
const LONGEST: Duration = Duration::from_millis(20);

/// What the last waits were like.
#[derive(Debug)]
pub(crate) struct Patience {
    quick_waits: u32,
    attempts_saved: u32,
    /// For so long it gave way before the current wait.
    given: Duration,
    not_before: Moment,
}

impl Patience {
    pub(crate) const fn new() -> Self {
        Self { quick_waits: 0, attempts_saved: 0, given: Duration::ZERO, not_before: Moment::START }
    }

    /// Before a wait until `until`: whether to give way.
    pub(crate) fn gives_way(&mut self, now: Moment, until: Moment) -> bool {
        if self.quick_waits < IN_A_ROW || now < self.not_before || until.since(now) < TOO_LONG {
            return false;
        }
        let saved = self.attempts_saved.checked_sub(1);
        self.attempts_saved = saved.unwrap_or(0);
        saved.is_none()
    }

    /// It has given way for `time`.
    pub(crate) fn gave_way(&mut self, time: Duration, now: Moment) {
        self.given = time.min(LONGEST);
        if time < ALONE {
            self.attempts_saved = ATTEMPTS_SAVED;
        } else if time > TOO_LONG {
            self.pause(self.given, now);
        }
    }

    /// It has waited for `time` until `now`, and `events` came; no more of them are counted than it takes to say that they are many.
    pub(crate) fn waited(&mut self, time: Duration, now: Moment, events: impl Iterator) {
        let are_few = events.take(FEW + 1).count() <= FEW;
        let given = std::mem::take(&mut self.given);
        if are_few && given > WORTH_IT {
            self.pause(given, now);
        }
        self.quick_waits = if are_few && time < QUICK { self.quick_waits.saturating_add(1) } else { 0 };
    }

    fn pause(&mut self, given: Duration, now: Moment) {
        self.not_before = now.after(given * SHARE);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const US: Duration = Duration::from_micros(1);

    /// After quick waits, at `now`.
    fn impatient() -> Patience {
        let mut patience = Patience::new();
        (0..IN_A_ROW).for_each(|_| patience.waited(QUICK / 2, Moment::START, 0..FEW));
        patience
    }

    #[test]
    fn quick_waits_for_little_make_it_give_way() {
        let mut patience = Patience::new();
        for _ in 0..IN_A_ROW {
            assert!(!patience.gives_way(Moment::START, Moment::NEVER));
            patience.waited(QUICK / 2, Moment::START, 0..FEW);
        }
        assert!(patience.gives_way(Moment::START, Moment::NEVER));
    }

    #[test]
    fn a_long_wait_or_many_events_end_it() {
        let mut patience = impatient();
        patience.waited(QUICK, Moment::START, 0..1);
        assert!(!patience.gives_way(Moment::START, Moment::NEVER));
        let mut patience = impatient();
        patience.waited(QUICK / 2, Moment::START, 0..=FEW);
        assert!(!patience.gives_way(Moment::START, Moment::NEVER));
    }

    #[test]
    fn where_nobody_waits_for_the_cpu_it_is_tried_seldom() {
        let mut patience = impatient();
        let attempts = (0..10 * (ATTEMPTS_SAVED + 1)).filter(|_| {
            let gives_way = patience.gives_way(Moment::START, Moment::NEVER);
            if gives_way {
                patience.gave_way(US, Moment::START);
            }
            gives_way
        });
        assert_eq!(attempts.count(), 10);
    }

    /// For how long it gives way in ten seconds of quick waits, if each time takes `turn`.
    fn given(turn: Duration) -> Duration {
        let mut patience = impatient();
        let (mut now, mut given) = (Moment::START, Duration::ZERO);
        while now.since(Moment::START) < Duration::from_secs(10) {
            if patience.gives_way(now, Moment::NEVER) {
                now = now.after(turn);
                given += turn;
                patience.gave_way(turn, now);
            }
            now = now.after(20 * US);
            patience.waited(20 * US, now, 0..FEW);
        }
        given
    }

    #[test]
    fn beside_a_process_that_computes_it_gives_way_for_a_small_part_of_the_time() {
        for turn in [4 * TOO_LONG, TOO_LONG * 9 / 10, 2 * WORTH_IT] {
            let given = given(turn);
            assert!(given > Duration::ZERO && given < Duration::from_millis(50), "{given:?} in turns of {turn:?}");
        }
    }

    #[test]
    fn a_process_that_was_stopped_for_long_gives_way_again_soon() {
        let mut patience = impatient();
        let now = Moment::START.after(Duration::from_secs(3600));
        patience.gave_way(Duration::from_secs(3600), now);
        assert!(patience.gives_way(now.after(Duration::from_secs(6)), Moment::NEVER));
    }

    #[test]
    fn a_timer_that_is_due_soon_is_not_made_late() {
        let mut patience = impatient();
        assert!(!patience.gives_way(Moment::START, Moment::START.after(TOO_LONG / 2)));
        assert!(patience.gives_way(Moment::START, Moment::START.after(TOO_LONG)));
    }

    #[test]
    fn a_client_that_sends_for_a_while_is_always_let_through() {
        let mut patience = impatient();
        for _ in 0..10 {
            assert!(patience.gives_way(Moment::START, Moment::NEVER));
            patience.gave_way(300 * US, Moment::START);
            patience.waited(US, Moment::START, 0..50);
            (0..IN_A_ROW).for_each(|_| patience.waited(QUICK / 2, Moment::START, 0..FEW));
        }
    }
}
