//! How much free task memory is kept for the next burst, and for how long?
//!
//! Full magazines of each size, for all threads of the process (see [`memory`](super::memory)). What a burst leaves behind is kept while bursts go on, and given back to the allocator when it has not been
//! needed for a second or so: as many magazines as lay there unused at the emptiest moment since the last look (the "working set" of Bonwick and Adams, "Magazines and vmem", 2001, section 3.6).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::task::memory::{CLASSES, Magazine, magazine_bytes};

/// So many bytes of each size stay for good: five thousand tasks of two hundred bytes.
const ALWAYS_KEPT: usize = 1 << 20;
/// All sizes together keep no more than this beyond it: 250,000 such tasks.
const MOST: usize = 64 << 20;
/// One [`trim`] gives back so many magazines at most, about 100 us of the monitor's time.
const TRIMMED_AT_ONCE: usize = 32;

/// The magazines of one size.
struct Shelf {
    stock: Mutex<Stock>,
    /// How many there are, for those who do not hold the lock: most sizes are never used.
    len: AtomicUsize,
}

#[derive(Default)]
struct Stock {
    magazines: Vec<Magazine>,
    /// The fewest that there were since the last trim.
    fewest: usize,
}

impl Stock {
    /// Up to `limit` of those that nobody needed; if that are all of them, what is needed is observed anew from here.
    fn take_unused(&mut self, kept: usize, limit: usize) -> Vec<Magazine> {
        let unused = self.fewest.min(self.magazines.len().saturating_sub(kept));
        let taken = unused.min(limit);
        let rest = self.magazines.split_off(self.magazines.len() - taken);
        self.fewest = if taken == limit { self.fewest - taken } else { self.magazines.len() };
        rest
    }
}

static SHELVES: [Shelf; CLASSES] = [const { Shelf::new() }; CLASSES];
/// Bytes on all shelves.
static KEPT: AtomicUsize = AtomicUsize::new(0);
/// Runtimes that are there to [`trim`].
static RUNTIMES: AtomicUsize = AtomicUsize::new(0);

/// How many magazines of `class` stay for good.
fn always_kept(class: usize) -> usize {
    ALWAYS_KEPT / magazine_bytes(class)
}

impl Shelf {
    const fn new() -> Self {
        Self { stock: Mutex::new(Stock { magazines: Vec::new(), fewest: 0 }), len: AtomicUsize::new(0) }
    }

    fn with<R>(&self, class: usize, act: impl FnOnce(&mut Stock) -> R) -> R {
        let mut stock = self.stock.lock().unwrap_or_else(PoisonError::into_inner);
        let before = stock.magazines.len();
        let result = act(&mut stock);
        let after = stock.magazines.len();
        stock.fewest = stock.fewest.min(after);
        // Relaxed, here and for `KEPT`: hints; what must be exact is decided under the lock.
        self.len.store(after, Ordering::Relaxed);
        let bytes = magazine_bytes(class);
        // Wraps around for a difference below zero, and back.
        KEPT.fetch_add((after * bytes).wrapping_sub(before * bytes), Ordering::Relaxed);
        result
    }
}

/// Takes a full magazine in, or frees it if there are enough.
pub(super) fn put(class: usize, full: Magazine) {
    let refused = SHELVES[class].with(class, |stock| {
        if stock.magazines.len() < always_kept(class) || has_room_for_a_burst() {
            stock.magazines.push(full);
            None
        } else {
            Some(full)
        }
    });
    // Not under the lock: it is a call of the allocator for each block.
    if let Some(full) = refused {
        full.free(class);
    }
}

/// Without a runtime nobody would ever trim.
fn has_room_for_a_burst() -> bool {
    RUNTIMES.load(Ordering::Relaxed) > 0 && KEPT.load(Ordering::Relaxed) < MOST
}

/// A full magazine.
pub(super) fn take(class: usize) -> Option<Magazine> {
    let shelf = &SHELVES[class];
    if shelf.len.load(Ordering::Relaxed) == 0 { None } else { shelf.with(class, |stock| stock.magazines.pop()) }
}

/// Whether there is more than stays for good, so that [`trim`] will have something to do.
pub(crate) fn has_surplus() -> bool {
    SHELVES.iter().enumerate().any(|(class, shelf)| shelf.len.load(Ordering::Relaxed) > always_kept(class))
}

/// Gives back some of what was not needed since it last returned false; true if there is more. To be called about once a second.
pub(crate) fn trim() -> bool {
    let mut left = TRIMMED_AT_ONCE;
    for (class, shelf) in SHELVES.iter().enumerate() {
        if shelf.len.load(Ordering::Relaxed) > always_kept(class) {
            let unused = shelf.with(class, |stock| stock.take_unused(always_kept(class), left));
            left -= unused.len();
            unused.into_iter().for_each(|magazine| magazine.free(class));
        }
    }
    left == 0
}

/// A runtime, as far as memory is concerned. With the last one goes what it would have trimmed.
#[derive(Debug)]
pub(crate) struct InUse(());

impl InUse {
    pub(crate) fn new() -> Self {
        RUNTIMES.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        if RUNTIMES.fetch_sub(1, Ordering::Relaxed) > 1 {
            return;
        }
        for (class, shelf) in SHELVES.iter().enumerate() {
            let surplus = shelf.with(class, |stock| {
                stock.fewest = usize::MAX;
                stock.take_unused(always_kept(class), usize::MAX)
            });
            surplus.into_iter().for_each(|magazine| magazine.free(class));
        }
    }
}

#[cfg(test)]
#[allow(unsafe_code, reason = "memory is released by hand")]
mod tests {
    use super::*;
    use crate::task::memory;

    fn stock(magazines: usize, fewest: usize) -> Stock {
        Stock { magazines: (0..magazines).map(|_| Magazine::default()).collect(), fewest }
    }

    #[test]
    fn what_was_needed_stays() {
        let mut stock = stock(100, 30);
        assert_eq!(stock.take_unused(10, 1000).len(), 30, "seventy were in use at once");
        assert_eq!(stock.magazines.len(), 70);
        assert_eq!(stock.take_unused(10, 1000).len(), 60, "none was needed since, and ten stay for good");
        assert_eq!(stock.take_unused(10, 1000).len(), 0);
    }

    #[test]
    fn a_limit_leaves_the_rest_for_the_next_time() {
        let mut stock = stock(100, 50);
        assert_eq!(stock.take_unused(10, 20).len(), 20);
        assert_eq!(stock.take_unused(10, 20).len(), 20);
        assert_eq!(stock.take_unused(10, 20).len(), 10, "fifty in all");
        assert_eq!(stock.take_unused(10, 20).len(), 20, "and what was not needed since");
    }

    #[test]
    fn what_comes_back_during_a_burst_is_not_taken_for_unused() {
        let mut stock = stock(0, 0);
        stock.magazines.extend((0..100).map(|_| Magazine::default()));
        assert_eq!(stock.take_unused(10, 1000).len(), 0, "it has just come");
    }

    #[test]
    fn a_burst_goes_back_to_the_allocator_when_it_is_over() {
        let runtime = InUse::new();
        let layout = std::alloc::Layout::from_size_align(496, 8).expect("a layout");
        let class = CLASSES - 2;
        let kept = |what: &str| {
            let len = SHELVES[class].len.load(Ordering::Relaxed);
            assert!(len >= always_kept(class), "{what}: {len} magazines");
            len
        };
        let blocks: Vec<_> = (0..20_000).map(|_| memory::allocate(layout)).collect();
        // SAFETY: allocated above with this layout, and not used any more.
        blocks.into_iter().for_each(|block| unsafe { memory::release(block, layout) });
        assert!(kept("after the burst") > 4 * always_kept(class));
        while trim() {}
        assert!(kept("what was needed just now") > 4 * always_kept(class));
        while trim() {}
        assert_eq!(kept("what nobody needed"), always_kept(class));
        assert!(!has_surplus());
        drop(runtime);
    }
}
