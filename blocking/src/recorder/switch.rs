//! Is anybody recording, and whose rings are there?

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use super::clock;
use super::event::{self, Kind};
use super::pace::PRICE_NANOS;
use super::ring::Ring;
use crate::current;
use crate::kernel::KernelThread;
use crate::pool::Pool;
use crate::record::NO_PROCESSOR;
use crate::threads::ThreadRecord;

/// Events that a thread's ring holds: 768 KiB once it is full, 24 KiB at first.
const CAPACITY: usize = 1 << 15;
/// Rings of threads that have ended are kept for the next reader, so many at most.
const KEPT_OF_ENDED: usize = 64;

/// How many recorders of the process are on. Relaxed: a thread that sees it late misses the first events.
///
/// One word for all runtimes, at a fixed address: a runtime's own would be a pointer and a cache line away, and is asked only behind this.
static ANY: AtomicUsize = AtomicUsize::new(0);

/// Whether there is a recorder that is on. What every place asks that could record.
#[inline(always)]
pub(crate) fn is_any_on() -> bool {
    ANY.load(Ordering::Relaxed) != 0
}

/// A thread's ring, with the thread's name.
#[derive(Debug)]
pub(crate) struct Tape {
    pub(super) thread: i32,
    pub(super) name: String,
    pub(super) ring: Ring,
    /// The worker thread, while it lives: what it is in is not on the tape as long as that is merged.
    pub(super) owner: Weak<ThreadRecord>,
}

impl Tape {
    /// How many events were written so far.
    pub(crate) fn written(&self) -> u64 {
        self.ring.written()
    }

    /// Only the tape's own thread may call it.
    #[inline]
    pub(crate) fn write(&self, kind: Kind, processor: u32, task: u64, argument: u64) {
        self.write_at(clock::ticks(), kind, processor, task, argument);
    }

    /// The same with a time.
    #[inline]
    pub(super) fn write_at(&self, at: u64, kind: Kind, processor: u32, task: u64, argument: u64) {
        self.ring.write([at, event::head(kind, processor, task), argument]);
    }
}

/// The recorder of one runtime.
#[derive(Debug, Default)]
pub struct Recorder {
    /// How many want it on.
    wanted: AtomicUsize,
    /// When it was switched on, in ticks. Relaxed: a thread that sees it late tells of a stretch that began a little before.
    on_since: AtomicU64,
    /// What an event costs its thread in credit, in nanoseconds; 0 for [`PRICE_NANOS`].
    price_nanos: AtomicU64,
    tapes: Mutex<Vec<Arc<Tape>>>,
    /// For threads that are not the runtime's: they write in turns.
    outside: Mutex<Option<Arc<Tape>>>,
    monitor: OnceLock<Arc<Tape>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recorder {
    /// Whether events of this runtime are recorded now.
    pub fn is_on(&self) -> bool {
        self.wanted.load(Ordering::Relaxed) > 0
    }

    /// For tests without optimization, where nothing is so quick that it would be merged: threads that have recorded nothing yet pay so much credit for an event.
    #[doc(hidden)]
    pub fn set_price(&self, nanos: u64) {
        self.price_nanos.store(nanos, Ordering::Relaxed);
    }

    /// In ticks.
    pub(super) fn price(&self) -> u64 {
        let nanos = self.price_nanos.load(Ordering::Relaxed);
        clock::ticks_in(if nanos == 0 { PRICE_NANOS } else { nanos })
    }

    pub(super) fn on_since(&self) -> u64 {
        self.on_since.load(Ordering::Relaxed)
    }

    /// Records until the guard is dropped.
    pub fn switch_on(self: &Arc<Self>) -> On {
        clock::start();
        if self.wanted.fetch_add(1, Ordering::Relaxed) == 0 {
            self.on_since.store(clock::ticks(), Ordering::Relaxed);
        }
        ANY.fetch_add(1, Ordering::Relaxed);
        On(Arc::clone(self))
    }

    /// A tape for the calling thread, which is the worker thread `owner` or none.
    pub(crate) fn tape(&self, thread: i32, name: &str, owner: Weak<ThreadRecord>) -> Arc<Tape> {
        let tape = Arc::new(Tape { thread, name: name.to_owned(), ring: Ring::new(CAPACITY), owner });
        let mut tapes = lock(&self.tapes);
        // A tape that nobody else holds is that of a thread that has ended.
        let ended = tapes.iter().filter(|tape| Arc::strong_count(tape) == 1).count();
        let mut surplus = ended.saturating_sub(KEPT_OF_ENDED);
        tapes.retain(|tape| {
            let goes = surplus > 0 && Arc::strong_count(tape) == 1;
            surplus -= usize::from(goes);
            !goes
        });
        tapes.push(Arc::clone(&tape));
        tape
    }

    pub(super) fn tapes(&self) -> Vec<Arc<Tape>> {
        let mut tapes = lock(&self.tapes).clone();
        tapes.extend(lock(&self.outside).clone());
        tapes
    }

    /// Records an event of the monitor, which alone may call it.
    #[cold]
    pub(crate) fn write_by_monitor(&self, kind: Kind, processor: u32, task: u64, argument: u64) {
        if self.is_on() {
            let tape = self.monitor.get_or_init(|| self.tape(KernelThread::current().tid(), "monitor", Weak::new()));
            tape.write(kind, processor, task, argument);
        }
    }

    /// Records an event of a thread that is none of the runtime's.
    pub(crate) fn write_outside(&self, kind: Kind, task: u64, argument: u64) {
        if self.is_on() {
            let mut outside = lock(&self.outside);
            let new = || Arc::new(Tape { thread: 0, name: "other threads".to_owned(), ring: Ring::new(CAPACITY), owner: Weak::new() });
            outside.get_or_insert_with(new).write(kind, NO_PROCESSOR, task, argument);
        }
    }
}

/// A task of `pool` was woken or spawned, by the task `by` or, with 0, by none.
#[inline(always)]
pub fn wake(pool: &Pool, kind: Kind, by: impl FnOnce() -> u64, woken: u64) {
    if is_any_on() {
        note_wake(pool, kind, by, woken);
    }
}

/// Apart: what it needs would else be kept at hand where no recorder is on.
#[cold]
#[inline(never)]
fn note_wake(pool: &Pool, kind: Kind, by: impl FnOnce() -> u64, woken: u64) {
    let merged = current::with_current(|worker| worker.is_some_and(|worker| worker.belongs_to(pool) && worker.merges_wake()));
    if !merged {
        write_wake(pool, kind, by, woken);
    }
}

/// Apart again, so that a wake-up that is merged saves no registers.
#[cold]
#[inline(never)]
fn write_wake(pool: &Pool, kind: Kind, by: impl FnOnce() -> u64, woken: u64) {
    current::with_current(|worker| match worker.filter(|worker| worker.belongs_to(pool)) {
        Some(worker) => worker.write_wake(kind, by(), woken),
        None => pool.recorder().write_outside(kind, by(), woken),
    });
}

/// Keeps a recorder on.
#[derive(Debug)]
#[must_use = "the recorder is on as long as this lives"]
pub struct On(Arc<Recorder>);

impl On {
    /// What it keeps on.
    pub fn recorder(&self) -> &Arc<Recorder> {
        &self.0
    }
}

impl Drop for On {
    fn drop(&mut self) {
        ANY.fetch_sub(1, Ordering::Relaxed);
        if self.0.wanted.fetch_sub(1, Ordering::Relaxed) == 1 {
            // Threads that live keep theirs.
            lock(&self.0.tapes).retain(|tape| Arc::strong_count(tape) > 1);
        }
    }
}
