//! What time is it, for an event that must not cost more than a few nanoseconds?
//!
//! The CPU's time stamp counter, where the kernel itself trusts it as its clock: then it runs at one rate and the same on all CPUs. A reading costs 7 ns on an idle machine, where clock_gettime(2) costs 24.
//! Two pairs of readings, at the start and at the end, turn ticks into `CLOCK_MONOTONIC`. Elsewhere ticks are nanoseconds of that clock, read by clock_gettime(2).

use std::sync::OnceLock;

static START: OnceLock<Pair> = OnceLock::new();

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
struct Pair {
    ticks: u64,
    nanos: u64,
}

/// So many attempts to read both clocks at one moment; the quickest counts.
const ATTEMPTS: usize = 16;

impl Pair {
    fn now() -> Self {
        let attempt = |_| {
            let before = ticks();
            let nanos = monotonic_nanos();
            let after = ticks();
            (after.wrapping_sub(before), Self { ticks: before.wrapping_add(after.wrapping_sub(before) / 2), nanos })
        };
        (0..ATTEMPTS).map(attempt).min_by_key(|(took, _)| *took).expect("there is more than one attempt").1
    }
}

/// Begins the process's calibration, once: before the first event.
pub(super) fn start() {
    START.get_or_init(Pair::now);
    ticks_in(0);
}

/// Time enough to know the rate to a thousandth.
const CALIBRATION_NANOS: u64 = 30_000;

/// About how many ticks there are in so many nanoseconds. Never zero for one or more.
pub(super) fn ticks_in(nanos: u64) -> u64 {
    /// Ticks in [`CALIBRATION_NANOS`].
    static RATE: OnceLock<u64> = OnceLock::new();
    let rate = *RATE.get_or_init(|| {
        let start = *START.get_or_init(Pair::now);
        while monotonic_nanos() < start.nanos + CALIBRATION_NANOS {
            std::hint::spin_loop();
        }
        let now = Pair::now();
        now.ticks.wrapping_sub(start.ticks).saturating_mul(CALIBRATION_NANOS) / (now.nanos - start.nanos)
    });
    (rate.saturating_mul(nanos) / CALIBRATION_NANOS).max(u64::from(nanos > 0))
}

/// Turns ticks into nanoseconds of `CLOCK_MONOTONIC`; made after the ticks were read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    start: Pair,
    now: Pair,
}

impl Scale {
    pub(super) fn now() -> Self {
        Self { start: *START.get_or_init(Pair::now), now: Pair::now() }
    }

    /// The moment for which it was made.
    pub(super) fn nanos_now(&self) -> u64 {
        self.now.nanos
    }

    pub(super) fn nanos(&self, ticks: u64) -> u64 {
        let (start, now) = (self.start, self.now);
        let [ticks_between, nanos_between] = [now.ticks.wrapping_sub(start.ticks), now.nanos.saturating_sub(start.nanos)];
        if ticks_between == 0 {
            return now.nanos;
        }
        // Back from now, where the error is smallest; an event that is being written may be a little later.
        let behind = i128::from(now.ticks.wrapping_sub(ticks) as i64);
        let nanos = i128::from(now.nanos) - behind * i128::from(nanos_between) / i128::from(ticks_between);
        u64::try_from(nanos).unwrap_or(0)
    }
}

#[allow(unsafe_code, reason = "the clock of POSIX")]
fn monotonic_nanos() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` outlives the call; every POSIX system has this clock, so nothing can fail.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The clock's reading.
#[inline]
pub(super) fn ticks() -> u64 {
    source::ticks()
}

#[cfg(target_arch = "x86_64")]
mod source {
    use std::sync::atomic::{AtomicU8, Ordering};

    const UNKNOWN: u8 = 0;
    const COUNTER: u8 = 1;
    const SYSTEM: u8 = 2;

    /// Which clock this process uses. Relaxed: each thread that finds it unknown comes to the same answer.
    static CHOSEN: AtomicU8 = AtomicU8::new(UNKNOWN);

    #[inline]
    #[allow(unsafe_code, reason = "an instruction")]
    pub(super) fn ticks() -> u64 {
        match CHOSEN.load(Ordering::Relaxed) {
            // SAFETY: every x86-64 has the instruction, and it touches no memory.
            COUNTER => unsafe { std::arch::x86_64::_rdtsc() },
            SYSTEM => super::monotonic_nanos(),
            _ => choose(),
        }
    }

    #[cold]
    fn choose() -> u64 {
        let trusted = std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource");
        let choice = if trusted.is_ok_and(|source| source.trim() == "tsc") { COUNTER } else { SYSTEM };
        CHOSEN.store(choice, Ordering::Relaxed);
        ticks()
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod source {
    #[inline]
    pub(super) fn ticks() -> u64 {
        super::monotonic_nanos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_become_the_time_at_which_they_were_read() {
        start();
        let (before, read, after) = (monotonic_nanos(), ticks(), monotonic_nanos());
        while monotonic_nanos() < after + 1_000_000 {}
        let nanos = Scale::now().nanos(read);
        // Within a microsecond of what the system's clock said around it.
        assert!((before - 1_000..after + 1_000).contains(&nanos), "{nanos} is not in {before}..{after}");
    }

    #[test]
    fn ticks_pass_at_the_rate_that_was_measured() {
        start();
        let (began, first) = (monotonic_nanos(), ticks());
        while monotonic_nanos() < began + 5_000_000 {}
        let (passed, nanos) = (ticks() - first, monotonic_nanos() - began);
        let expected = ticks_in(nanos);
        assert!(passed.abs_diff(expected) < expected / 50, "{passed} ticks in {nanos} ns; expected {expected}");
    }

    #[test]
    fn ticks_a_little_after_the_scale_was_made_are_later_than_it() {
        start();
        let scale = Scale::now();
        assert!(scale.nanos(ticks()) >= scale.nanos_now());
    }
}
