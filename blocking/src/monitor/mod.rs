//! What does the thread without a processor do?
//!
//! It looks at every lent processor, lets `judge` decide, and acts; it makes the threads that others need, trims those that nobody needs,
//! stands in for a missing poller, and fires the timers of stuck processors. It sleeps between its rounds, the longer the less happens, and
//! without limit once everything is idle.

mod close;
mod interrupts;
mod rhythm;
mod sleep;
mod stalls;
mod supply;
mod trim;
mod watch;

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use std::{io, thread};

use crate::coarse::Keeper;
use crate::events;
use crate::kernel::{self, SignalMask};
use crate::lease::Lease;
use crate::pool::Pool;
use crate::predictor::Site;
use crate::record::{NO_PROCESSOR, Retake, Seq};
use crate::recorder::{self, Kind};
use crate::replace;
use crate::scheduler::Scheduler;
use crate::shown;
use crate::telling::Retaken;
use crate::threads::{self, ThreadRecord};
use crate::verdict::{Observation, Reason, Verdict, judge};
use interrupts::Interrupts;
use rhythm::Rhythm;
use sleep::Attempts;
use stalls::Stalls;
use supply::Supply;
use trim::Trim;
use watch::Watch;

/// Starts the monitor, and has it start the first worker threads.
///
/// # Errors
/// When the system refuses the monitor or one of the first threads (one per processor); nothing runs then.
pub fn start(pool: &Arc<Pool>, scheduler: &Arc<dyn Scheduler>) -> io::Result<()> {
    let (report, first_threads) = mpsc::channel();
    let monitor = Monitor::new(Arc::clone(pool), Arc::clone(scheduler));
    let name = format!("{}-mon", pool.config.thread_name);
    replace::starting_thread(|| thread::Builder::new().name(name).spawn(move || monitor.run(&report)))?;
    match first_threads.recv() {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            // Nothing is left running: the threads that did start have nothing to do and end at once.
            pool.await_closed(Duration::from_secs(5));
            Err(error)
        }
        Err(mpsc::RecvError) => Err(io::Error::other("the monitor thread ended before it started a worker thread")),
    }
}

/// What one round over the processors came to.
#[derive(Debug, Default)]
struct Round {
    /// Something was retaken, fired or started.
    eventful: bool,
    /// A verdict needs a second look soon.
    look_again: bool,
}

struct Monitor {
    pool: Arc<Pool>,
    scheduler: Arc<dyn Scheduler>,
    watches: Vec<Watch>,
    /// Threads that compute without the processor that was taken from them, with the poll that they do so in.
    computing: Vec<(Arc<ThreadRecord>, u64)>,
    rhythm: Rhythm,
    stalls: Stalls,
    supply: Supply,
    attempts: Attempts,
    interrupts: Interrupts,
    trim: Trim,
    /// While it is awake.
    keeper: Option<Keeper>,
}

impl Monitor {
    fn new(pool: Arc<Pool>, scheduler: Arc<dyn Scheduler>) -> Self {
        let now = Instant::now();
        Self {
            watches: (0..pool.processors()).map(|_| Watch::new(now)).collect(),
            pool,
            scheduler,
            computing: Vec::new(),
            rhythm: Rhythm::new(),
            stalls: Stalls::default(),
            supply: Supply::new(now),
            attempts: Attempts::new(now),
            interrupts: Interrupts::default(),
            trim: Trim::new(now),
            keeper: None,
        }
    }

    fn run(mut self, report: &mpsc::Sender<io::Result<()>>) {
        kernel::set_precise_sleep();
        SignalMask::block_all();
        self.pool.doze.adopt_current();
        let started = self.start_first_threads();
        let failed = started.is_err();
        if failed {
            self.pool.close(&*self.scheduler);
        }
        // The builder waits for this; that it hung up would mean that it panicked, and then nobody is there to be told.
        let _ = report.send(started);
        while !self.pool.is_closing() {
            let round = self.round(Instant::now());
            self.rest(&round);
        }
        self.keeper = None;
        self.close();
    }

    fn start_first_threads(&self) -> io::Result<()> {
        for _ in 0..self.pool.processors() {
            threads::start(&self.pool, &self.scheduler)?;
        }
        for _ in 0..self.pool.config.reserve() {
            if let Err(error) = threads::start(&self.pool, &self.scheduler) {
                tracing::warn!(%error, "no spare threads are kept ready: the system refuses them");
                break;
            }
        }
        Ok(())
    }

    // ---- one round --------------------------------------------------------------------------------------------------

    fn round(&mut self, now: Instant) -> Round {
        let mut round = Round::default();
        self.keep_time(now);
        self.computing.retain(|(thread, poll)| thread.polls.get() == *poll && thread.words.observe().is_lent());
        for processor in 0..self.watches.len() {
            self.look_at(processor, now, &mut round);
        }
        self.interrupts.send(&self.pool, now);
        self.stalls.warn_of_early_ones(&self.pool, now);
        self.scheduler.fire_overdue();
        self.supply.break_deadlock(&self.pool, now);
        round.eventful |= self.supply.provide(&self.pool, &self.scheduler, now);
        self.trim.round(&*self.scheduler, now);
        self.note_levels();
        round
    }

    /// Brings the coarse clock forward.
    fn keep_time(&mut self, now: Instant) {
        self.keeper.get_or_insert_with(|| Keeper::new(now)).advance(now);
    }

    fn look_at(&mut self, processor: usize, now: Instant, round: &mut Round) {
        let Some((thread, seq)) = self.lent(processor) else {
            self.watches[processor].forget();
            return;
        };
        let unmoved = self.watches[processor].update(&thread, seq, now);
        let mut seen = self.observe(processor, seq, now);
        if seen.work_waits && !seen.processor_idle && seen.declared && !self.watches[processor].is_restless() {
            round.look_again = true;
        }
        if seen.work_waits && seen.processor_idle && unmoved {
            // A thread keeps a batch of events to itself at first; this one is held up with it.
            self.pool.wake_for_waiting(&*self.scheduler);
        }
        let mut verdict = judge(&seen);
        if verdict == Verdict::AskKernel {
            seen.kernel = self.watches[processor].ask_kernel(&thread);
            match seen.kernel {
                Some(_) => verdict = judge(&seen),
                None => round.look_again = true,
            }
        }
        match verdict {
            Verdict::Leave | Verdict::AskKernel => {}
            Verdict::AskYield => thread.words.ask_yield(),
            Verdict::Retake(reason) => {
                round.eventful |= self.retake(processor, &thread, seq, reason, now);
            }
        }
    }

    /// Who has lent `processor`.
    fn lent(&self, processor: usize) -> Option<(Arc<ThreadRecord>, Seq)> {
        let slot = self.pool.holders.slot(processor);
        let thread = self.pool.roster.get(slot)?;
        let seq = thread.words.observe();
        (seq.is_lent() && thread.words.processor() == processor as u32).then_some((thread, seq))
    }

    fn observe(&self, processor: usize, seq: Seq, now: Instant) -> Observation {
        let watch = &self.watches[processor];
        Observation {
            declared: seq.is_declared(),
            unmoved: watch.unmoved(now),
            in_poll: watch.in_poll(now),
            work_waits: self.scheduler.work_waits_behind(processor),
            processor_idle: self.pool.has_room() && !self.scheduler.hides_work(processor),
            kernel: None,
            computing_without: self.computing.len(),
            computing_limit: self.pool.processors(),
            handoff_after: self.pool.config.handoff_after,
        }
    }

    fn retake(&mut self, processor: usize, thread: &Arc<ThreadRecord>, seq: Seq, reason: Reason, now: Instant) -> bool {
        let site = thread.words.site();
        if reason == Reason::Computing {
            thread.words.ask_yield();
        }
        let declared = matches!(reason, Reason::WorkWaits | Reason::LongCall);
        let unmoved = self.watches[processor].unmoved(now);
        let taken = || {
            if declared {
                thread.count_call(&self.pool.admission);
            }
            self.note_retake(processor, thread, reason);
            let call = site.filter(|_| seq.is_declared());
            thread.telling.taken(Retaken { processor, reason, running: thread.running(), call, since: now - unmoved, unmoved });
        };
        match thread.words.retake(seq, processor as u32, taken) {
            Retake::Moved => return false,
            Retake::Taken => {}
        }
        self.pool.counters().count_retake(reason);
        self.watches[processor].forget();
        self.pool.hand_off(Lease::new(processor as u32), &*self.scheduler);
        // After that: the subscriber may want a lock that the task holds.
        tell(thread, &self.pool);
        if matches!(reason, Reason::Computing | Reason::Blocked | Reason::BlockedEarly) {
            self.rhythm.stalled();
        }
        match reason {
            Reason::WorkWaits | Reason::LongCall => site.map(Site::of).into_iter().for_each(Site::learn_retaken),
            Reason::Computing => self.computing.push((Arc::clone(thread), thread.polls.get())),
            Reason::Blocked => self.stalls.warn(thread, unmoved, &self.pool, now),
            Reason::BlockedEarly => self.stalls.note_early(thread, seq, now - unmoved),
            Reason::Shutdown => {}
        }
        true
    }
}

impl Monitor {
    /// Records a retake.
    fn note_retake(&self, processor: usize, thread: &ThreadRecord, reason: Reason) {
        if recorder::is_any_on() {
            let task = thread.running().map_or(0, |running| running.task);
            let argument = u64::from(thread.tid() as u32) | (reason as u64) << 32;
            self.pool.recorder().write_by_monitor(Kind::Retaken, processor as u32, task, argument);
        }
    }

    /// Records the runtime's numbers.
    fn note_levels(&self) {
        if recorder::is_any_on() {
            let levels = recorder::levels(self.pool.roster.alive(), self.pool.admission.out(), self.scheduler.queued());
            self.pool.recorder().write_by_monitor(Kind::Levels, NO_PROCESSOR, 0, levels);
        }
    }
}

/// Tells of a retake, and of the return if the thread has come back meanwhile.
fn tell(thread: &ThreadRecord, pool: &Pool) {
    let Some(retaken) = thread.telling.begin() else { return };
    events::retake(&retaken);
    let row = shown::retaken_call(pool, &retaken);
    if let Some((returned, _row)) = thread.telling.end(row) {
        events::call_return(retaken.running.as_ref(), retaken.call, &returned, true);
    }
}
