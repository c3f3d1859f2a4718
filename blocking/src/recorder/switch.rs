//! Is anybody recording, and whose rings are there?

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::clock;
use super::event::{self, Kind};
use super::ring::Ring;
use crate::current;
use crate::kernel::KernelThread;
use crate::pool::Pool;
use crate::record::NO_PROCESSOR;

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
}

impl Tape {
    /// How many events were written so far.
    pub(crate) fn written(&self) -> u64 {
        self.ring.written()
    }

    /// Only the tape's own thread may call it.
    #[inline]
    pub(crate) fn write(&self, kind: Kind, processor: u32, task: u64, argument: u64) {
        self.ring.write([clock::ticks(), event::head(kind, processor, task), argument]);
    }
}

/// The recorder of one runtime.
#[derive(Debug, Default)]
pub struct Recorder {
    /// How many want it on.
    wanted: AtomicUsize,
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

    /// Records until the guard is dropped.
    pub fn switch_on(self: &Arc<Self>) -> On {
        clock::start();
        self.wanted.fetch_add(1, Ordering::Relaxed);
        ANY.fetch_add(1, Ordering::Relaxed);
        On(Arc::clone(self))
    }

    /// A tape for the calling thread.
    pub(crate) fn tape(&self, thread: i32, name: &str) -> Arc<Tape> {
        let tape = Arc::new(Tape { thread, name: name.to_owned(), ring: Ring::new(CAPACITY) });
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
            let tape = self.monitor.get_or_init(|| self.tape(KernelThread::current().tid(), "monitor"));
            tape.write(kind, processor, task, argument);
        }
    }

    /// Records an event of a thread that is none of the runtime's.
    pub(crate) fn write_outside(&self, kind: Kind, task: u64, argument: u64) {
        if self.is_on() {
            let mut outside = lock(&self.outside);
            let new = || Arc::new(Tape { thread: 0, name: "other threads".to_owned(), ring: Ring::new(CAPACITY) });
            outside.get_or_insert_with(new).write(kind, NO_PROCESSOR, task, argument);
        }
    }
}

/// A task of `pool` was woken or spawned, by the task `by` or, with 0, by none.
#[inline(always)]
pub fn wake(pool: &Pool, kind: Kind, by: impl FnOnce() -> u64, woken: u64) {
    if is_any_on() {
        write_wake(pool, kind, by(), woken);
    }
}

#[cold]
fn write_wake(pool: &Pool, kind: Kind, by: u64, woken: u64) {
    current::with_current(|worker| match worker.filter(|worker| worker.belongs_to(pool)) {
        Some(worker) => worker.write(kind, by, woken),
        None => pool.recorder().write_outside(kind, by, woken),
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
