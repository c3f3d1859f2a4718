//! Will this call be long? PREDICTOR.md tells the whole with numbers.
//!
//! As a branch predictor does: a small process-wide table of saturating counters, indexed and tagged by a hash of the call site
//! (`#[track_caller]`). Entries are `tag << 8 | counter`.
//!
//! - A site is *long* from 2, and its counter saturates at 7.
//! - A retake by the monitor adds 2: one retake makes a site long, because the monitor retakes only what cost somebody.
//! - A long call is timed. It took 20 us or more: +1. Less: -1. So a site that alternates stays long; 6 quick ones in a row make it short.
//! - A new site that meets a used entry takes it over and starts at 0: the table forgets, it never mixes two sites' counts.
//!
//! The counts are hints. All accesses are Relaxed: a lost update costs a slower or faster lesson, never correctness.

use std::panic::Location;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const ENTRIES: usize = 1024;
const COUNTER: u32 = 0xff;
const LONG_FROM: u32 = 2;
const SATURATED: u32 = 7;
const RETAKE_TEACHES: u32 = 2;

/// What a release and a return cost together, with a wake-up: a call under this should have stayed on its processor.
const QUICK: Duration = Duration::from_micros(20);

static TABLE: [AtomicU32; ENTRIES] = [const { AtomicU32::new(0) }; ENTRIES];

/// What the caller says of a call, overriding the prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// It returns within microseconds: keep the processor.
    Short,
    /// It takes long every time: give the processor away before it starts.
    Long,
}

/// Where a call stands in the source, as the table knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    location: &'static Location<'static>,
    index: u32,
    tag: u32,
}

impl Site {
    /// The site of a source location.
    #[inline]
    pub fn of(location: &'static Location<'static>) -> Self {
        // Fibonacci hashing of the address; locations are at least 8 bytes apart.
        let hash = (std::ptr::from_ref(location) as usize as u64 >> 3).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self { location, index: (hash >> 54) as u32, tag: (hash >> 16) as u32 & !COUNTER }
    }

    /// Where it stands.
    #[inline]
    pub(crate) fn location(self) -> &'static Location<'static> {
        self.location
    }

    /// Whether the table holds it long. Claims an entry at the first sight of a site.
    #[inline]
    pub(crate) fn is_long(self) -> bool {
        let entry = self.entry();
        if entry & !COUNTER == self.tag {
            return entry & COUNTER >= LONG_FROM;
        }
        self.claim();
        false
    }

    /// Whether the table knows it, and as short: one load and one comparison.
    #[inline]
    pub(crate) fn is_known_short(self) -> bool {
        // With equal tags this is the counter; with different ones it is more than any counter.
        self.entry() ^ self.tag < LONG_FROM
    }

    #[inline]
    fn entry(self) -> u32 {
        self.cell().load(Ordering::Relaxed)
    }

    /// The mask is no change, for `of` gives ten bits; it spares the bounds check.
    #[inline]
    fn cell(self) -> &'static AtomicU32 {
        &TABLE[self.index as usize & (ENTRIES - 1)]
    }

    #[cold]
    fn claim(self) {
        self.cell().store(self.tag, Ordering::Relaxed);
    }

    /// A long call has returned after `took`.
    pub(crate) fn learn_return(self, took: Duration) {
        let entry = self.entry();
        if entry & !COUNTER != self.tag {
            return;
        }
        let counter = entry & COUNTER;
        let counter = if took < QUICK { counter.saturating_sub(1) } else { (counter + 1).min(SATURATED) };
        self.cell().store(self.tag | counter, Ordering::Relaxed);
    }

    /// The monitor has retaken a processor from a call of this site.
    pub(crate) fn learn_retaken(self) {
        let entry = self.entry();
        if entry & !COUNTER != self.tag {
            return;
        }
        let counter = ((entry & COUNTER) + RETAKE_TEACHES).min(SATURATED);
        self.cell().store((entry & !COUNTER) | counter, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table is the process's: a test that fills it would make the others' sites forgotten.
    fn alone() -> std::sync::MutexGuard<'static, ()> {
        static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
        ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    #[track_caller]
    fn here() -> Site {
        Site::of(Location::caller())
    }

    #[test]
    fn one_retake_makes_a_site_long_and_quick_returns_make_it_short_again() {
        let _alone = alone();
        let site = here();
        assert!(!site.is_long());
        site.learn_retaken();
        assert!(site.is_long());
        site.learn_return(Duration::from_micros(1));
        assert!(!site.is_long());
    }

    #[test]
    fn a_saturated_site_survives_five_quick_returns() {
        let _alone = alone();
        let site = here();
        assert!(!site.is_long());
        for _ in 0..10 {
            site.learn_retaken();
        }
        for _ in 0..5 {
            site.learn_return(Duration::ZERO);
        }
        assert!(site.is_long());
        site.learn_return(Duration::ZERO);
        assert!(!site.is_long());
    }

    /// Locations of their own, as a thousand calls in a program have.
    fn a_thousand_sites() -> Vec<Site> {
        let here = *Location::caller();
        (0..1000).map(|_| Site::of(Box::leak(Box::new(here)))).collect()
    }

    #[test]
    fn a_thousand_sites_are_forgotten_and_never_mixed() {
        let _alone = alone();
        for site in a_thousand_sites() {
            assert!(!site.is_long(), "a new site has another's count");
            site.learn_retaken();
            assert!(site.is_long());
        }
        // Of many sites in few entries some have lost theirs; whoever meets a used one starts anew.
        let sites = a_thousand_sites();
        sites.iter().for_each(|site| assert!(!site.is_long()));
        let kept = sites.iter().filter(|site| site.is_known_short()).count();
        assert!(kept > 500, "{kept} of 1000 sites have an entry: the hash clusters");
    }

    #[test]
    fn a_site_that_alternates_stays_long() {
        let _alone = alone();
        let site = here();
        assert!(!site.is_long());
        site.learn_retaken();
        for n in 0..1000 {
            assert!(site.is_long(), "after {n} calls");
            site.learn_return(if n % 2 == 0 { QUICK } else { Duration::ZERO });
        }
    }
}
