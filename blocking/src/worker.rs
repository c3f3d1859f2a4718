//! Does the calling thread hold a processor, and what happens to it around user code?
//!
//! A [`Worker`] is a worker thread's own view; others see its record. What it holds moves like this:
//!
//! ```text
//!              acquire              lend (poll, end of an entry)
//!   Without ------------> Inside -----------------------------> Lent
//!      ^                    | ^                                  | |
//!      |     release, rest  | +-------- reclaim: kept -----------+ |
//!      +--------------------+                                      |
//!      +------------------------- reclaim: lost -------------------+
//! ```

mod calls;
mod notes;

use std::cell::Cell;
use std::panic::Location;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use crate::current;
use crate::events;
use crate::kernel;
use crate::lease::Lease;
use crate::pool::Pool;
use crate::record::{Mode, Reclaim, Record};
use crate::recorder::{Kind, Pen, Waits};
use crate::scheduler::Scheduler;
use crate::shown;
use crate::telling::Tell;
use crate::threads::ThreadRecord;
pub(crate) use calls::Place;

/// What the thread has, as plain data that can be looked at without taking it: the cell below owns the lease that the index stands for, from
/// the lend until it is taken out again.
#[derive(Clone, Copy, Debug, Default)]
enum Hold {
    /// No processor.
    #[default]
    Without,
    /// A runtime entry is using it right now.
    Busy,
    /// Held; runtime code runs.
    Inside(u32),
    /// Lent; user code runs.
    Lent(u32),
}

/// A worker thread, as itself.
pub struct Worker {
    pool: Arc<Pool>,
    scheduler: Arc<dyn Scheduler>,
    thread: Arc<ThreadRecord>,
    hold: Cell<Hold>,
    /// Which processor it held last: the one to ask for first.
    last: Cell<usize>,
    /// The monitor has been told of work behind this poll.
    kicked: Cell<bool>,
    /// This poll has stepped aside once: it is not asked again, or a foreign executor inside it would spin.
    stepped_aside: Cell<bool>,
    /// The monitor took the processor of this poll, and the return from that is not told of yet.
    overtaken: Cell<bool>,
    /// It took a processor that had been given up for waiting tasks, this long after that; not told of yet.
    took_over: Cell<Option<Duration>>,
    /// The processor is on loan to something else than a poll.
    on_other_loan: Cell<bool>,
    pen: Pen,
}

impl Worker {
    pub(crate) fn run(pool: Arc<Pool>, scheduler: Arc<dyn Scheduler>, thread: Arc<ThreadRecord>) {
        let worker = Self {
            last: Cell::new(thread.slot as usize % pool.processors()),
            pool,
            scheduler: Arc::clone(&scheduler),
            thread,
            hold: Cell::default(),
            kicked: Cell::new(false),
            stepped_aside: Cell::new(false),
            overtaken: Cell::new(false),
            took_over: Cell::new(None),
            on_other_loan: Cell::new(false),
            pen: Pen::default(),
        };
        let _leave = current::enter(&worker);
        scheduler.run_worker(&worker);
    }

    fn words(&self) -> &Record {
        &self.thread.words
    }

    #[inline]
    pub(crate) fn belongs_to(&self, pool: &Pool) -> bool {
        ptr::eq(Arc::as_ptr(&self.pool), pool)
    }

    #[inline]
    pub(crate) fn last_processor(&self) -> usize {
        self.last.get()
    }

    /// The pool it belongs to.
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    pub(crate) fn scheduler(&self) -> &Arc<dyn Scheduler> {
        &self.scheduler
    }

    // ---- processors -------------------------------------------------------------------------------------------------

    /// Takes an idle processor: the last one if it can be had, else any.
    pub fn acquire(&self) -> Option<Lease> {
        let lease = self.pool.idle.take(self.last.get()).or_else(|| self.pool.idle.take_any())?;
        self.words().bind(lease.index());
        self.pool.holders.bind(lease.processor(), self.thread.slot, kernel::current_cpu());
        self.last.set(lease.processor());
        let delay = self.pool.handed_off.taken(lease.processor());
        self.note(Kind::Acquired, lease.index(), delay.map_or(0, |delay| events::nanos(delay).max(1)));
        if let Some(delay) = delay {
            self.pool.counters().handoff_delays.record(delay);
            self.took_over.set(Some(delay));
        }
        self.pool.rouse(&*self.scheduler);
        Some(lease)
    }

    /// Takes an idle processor for a thread that comes out of user code without one, unless somebody else should have it.
    ///
    /// If a thread has been woken for each idle processor, and this CPU has a holder already, then with another one here the two would take turns while the CPU of the woken
    /// thread stands idle: the kernel does not move threads that ran within the last half millisecond (ARCHITECTURE.md, `mix100`).
    pub fn reacquire(&self) -> Option<Lease> {
        let is_spoken_for = self.pool.searchers.are_enough_for(self.pool.idle.len()) && self.shares_cpu_with_holder();
        if is_spoken_for { None } else { self.acquire() }
    }

    /// For a thread without a processor.
    fn shares_cpu_with_holder(&self) -> bool {
        self.pool.holders.any_on(kernel::current_cpu(), &self.pool.idle)
    }

    /// Gives the processor to the idle set; a thread is woken if a task waits.
    pub fn release(&self, lease: Lease) {
        self.words().unbind();
        self.note(Kind::Released, lease.index(), 0);
        self.pool.release(lease, &*self.scheduler);
    }

    /// Runs runtime code that may call back into the runtime (wakers), with the lease where such entries find it.
    pub fn hold_during<R>(&self, lease: Lease, act: impl FnOnce() -> R) -> (Lease, R) {
        self.hold.set(Hold::Inside(lease.index()));
        let result = act();
        match self.hold.take() {
            Hold::Inside(processor) => (Lease::new(processor), result),
            other => lost_track("inside", other),
        }
    }

    /// Tells that it took `processor` over. To be called [on loan](Self::lend_during): a subscriber is user code.
    #[cold]
    pub fn tell_of_hand_off(&self, processor: usize, delay: Duration) {
        events::handoff(processor, self.thread.tid(), delay);
    }

    /// After it took a processor that had been given up for waiting tasks: how long that had no holder, if somebody listens.
    #[inline]
    pub fn news(&self) -> Option<Duration> {
        self.took_over.take().filter(|_| tracing::enabled!(target: "handover", tracing::Level::DEBUG))
    }

    /// Runs user code that is no task's poll (a subscriber, a waker that tells one) on loan; afterwards the processor is back, or lost. `act` must not unwind.
    /// The thread does not count as a searcher meanwhile.
    pub fn lend_during(&self, lease: Lease, act: impl FnOnce()) -> Option<Lease> {
        self.on_other_loan.set(true);
        self.begin_loan(&lease);
        act();
        let lease = self.end_loan();
        self.on_other_loan.set(false);
        lease
    }

    /// Runs user code on loan; afterwards the processor is back, or lost. `poll` must not unwind.
    #[inline]
    pub fn poll_on_loan<R>(
        &self,
        lease: Lease,
        task: u64,
        spawned_at: &'static Location<'static>,
        poll: impl FnOnce() -> R,
    ) -> (Option<Lease>, R) {
        self.thread.begin_poll(task, spawned_at);
        self.note_poll_begin(&lease, task, spawned_at);
        self.begin_loan(&lease);
        let result = poll();
        self.note_poll_end();
        let lease = self.end_loan();
        if lease.is_none() {
            self.pool.counters().runs_without_processor.raise();
        }
        (lease, result)
    }

    /// User code begins. The cell owns from here on what `lease` stands for.
    #[inline]
    fn begin_loan(&self, lease: &Lease) {
        self.kicked.set(false);
        self.stepped_aside.set(false);
        self.words().lend();
        self.hold.set(Hold::Lent(lease.index()));
    }

    /// User code is over: the processor, or nothing if it was lost.
    #[inline]
    fn end_loan(&self) -> Option<Lease> {
        let lease = match self.hold.take() {
            Hold::Lent(processor) => self.reclaim(processor, Mode::INSIDE),
            Hold::Without => {
                self.words().enter_without();
                None
            }
            other => lost_track("lent", other),
        };
        if lease.is_none() {
            // A nested entry may have noticed the loss, and the end of the call not.
            self.thread.uncount_call(&self.pool.admission);
            self.tell_of_return(false);
        }
        lease
    }

    /// The processor that was lent, unless the monitor has it. The caller has taken it out of the cell. User code was in `mode`, or has ended.
    #[inline]
    fn reclaim(&self, lent: u32, mode: Mode) -> Option<Lease> {
        match self.words().reclaim() {
            Reclaim::Kept => {
                // Invariant 1 of ARCHITECTURE.md. A hint will do: had another thread bound it, the monitor's verdict would have come in between.
                debug_assert_eq!(self.pool.holders.slot(lent as usize), self.thread.slot, "processor {lent} has two holders");
                Some(Lease::new(lent))
            }
            Reclaim::Lost => {
                self.overtaken.set(true);
                self.note_loss(mode);
                None
            }
        }
    }

    /// Tells that it is back after the monitor took its processor, unless that has been told.
    #[cold]
    fn tell_of_return(&self, has_processor: bool) {
        if !self.overtaken.take() {
            return;
        }
        let (tell, took, call) = self.thread.telling.returned(has_processor);
        let counters = self.pool.counters();
        if call.is_some() { &counters.handed_off } else { &counters.overtaken }.record(took);
        match tell {
            Tell::Both(retaken, returned) => {
                events::retake(&retaken);
                let _row = shown::retaken_call(&self.pool, &retaken);
                events::call_return(retaken.running.as_ref(), retaken.call, &returned, true);
            }
            Tell::Return(call, returned, _row) => events::call_return(self.thread.running().as_ref(), call, &returned, true),
            Tell::Nothing => {}
        }
    }

    /// Runs `act` with the lease of `worker`, if there is one and it holds a processor. One place calls `act`, so that it becomes a part of the caller.
    #[inline(always)]
    pub(crate) fn with_lease<R>(worker: Option<&Self>, act: impl FnOnce(Option<&mut Lease>) -> R) -> R {
        let before = worker.map_or(Hold::Without, |worker| worker.hold.replace(Hold::Busy));
        let (mode, mut lease) = match (worker, before) {
            (Some(worker), Hold::Lent(lent)) => {
                let mode = worker.words().mode();
                (mode, worker.reclaim(lent, mode))
            }
            (_, Hold::Inside(processor)) => (Mode::INSIDE, Some(Lease::new(processor))),
            _ => (Mode::INSIDE, None),
        };
        let result = act(lease.as_mut());
        match (worker, before) {
            (Some(worker), Hold::Lent(_)) => worker.lend_again(mode, lease),
            (Some(worker), hold) => worker.hold.set(hold),
            (None, _) => {}
        }
        result
    }

    #[inline]
    fn lend_again(&self, mode: Mode, lease: Option<Lease>) {
        self.words().lend_again(mode);
        self.hold.set(match lease {
            Some(lease) => Hold::Lent(lease.index()),
            None => Hold::Without,
        });
    }

    /// User code on this thread may have lost its processor: finds out, and takes an idle one if it has. True if it holds one now.
    #[cold]
    fn regain(&self) -> bool {
        let mode = self.words().mode();
        let lease = match self.hold.replace(Hold::Busy) {
            Hold::Lent(lent) => self.reclaim(lent, mode),
            Hold::Without if mode.is_lent() => {
                self.words().enter_without();
                None
            }
            hold => {
                // Inside the runtime: its own business.
                let holds = !matches!(hold, Hold::Without);
                self.hold.set(hold);
                return holds;
            }
        };
        let lease = lease.or_else(|| self.reacquire());
        let holds = lease.is_some();
        self.lend_again(mode, lease);
        holds
    }

    /// [`regain`](Self::regain), and tells of its return if that has succeeded after a retake.
    #[cold]
    fn come_back(&self) -> bool {
        let holds = self.regain();
        if holds {
            self.tell_of_return(true);
        }
        holds
    }

    /// How often another thread got the CPU of this one, which could have gone on (`ru_nivcsw` of `getrusage(2)`; also after sched_yield(2)).
    pub fn preemptions(&self) -> u64 {
        kernel::preemptions()
    }

    /// The CPU time that all threads of the process have used.
    pub fn process_cpu_time() -> Duration {
        kernel::process_cpu_time()
    }

    // ---- rest -------------------------------------------------------------------------------------------------------

    /// Puts itself on the stack of spares; from now on a wake-up may come. Then the caller releases its processor, and
    /// [parks](Self::park).
    pub fn line_up(&self) {
        self.pool.spares.push(Arc::clone(&self.thread));
    }

    /// Sleeps until it is woken. It then counts as a searcher, unless the runtime is closing or it is [dismissed](Self::is_dismissed).
    pub fn park(&self) {
        self.pool.counters().parks.raise();
        self.waiting(Waits::AsSpare, || self.thread.park());
    }

    /// A searcher that woke up on a CPU which has a holder, while others search for every idle processor, is of no use; for the reason see [`reacquire`](Self::reacquire). Then it no longer counts.
    pub fn leaves_search_to_others(&self) -> bool {
        self.shares_cpu_with_holder() && self.pool.searchers.end_beyond(self.pool.idle.len())
    }

    /// Takes itself off the stack of spares again; false if it has been woken meanwhile (then it must still [park](Self::park), which returns at once).
    pub fn step_out(&self) -> bool {
        self.pool.spares.withdraw(&self.thread)
    }

    /// Whether it shall end.
    pub fn is_dismissed(&self) -> bool {
        self.thread.is_dismissed()
    }

    /// It has begun: the monitor no longer counts it as one that is still to come.
    pub fn arrived(&self) {
        self.pool.roster.arrived();
    }
}

#[cold]
fn lost_track(expected: &str, found: Hold) -> ! {
    // Two threads might run tasks of one processor from here on.
    eprintln!("handover: a worker's processor should be {expected}, but is {found:?}; this is a bug");
    std::process::abort()
}
