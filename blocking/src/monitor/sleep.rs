//! How does the monitor rest between two rounds, and what does it do for others meanwhile?

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::rhythm::{self, Seen};
use super::{Monitor, Round};
use crate::fence;
use crate::verdict::SECOND_LOOK;
use crate::wakefulness::Depth;

/// Busy threads look at epoll every few dozen polls. Only when none has for this long does the monitor stand in: each event that it fetches goes through the inject queue.
const PATIENCE_WITH_POLLERS: Duration = Duration::from_millis(1);

/// When a worker thread last polled, or tried to.
#[derive(Debug)]
pub(super) struct Attempts {
    count: u64,
    seen_at: Instant,
}

impl Attempts {
    pub(super) fn new(now: Instant) -> Self {
        Self { count: 0, seen_at: now }
    }

    /// Whether none has come for a while; `count` is how many there were by now.
    fn are_overdue(&mut self, count: u64, has_poller: bool, now: Instant) -> bool {
        let tried = std::mem::replace(&mut self.count, count) != count;
        if tried || has_poller {
            self.seen_at = now;
        }
        now - self.seen_at >= PATIENCE_WITH_POLLERS
    }
}

impl Monitor {
    /// Sleeps until the next round is due.
    pub(super) fn rest(&mut self, round: &Round) {
        let has_poller = self.scheduler.has_poller();
        // While nobody polls, a timer or a socket is work that nobody sees.
        let unpolled = self.scheduler.needs_poller() && !has_poller;
        let overdue = self.attempts.are_overdue(self.scheduler.poll_attempts(), has_poller, Instant::now());
        let all_idle = self.pool.idle.is_full();
        let work_waits = unpolled || self.scheduler.work_waits();
        let sleep = self.rhythm.after(Seen { eventful: round.eventful, all_idle, work_waits });
        let sleep = if round.look_again { SECOND_LOOK } else { sleep };
        let sleep = self.interrupts.shortened(sleep, Instant::now());
        if unpolled && (overdue || all_idle || self.rhythm.is_wary()) && self.stand_in(sleep) {
            return;
        }
        self.send_for_poller();
        let depth = match () {
            () if self.may_sleep_deeply() => Depth::Deep,
            () if sleep > rhythm::BRIEF => Depth::Nap,
            () => Depth::Brief,
        };
        let mut slept_deeply = None;
        self.pool.doze.settle_down(depth);
        match depth {
            Depth::Deep if self.may_sleep_deeply() => {
                let since = Instant::now();
                // Whoever does anything meanwhile asks the clock; the next round keeps the time again.
                self.keeper = None;
                self.pool.doze.sleep_deeply(self.next_errand(since));
                slept_deeply = Some(since.elapsed());
            }
            Depth::Deep => {}
            Depth::Nap => self.pool.doze.sleep(Instant::now() + self.shortened(sleep)),
            Depth::Brief => self.pool.doze.sleep(Instant::now() + sleep),
        }
        if self.pool.doze.wake_up() {
            self.rhythm.kicked();
            if let Some(slept) = slept_deeply {
                self.rhythm.slept_deeply(slept);
            }
        } else if slept_deeply.is_some() && !self.pool.idle.is_full() {
            self.rhythm.roused();
        }
    }

    fn may_sleep_deeply(&self) -> bool {
        self.rhythm.is_ready_for_deep_sleep()
            && self.pool.is_quiet(&*self.scheduler)
            && !self.supply.is_short()
            && !self.stalls.are_pending()
            && !self.pool.is_closing()
    }

    /// The second look before a nap: who came since the round found the monitor awake and did not kick it.
    fn shortened(&self, sleep: Duration) -> Duration {
        match () {
            () if self.call_holds_work_up() => rhythm::BRIEF,
            () if self.scheduler.work_waits() => sleep.min(rhythm::LONGEST_BESIDE_WORK),
            () => sleep,
        }
    }

    /// Whether a declared call is out with tasks behind it.
    fn call_holds_work_up(&self) -> bool {
        if self.pool.idle.is_full() {
            return false;
        }
        // The monitor's half of the Dekker pair in `Worker::kick_for_work_behind`.
        fence::heavy();
        (0..self.watches.len())
            .any(|processor| self.lent(processor).is_some_and(|(_, seq)| seq.is_declared()) && self.scheduler.work_waits_behind(processor))
    }

    /// What it wakes up for by itself: to trim the spares or memory, or to send a signal again.
    fn next_errand(&self, now: Instant) -> Option<Instant> {
        let spares = self.pool.spares.next_expiry(self.pool.config.keep(), self.pool.config.thread_keep_alive);
        let signal = self.interrupts.until_next(now).map(|wait| now + wait);
        let memory = self.trim.due(&*self.scheduler);
        spares.into_iter().chain(signal).chain(memory).min()
    }

    /// Before it sleeps deeply: a thread that is no worker may arm a timer meanwhile, and only a poller would hear of it. There is none if the
    /// last one went into a long call while nothing was pending.
    fn send_for_poller(&self) {
        // A thread that holds a processor polls as soon as it has nothing else to do.
        let nobody_will_poll = self.pool.idle.is_full() && !self.scheduler.has_poller();
        if self.rhythm.is_ready_for_deep_sleep() && nobody_will_poll && self.pool.spares.len() > 0 {
            self.pool.send_for_poller(&*self.scheduler);
        }
    }

    /// While no worker thread polls, waits in epoll instead of sleeping.
    fn stand_in(&mut self, limit: Duration) -> bool {
        self.pool.monitor_polls.store(true, Ordering::SeqCst);
        self.pool.doze.settle_down(Depth::Nap);
        // A kick from before `settle_down` interrupted nothing.
        let polled = !self.pool.doze.is_kicked() && self.scheduler.stand_in(limit);
        self.pool.monitor_polls.store(false, Ordering::SeqCst);
        if self.pool.answer_summons() {
            self.pool.report_starved(&*self.scheduler);
        }
        let kicked = self.pool.doze.wake_up();
        if kicked {
            self.rhythm.kicked();
        }
        polled || kicked
    }
}
