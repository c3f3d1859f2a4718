//! How much free task memory is kept for the next burst, and for how long?
//!
//! Full magazines of each size, for all threads of the process (see [`memory`](super::memory)). What a burst leaves behind is kept while bursts go on, and given back to the allocator when it has not been
//! needed for a second or so: as many magazines as lay there unused at the emptiest moment since the last look (the "working set" of Bonwick and Adams, "Magazines and vmem", 2001, section 3.6).
//!
//! Nobody waits for a lock of the depot for long: in the child of a fork(2) the thread that has it may not exist. Who does not get it goes to the allocator, which the C library keeps whole.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use handover_blocking::current;

use crate::task::memory::{CLASSES, Magazine, magazine_bytes};

/// So many bytes of each size stay for good: five thousand tasks of two hundred bytes.
const ALWAYS_KEPT: usize = 1 << 20;
/// No more is kept for a burst once all sizes together have so many bytes: 250,000 such tasks.
const MOST: usize = 64 << 20;
/// What was not needed for so long is given back.
const NEEDED_WITHIN: Duration = Duration::from_millis(900);
/// One [`trim`] gives back so many magazines at most, about 100 us of the monitor's time.
const TRIMMED_AT_ONCE: usize = 32;

/// A lock is tried so often, about a microsecond; it is kept for a twentieth of that.
const ATTEMPTS: usize = 32;

/// The magazines of one size.
struct Shelf {
    stock: Mutex<Stock>,
    /// How many there are, for those who do not hold the lock: most sizes are never used.
    len: AtomicUsize,
}

#[derive(Default)]
struct Stock {
    magazines: Vec<Magazine>,
    /// The fewest that there were since the last trim that went through.
    fewest: usize,
}

impl Stock {
    /// Up to `limit` of those that nobody needed.
    fn take_unused(&mut self, kept: usize, limit: usize) -> Vec<Magazine> {
        let unused = self.fewest.min(self.magazines.len().saturating_sub(kept));
        let taken = unused.min(limit);
        self.fewest -= taken;
        self.magazines.split_off(self.magazines.len() - taken)
    }
}

static SHELVES: [Shelf; CLASSES] = [const { Shelf::new() }; CLASSES];
/// Bytes on all shelves.
static KEPT: AtomicUsize = AtomicUsize::new(0);
/// Runtimes that are there to [`trim`].
static RUNTIMES: AtomicUsize = AtomicUsize::new(0);
/// When the last trim went through, of whichever runtime; none while one goes on bit by bit.
static TRIMMED: Mutex<Option<Instant>> = Mutex::new(None);

/// How many magazines of `class` stay for good.
fn always_kept(class: usize) -> usize {
    ALWAYS_KEPT / magazine_bytes(class)
}

impl Shelf {
    const fn new() -> Self {
        Self { stock: Mutex::new(Stock { magazines: Vec::new(), fewest: 0 }), len: AtomicUsize::new(0) }
    }

    /// Nothing if the lock is not to be had.
    fn with<R>(&self, class: usize, act: impl FnOnce(&mut Stock) -> R) -> Option<R> {
        let mut stock = lock_soon(&self.stock)?;
        let before = stock.magazines.len();
        let result = act(&mut stock);
        let after = stock.magazines.len();
        stock.fewest = stock.fewest.min(after);
        // Relaxed, here and for `KEPT`: hints; what must be exact is decided under the lock.
        self.len.store(after, Ordering::Relaxed);
        let bytes = magazine_bytes(class);
        // Wraps around for a difference below zero, and back.
        KEPT.fetch_add((after * bytes).wrapping_sub(before * bytes), Ordering::Relaxed);
        Some(result)
    }
}

fn lock_soon<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    (0..ATTEMPTS).find_map(|_| match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => {
            std::hint::spin_loop();
            None
        }
    })
}

/// Takes a full magazine in, or frees it if there are enough.
pub(super) fn put(class: usize, full: Magazine) {
    // A worker thread's processor comes back to the idle set, and that tells the monitor; of what others leave here it would not hear.
    put_for(class, full, current::is_worker() && has_room_for_a_burst());
}

fn put_for(class: usize, full: Magazine, is_burst: bool) {
    let mut full = Some(full);
    SHELVES[class].with(class, |stock| {
        if stock.magazines.len() < always_kept(class) || is_burst {
            stock.magazines.extend(full.take());
        }
    });
    // Not under the lock: it is a call of the allocator for each block.
    if let Some(full) = full {
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
    if shelf.len.load(Ordering::Relaxed) == 0 { None } else { shelf.with(class, |stock| stock.magazines.pop()).flatten() }
}

/// Whether there is more than stays for good, so that [`trim`] will have something to do.
pub(crate) fn has_surplus() -> bool {
    SHELVES.iter().enumerate().any(|(class, shelf)| shelf.len.load(Ordering::Relaxed) > always_kept(class))
}

/// Gives back some of what was not needed since a trim last went through; true if there is more. To be called about once a second by each runtime.
pub(crate) fn trim() -> bool {
    let Some(mut trimmed) = lock_soon(&TRIMMED) else { return false };
    if trimmed.is_some_and(|last| last.elapsed() < NEEDED_WITHIN) {
        return false;
    }
    let goes_on = trim_some();
    *trimmed = (!goes_on).then(Instant::now);
    goes_on
}

/// True if it stopped halfway. If not, what is needed is observed anew from here.
fn trim_some() -> bool {
    let mut left = TRIMMED_AT_ONCE;
    for (class, shelf) in SHELVES.iter().enumerate() {
        if shelf.len.load(Ordering::Relaxed) > always_kept(class) {
            let unused = shelf.with(class, |stock| stock.take_unused(always_kept(class), left)).unwrap_or_default();
            left -= unused.len();
            unused.into_iter().for_each(|magazine| magazine.free(class));
        }
    }
    if left == 0 {
        return true;
    }
    for (class, shelf) in SHELVES.iter().enumerate().filter(|(_, shelf)| shelf.len.load(Ordering::Relaxed) > 0) {
        shelf.with(class, |stock| stock.fewest = stock.magazines.len());
    }
    false
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
                stock.fewest = stock.magazines.len();
                stock.take_unused(always_kept(class), usize::MAX)
            });
            surplus.into_iter().flatten().for_each(|magazine| magazine.free(class));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stock(magazines: usize, fewest: usize) -> Stock {
        Stock { magazines: (0..magazines).map(|_| Magazine::default()).collect(), fewest }
    }

    #[test]
    fn what_was_needed_or_stays_for_good_is_not_taken() {
        assert_eq!(stock(100, 30).take_unused(10, 1000).len(), 30, "seventy were in use at once");
        assert_eq!(stock(100, 95).take_unused(10, 1000).len(), 90, "ten stay for good");
        assert_eq!(stock(5, 5).take_unused(10, 1000).len(), 0);
        assert_eq!(stock(100, 0).take_unused(10, 1000).len(), 0, "all of it has just come");
    }

    #[test]
    fn a_limit_leaves_the_rest_for_the_next_time() {
        let mut stock = stock(100, 50);
        assert_eq!([20; 4].map(|limit| stock.take_unused(10, limit).len()), [20, 20, 10, 0], "fifty in all");
    }

    #[test]
    fn a_lock_that_nobody_gives_back_holds_nobody_up() {
        let class = CLASSES - 3;
        put_for(class, Magazine::filled(class), false);
        let of_a_thread_that_is_gone = SHELVES[class].stock.lock();
        put_for(class, Magazine::filled(class), true);
        assert!(take(class).is_none());
        drop(InUse::new());
        drop(of_a_thread_that_is_gone);
        let mut found = take(class).into_iter().chain(take(class));
        found.next().expect("the first one").free(class);
        assert!(found.next().is_none(), "the second one went to the allocator");
    }

    #[test]
    fn a_burst_is_kept_up_to_a_bound_and_goes_back_when_it_is_over() {
        let runtime = InUse::new();
        let class = CLASSES - 2;
        let of_class = || SHELVES[class].len.load(Ordering::Relaxed);
        let (most, more) = (MOST / magazine_bytes(class), 100);
        for _ in 0..most + more {
            put_for(class, Magazine::filled(class), has_room_for_a_burst());
        }
        assert!((most / 2..=most + always_kept(class)).contains(&of_class()), "{} of {most} magazines", of_class());
        while trim_some() {}
        assert!(of_class() > most / 2, "it was needed just now");
        while trim_some() {}
        assert_eq!(of_class(), always_kept(class), "nobody needed it");
        put_for(class, Magazine::filled(class), false);
        assert_eq!(of_class(), always_kept(class));
        drop(runtime);
    }
}
