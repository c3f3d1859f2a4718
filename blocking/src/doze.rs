//! How does the monitor sleep, and who wakes it?
//!
//! [`Wakefulness`] says whether a kick is wanted and argues why none is lost; [`bell`] says how a sleep without limit ends by and by. This joins the two to the thread that sleeps.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::bell::{self, Appointed, Ringer};
use crate::parker::Parker;
use crate::timerfd::TimerFd;
use crate::wakefulness::{Depth, Kick, Wakefulness};

/// A processor that is held for so long is watched. A program that sleeps most of the time holds one for some microseconds.
const WATCHED_AFTER: Duration = Duration::from_millis(2);
/// An appointment costs two system calls, a monitor that is awake a switch every 10 ms and nothing for the others: so many appointments within so short a time, and the monitor gets up.
const FEW: u32 = 16;
const SHORT: Duration = Duration::from_millis(64);

/// The monitor's sleep.
#[derive(Debug)]
pub(crate) struct Doze {
    state: Wakefulness,
    parker: Parker,
    /// None where the kernel has no timerfd for us: whoever takes a processor wakes the monitor then.
    bell: Option<TimerFd>,
    appointed: Appointed,
    /// Appointments since it sleeps without limit.
    appointments: AtomicU32,
    /// When the last [`FEW`] began, in nanoseconds since `born`.
    few_since: AtomicU64,
    born: Instant,
}

impl Ringer for TimerFd {
    fn set(&self) {
        self.set(WATCHED_AFTER);
    }

    fn turn_off(&self) {
        self.set(Duration::ZERO);
    }

    fn ring(&self) {
        self.set(Duration::from_nanos(1));
    }
}

impl Doze {
    pub(crate) fn new() -> Self {
        let bell = TimerFd::new().inspect_err(|error| tracing::debug!(%error, "no timerfd for the monitor")).ok();
        Self {
            state: Wakefulness::new(),
            parker: Parker::default(),
            bell,
            appointed: Appointed::new(),
            appointments: AtomicU32::new(0),
            few_since: AtomicU64::new(0),
            born: Instant::now(),
        }
    }

    pub(crate) fn adopt_current(&self) {
        self.parker.adopt_current();
    }

    fn now(&self) -> u64 {
        self.born.elapsed().as_nanos() as u64
    }

    // ---- the monitor's side -----------------------------------------------------------------------------------------

    /// The monitor says how it is going to sleep; afterwards it looks once more at what it watches.
    pub(crate) fn settle_down(&self, depth: Depth) {
        if depth == Depth::Deep
            && let Some(bell) = &self.bell
        {
            // Relaxed: whoever makes an appointment has seen what `settle_down` releases, or miscounts one.
            self.appointments.store(0, Ordering::Relaxed);
            self.few_since.store(self.now(), Ordering::Relaxed);
            // Before the state says so: what is set from then on counts.
            self.appointed.forget();
            bell.turn_off();
        }
        self.state.settle_down(depth);
    }

    /// Sleeps until `deadline` or a kick.
    pub(crate) fn sleep(&self, deadline: Instant) {
        if !self.is_kicked() {
            self.parker.park_until(deadline);
        }
    }

    /// Sleeps until a kick, an appointment, or `deadline` if there is one. May return early.
    pub(crate) fn sleep_deeply(&self, deadline: Option<Instant>) {
        match (&self.bell, deadline) {
            _ if self.is_kicked() => {}
            (Some(bell), _) => bell.wait(deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))),
            (None, Some(deadline)) => {
                self.parker.park_until(deadline);
            }
            (None, None) => self.parker.park(),
        }
    }

    /// Whether somebody has kicked already.
    pub(crate) fn is_kicked(&self) -> bool {
        self.state.is_kicked()
    }

    /// Ends the doze; true if it was kicked.
    pub(crate) fn wake_up(&self) -> bool {
        self.state.wake_up()
    }

    // ---- the others' side -------------------------------------------------------------------------------------------

    /// Whether a kick would gain anything. A hint, unless the caller has fenced after what it changed.
    #[inline]
    pub(crate) fn is_dozing(&self) -> bool {
        self.state.is_dozing()
    }

    /// See [`Wakefulness::is_deep_after_take`].
    #[inline]
    pub(crate) fn is_deep_after_take(&self) -> bool {
        self.state.is_deep_after_take()
    }

    /// Whether it sleeps without limit. A hint.
    #[inline]
    pub(crate) fn is_deep(&self) -> bool {
        self.state.is_deep()
    }

    /// The caller has taken a processor and fenced, and the monitor sleeps without limit: it shall wake in a while. False if it had better be kicked.
    #[cold]
    pub(crate) fn appoint(&self) -> bool {
        let Some(bell) = &self.bell else { return false };
        if !self.appointed.claim() {
            return true;
        }
        let count = self.appointments.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_multiple_of(FEW) {
            let now = self.now();
            let since = self.few_since.swap(now, Ordering::Relaxed);
            if now.saturating_sub(since) < SHORT.as_nanos() as u64 {
                return false;
            }
        }
        bell::appoint(bell, &self.state);
        true
    }

    /// Every processor was idle and nothing left to do when the caller looked: the monitor may sleep on.
    #[cold]
    pub(crate) fn call_off(&self, is_nothing_to_do: impl Fn() -> bool) {
        if let Some(bell) = &self.bell {
            bell::call_off(bell, &self.appointed, &self.state, is_nothing_to_do);
        }
    }

    /// Wakes the monitor now; true if it slept and the caller must also interrupt a poll that it may be in.
    #[cold]
    pub(crate) fn kick(&self) -> bool {
        match (self.state.kick(), &self.bell) {
            (Kick::Noted, _) => return false,
            (Kick::Wake(Depth::Deep), Some(bell)) => bell.ring(),
            (Kick::Wake(_), _) => self.parker.unpark(),
        }
        true
    }
}
