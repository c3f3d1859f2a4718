//! Which worker threads are there, and how does one begin and end?
//!
//! Only the monitor starts threads: never a call that is about to block, and never a thread with a signal mask or timer slack of its own
//! liking.

use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::{io, thread};

use crate::admission::Admission;
use crate::counters::{Counter, Counters};
use crate::events;
use crate::kernel::{self, KernelThread};
use crate::parker::Parker;
use crate::pool::Pool;
use crate::record::{NO_PROCESSOR, Place, Record};
use crate::recorder::{self, Kind, Tape};
use crate::replace;
use crate::scheduler::Scheduler;
use crate::since::Since;
use crate::telling::Telling;
use crate::worker::Worker;

/// All that others may know of a worker thread.
#[derive(Debug)]
pub(crate) struct ThreadRecord {
    pub(crate) words: Record,
    pub(crate) slot: u32,
    pub(crate) polls: Counter,
    /// Declared calls that returned before anybody took the processor, or that had none to lose.
    pub(crate) fast_calls: Counter,
    pub(crate) telling: Telling,
    pub(crate) since: Since,
    parker: Parker,
    kernel: OnceLock<KernelThread>,
    leave: AtomicBool,
    /// The call that it is in counts as one that is out. Set by its own thread or by a retake, cleared by its own thread.
    counted: AtomicBool,
    task: AtomicU64,
    spawned_at: AtomicPtr<Location<'static>>,
    /// Where it records its events; from its first one on. Its own thread writes it.
    tape: OnceLock<Arc<Tape>>,
    me: Weak<Self>,
}

/// A thread that did not come back in time, and what it runs.
#[derive(Clone, Debug)]
pub struct StuckThread {
    /// The thread's id, as `gettid(2)` gives it; 0 if it has not begun.
    pub tid: i32,
    /// The id of the task that it runs.
    pub task: u64,
    /// Where that task was spawned.
    pub spawned_at: &'static Location<'static>,
}

/// How many threads are where; see [`Place`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// They hold a processor.
    pub running: usize,
    /// They have none and are in a declared call.
    pub in_call: usize,
    /// They have none and run a task, outside declared calls.
    pub without_processor: usize,
    /// They have none and run no task: spares, the poller, those that begin or end.
    pub resting: usize,
}

impl Places {
    fn with(mut self, place: Place) -> Self {
        *match place {
            Place::Running => &mut self.running,
            Place::InCall => &mut self.in_call,
            Place::WithoutProcessor => &mut self.without_processor,
            Place::Resting => &mut self.resting,
        } += 1;
        self
    }
}

/// What a thread is in, as others see it.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Its tape, and how many events were on it then.
    pub(crate) tape: Option<(Arc<Tape>, u64)>,
    /// What it runs; none inside the runtime.
    pub(crate) running: Option<StuckThread>,
    pub(crate) processor: u32,
    /// Where the declared call stands that it is in.
    pub(crate) call: Option<&'static Location<'static>>,
}

/// A thread that goes on meanwhile is looked at again, so often.
const LOOKS: usize = 64;

impl ThreadRecord {
    fn new(slot: u32, me: Weak<Self>) -> Self {
        Self {
            words: Record::new(),
            slot,
            polls: Counter::default(),
            fast_calls: Counter::default(),
            telling: Telling::default(),
            since: Since::default(),
            parker: Parker::default(),
            kernel: OnceLock::new(),
            leave: AtomicBool::new(false),
            counted: AtomicBool::new(false),
            task: AtomicU64::new(0),
            spawned_at: AtomicPtr::default(),
            tape: OnceLock::new(),
            me,
        }
    }

    /// Notes which task is polled now. Written by its own thread only; Relaxed, for it is shown to people, not acted upon.
    #[inline]
    pub(crate) fn begin_poll(&self, task: u64, spawned_at: &'static Location<'static>) {
        self.polls.raise_alone();
        self.task.store(task, Ordering::Relaxed);
        self.spawned_at.store(std::ptr::from_ref(spawned_at).cast_mut(), Ordering::Relaxed);
    }

    /// Records that it begins or ends, if the pool's events are recorded. To be called by its own thread, before it is a [`Worker`] or after.
    fn note(&self, pool: &Pool, kind: Kind) {
        if recorder::is_any_on()
            && let Some(tape) = self.tape(pool)
        {
            tape.write(kind, NO_PROCESSOR, self.task.load(Ordering::Relaxed), 0);
        }
    }

    /// Its tape, if the pool's events are recorded. For its own thread.
    pub(crate) fn tape(&self, pool: &Pool) -> Option<&Tape> {
        let recorder = pool.recorder();
        let new = || recorder.tape(self.tid(), &pool.config.thread_name, Weak::clone(&self.me));
        recorder.is_on().then(|| &**self.tape.get_or_init(new))
    }

    /// What it is in. With the number of events at which that was so, if one of a few attempts finds the thread still for so long.
    pub(crate) fn look(&self) -> Seen {
        let written = || self.tape.get().map_or(0, |tape| tape.written());
        let mut attempts = 0..LOOKS;
        loop {
            let at = written();
            let seq = self.words.observe();
            let processor = if self.words.is_contested() { NO_PROCESSOR } else { self.words.processor() };
            let call = self.words.site().filter(|_| seq.is_declared());
            let running = self.running().filter(|_| seq.is_lent());
            // Acquire: the second look at the count comes after all of these.
            fence(Ordering::Acquire);
            // Of polls that are merged the count says nothing; the word does.
            if (written() == at && self.words.observe() == seq) || attempts.next().is_none() {
                return Seen { tape: self.tape.get().map(|tape| (Arc::clone(tape), at)), running, processor, call };
            }
        }
    }

    /// The task that it polls, or polled last.
    pub(crate) fn running(&self) -> Option<StuckThread> {
        let location = self.spawned_at.load(Ordering::Relaxed);
        // SAFETY: `begin_poll` is the only writer, and it stores `&'static` references.
        let spawned_at = unsafe { location.as_ref() }?;
        Some(StuckThread { tid: self.tid(), task: self.task.load(Ordering::Relaxed), spawned_at })
    }

    /// The thread's id, as gettid(2) gives it; 0 if it has not begun.
    pub(crate) fn tid(&self) -> i32 {
        self.kernel.get().map_or(0, |kernel| kernel.tid())
    }

    pub(crate) fn kernel(&self) -> Option<KernelThread> {
        self.kernel.get().copied()
    }

    pub(crate) fn park(&self) {
        self.parker.park();
    }

    pub(crate) fn wake(&self) {
        self.parker.unpark();
    }

    /// Wakes it to end.
    pub(crate) fn dismiss(&self) {
        self.leave.store(true, Ordering::Relaxed);
        self.parker.unpark();
    }

    /// Counts its call as out, unless it is counted.
    pub(crate) fn count_call(&self, admission: &Admission) {
        // Relaxed: the thread sees a retake's store behind the verdict's Release.
        if !self.counted.swap(true, Ordering::Relaxed) {
            admission.enter_anyway();
        }
    }

    /// The same for a call that the admission has counted by itself.
    pub(crate) fn note_counted(&self) {
        self.counted.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_counted(&self) -> bool {
        self.counted.load(Ordering::Relaxed)
    }

    /// Its call is over.
    pub(crate) fn uncount_call(&self, admission: &Admission) {
        if self.counted.load(Ordering::Relaxed) {
            self.counted.store(false, Ordering::Relaxed);
            admission.leave();
        }
    }

    pub(crate) fn is_dismissed(&self) -> bool {
        self.leave.load(Ordering::Relaxed)
    }
}

/// The worker threads of one runtime, by slot. A slot is used again after its thread has ended.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    threads: Mutex<Vec<Option<Arc<ThreadRecord>>>>,
    alive: AtomicUsize,
    /// Started, but not yet at its first park or processor.
    starting: AtomicUsize,
}

impl Roster {
    fn with<R>(&self, act: impl FnOnce(&mut Vec<Option<Arc<ThreadRecord>>>) -> R) -> R {
        act(&mut self.threads.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn enlist(&self) -> Arc<ThreadRecord> {
        self.alive.fetch_add(1, Ordering::Relaxed);
        self.starting.fetch_add(1, Ordering::Relaxed);
        self.with(|threads| {
            let slot = threads.iter().position(Option::is_none).unwrap_or(threads.len());
            let record = Arc::new_cyclic(|me| ThreadRecord::new(slot as u32, Weak::clone(me)));
            if slot == threads.len() {
                threads.push(Some(Arc::clone(&record)));
            } else {
                threads[slot] = Some(Arc::clone(&record));
            }
            record
        })
    }

    fn strike_off(&self, record: &ThreadRecord, counters: &Counters) {
        // Under the lock, so that whoever adds up finds its calls here or there, and not in both.
        self.with(|threads| {
            threads[record.slot as usize] = None;
            counters.fast_calls_of_ended.add(record.fast_calls.get());
        });
        self.alive.fetch_sub(1, Ordering::Release);
    }

    pub(crate) fn alive(&self) -> usize {
        self.alive.load(Ordering::Acquire)
    }

    pub(crate) fn starting(&self) -> usize {
        self.starting.load(Ordering::Relaxed)
    }

    pub(crate) fn arrived(&self) {
        self.starting.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self, slot: u32) -> Option<Arc<ThreadRecord>> {
        self.with(|threads| threads.get(slot as usize).cloned().flatten())
    }

    pub(crate) fn records(&self) -> Vec<Arc<ThreadRecord>> {
        self.with(|threads| threads.iter().flatten().cloned().collect())
    }

    pub(crate) fn all(&self, holds: impl Fn(&ThreadRecord) -> bool) -> bool {
        self.with(|threads| threads.iter().flatten().all(|thread| holds(thread)))
    }

    /// Declared calls of all threads, those that have ended included, that returned before anybody took their processor.
    pub(crate) fn fast_calls(&self, counters: &Counters) -> u64 {
        self.with(|threads| {
            let alive: u64 = threads.iter().flatten().map(|thread| thread.fast_calls.get()).sum();
            alive + counters.fast_calls_of_ended.get()
        })
    }

    /// How many threads are where.
    pub(crate) fn places(&self) -> Places {
        self.with(|threads| threads.iter().flatten().fold(Places::default(), |places, thread| places.with(thread.words.place())))
    }

    /// Those that run user code without a processor now.
    pub(crate) fn without_processor(&self) -> usize {
        self.with(|threads| threads.iter().flatten().filter(|thread| thread.words.runs_without()).count())
    }

    /// What each thread is in, and where its tape is.
    pub(crate) fn look(&self) -> Vec<Seen> {
        self.with(|threads| threads.iter().flatten().map(|thread| thread.look()).collect())
    }

    pub(crate) fn stuck(&self) -> Vec<StuckThread> {
        self.with(|threads| {
            let in_user_code = threads.iter().flatten().filter(|thread| thread.words.observe().is_lent());
            in_user_code.filter_map(|thread| thread.running()).collect()
        })
    }
}

/// Starts one worker thread.
///
/// # Errors
/// What `pthread_create(3)` says, EAGAIN above all; nothing is left behind then.
pub(crate) fn start(pool: &Arc<Pool>, scheduler: &Arc<dyn Scheduler>) -> io::Result<()> {
    let record = pool.roster.enlist();
    let mut builder = thread::Builder::new().name(pool.config.thread_name.clone());
    if let Some(bytes) = pool.config.thread_stack_size {
        builder = builder.stack_size(bytes);
    }
    let (own_pool, own_scheduler, own_record) = (Arc::clone(pool), Arc::clone(scheduler), Arc::clone(&record));
    match replace::starting_thread(|| builder.spawn(move || run(own_pool, own_scheduler, own_record))) {
        Ok(_) => {
            pool.counters().threads_started.raise();
            Ok(())
        }
        Err(error) => {
            pool.roster.arrived();
            pool.roster.strike_off(&record, pool.counters());
            pool.counters().thread_failures.raise();
            Err(error)
        }
    }
}

fn run(pool: Arc<Pool>, scheduler: Arc<dyn Scheduler>, record: Arc<ThreadRecord>) {
    kernel::set_precise_sleep();
    pool.heritage.mask.apply();
    let tid = record.kernel.get_or_init(KernelThread::current).tid();
    record.parker.adopt_current();
    events::thread_start(&pool, tid);
    record.note(&pool, Kind::ThreadStart);
    Worker::run(Arc::clone(&pool), scheduler, Arc::clone(&record));
    pool.counters().threads_ended.raise();
    events::thread_end(&pool, tid);
    record.note(&pool, Kind::ThreadEnd);
    pool.roster.strike_off(&record, pool.counters());
    if pool.is_closing() {
        // The monitor waits for the last thread to end.
        pool.doze.kick();
    }
}
