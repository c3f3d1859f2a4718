//! What does the thread without a processor do?
//!
//! It looks at every lent processor, lets `judge` decide, and acts; it makes the threads that others need, trims those that nobody needs,
//! stands in for a missing poller, and fires the timers of stuck processors. It sleeps between its rounds, the longer the less happens, and
//! without limit once everything is idle.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use std::{io, thread};

use crate::kernel::{self, SignalMask};
use crate::lease::Lease;
use crate::pool::Pool;
use crate::predictor;
use crate::record::{Retake, Seq};
use crate::scheduler::Scheduler;
use crate::threads::{self, ThreadRecord};
use crate::verdict::{Kernel, Observation, Reason, SECOND_LOOK, Verdict, judge};
use crate::wakefulness::Depth;

/// The first sleep after something happened; it doubles while nothing does.
const SHORTEST_SLEEP: Duration = Duration::from_micros(50);
/// The longest sleep while any processor is held.
const LONGEST_SLEEP: Duration = Duration::from_millis(10);
/// The longest sleep while tasks wait; a longer one may be kicked.
const SLEEP_WHILE_WORK_WAITS: Duration = Duration::from_millis(1);
/// After a kick the monitor stays awake for so many rounds of up to a millisecond: a busy server, whose searchers find tasks left all the time, kicks it a few times
/// a second instead of a few thousand.
const ALERT_ROUNDS: u32 = 32;
/// Rounds, each of the longest sleep, that found every processor idle before the monitor sleeps without limit. So a program that wakes up every
/// millisecond does not pay for a kick each time.
const ROUNDS_BEFORE_DEEP: u32 = 3;
/// Between attempts to start a thread that the system refuses; doubles up to `LONGEST_BACKOFF`.
const SHORTEST_BACKOFF: Duration = Duration::from_millis(5);
const LONGEST_BACKOFF: Duration = Duration::from_millis(500);
/// With every allowed thread out and tasks waiting, one more is made after this long: the calls may be waiting for each other.
const BREAKER: Duration = Duration::from_secs(1);
/// One warning per spawn site in this time.
const WARN_EVERY: Duration = Duration::from_secs(60);
/// While the runtime closes and threads are still out, the monitor looks this often at the most.
const LONGEST_CLOSING_SLEEP: Duration = Duration::from_millis(100);

/// Starts the monitor, and has it start the first worker threads.
///
/// # Errors
/// When the system refuses the monitor or one of the first threads (one per processor); nothing runs then.
pub fn start(pool: &Arc<Pool>, scheduler: &Arc<dyn Scheduler>) -> io::Result<()> {
    let (report, first_threads) = mpsc::channel();
    let monitor = Monitor::new(Arc::clone(pool), Arc::clone(scheduler));
    let name = format!("{}-mon", pool.config.thread_name);
    thread::Builder::new().name(name).spawn(move || monitor.run(&report))?;
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

/// What the monitor remembers of one processor.
#[derive(Debug)]
struct Watch {
    seen: Option<(u32, Seq)>,
    since: Instant,
    polls: u64,
    poll_since: Instant,
    cpu: Option<Duration>,
}

impl Watch {
    fn new(now: Instant) -> Self {
        Self { seen: None, since: now, polls: 0, poll_since: now, cpu: None }
    }

    fn update(&mut self, thread: &ThreadRecord, seq: Seq, now: Instant) {
        if self.seen != Some((thread.slot, seq)) {
            if self.seen.is_none_or(|(slot, _)| slot != thread.slot) {
                self.poll_since = now;
            }
            self.seen = Some((thread.slot, seq));
            self.since = now;
            self.cpu = None;
        }
        let polls = thread.polls.get();
        if self.polls != polls {
            self.polls = polls;
            self.poll_since = now;
        }
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
    /// Undeclared polls that lost their processor to waiting tasks before it was time to warn, and since when they have been blocked.
    blocked_early: Vec<(Arc<ThreadRecord>, Seq, Instant)>,
    sleep: Duration,
    idle_rounds: u32,
    /// Rounds for which it sleeps too briefly to be kicked again.
    alert: u32,
    poll_attempts: u64,
    starved_since: Option<Instant>,
    backoff: Duration,
    no_threads_before: Option<Instant>,
    warned: HashMap<&'static Location<'static>, Instant>,
}

impl Monitor {
    fn new(pool: Arc<Pool>, scheduler: Arc<dyn Scheduler>) -> Self {
        let now = Instant::now();
        Self {
            watches: (0..pool.processors()).map(|_| Watch::new(now)).collect(),
            pool,
            scheduler,
            computing: Vec::new(),
            blocked_early: Vec::new(),
            sleep: SHORTEST_SLEEP,
            idle_rounds: 0,
            alert: 0,
            poll_attempts: 0,
            starved_since: None,
            backoff: SHORTEST_BACKOFF,
            no_threads_before: None,
            warned: HashMap::new(),
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
        self.computing.retain(|(thread, poll)| thread.polls.get() == *poll && thread.words.observe().is_lent());
        for processor in 0..self.watches.len() {
            self.look_at(processor, now, &mut round);
        }
        self.warn_of_early_ones(now);
        self.scheduler.fire_overdue();
        self.provide_threads(now, &mut round);
        round
    }

    fn look_at(&mut self, processor: usize, now: Instant, round: &mut Round) {
        let slot = self.pool.holders[processor].load(Ordering::Relaxed);
        let lent = self.pool.roster.get(slot).and_then(|thread| {
            let seq = thread.words.observe();
            (seq.is_lent() && thread.words.processor() == processor as u32).then_some((thread, seq))
        });
        let Some((thread, seq)) = lent else {
            self.watches[processor].seen = None;
            return;
        };
        self.watches[processor].update(&thread, seq, now);
        let mut seen = self.observe(processor, seq, now);
        if seen.work_waits && !seen.processor_idle && seen.declared {
            round.look_again = true;
        }
        let mut verdict = judge(&seen);
        if verdict == Verdict::AskKernel {
            seen.kernel = self.ask_kernel(processor, &thread);
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

    fn observe(&self, processor: usize, seq: Seq, now: Instant) -> Observation {
        let watch = &self.watches[processor];
        Observation {
            declared: seq.is_declared(),
            unmoved: now - watch.since,
            in_poll: now - watch.poll_since,
            work_waits: self.scheduler.work_waits_behind(processor),
            processor_idle: !self.pool.idle.is_empty() && !self.scheduler.hides_work(processor),
            kernel: None,
            computing_without: self.computing.len(),
            computing_limit: self.pool.processors(),
            handoff_after: self.pool.config.handoff_after,
        }
    }

    /// The first question of a thread only reads its clock; the answer comes a look later.
    fn ask_kernel(&mut self, processor: usize, thread: &ThreadRecord) -> Option<Kernel> {
        let kernel = thread.kernel()?;
        let watch = &mut self.watches[processor];
        match watch.cpu {
            None => {
                watch.cpu = kernel.cpu_time();
                None
            }
            Some(before) => {
                let answer = kernel.since(before);
                watch.cpu = kernel.cpu_time();
                Some(answer)
            }
        }
    }

    fn retake(&mut self, processor: usize, thread: &Arc<ThreadRecord>, seq: Seq, reason: Reason, now: Instant) -> bool {
        let site = thread.words.site();
        if reason == Reason::Computing {
            thread.words.ask_yield();
        }
        match thread.words.retake(seq, processor as u32) {
            Retake::Moved => return false,
            Retake::Taken => {}
        }
        self.pool.counters().retakes.raise();
        self.pool.counters().handoffs.raise();
        let since = self.watches[processor].since;
        self.watches[processor].seen = None;
        tracing::debug!(processor, ?reason, unmoved = ?(now - since), "retake");
        self.pool.release(Lease::new(processor as u32), &*self.scheduler);
        match reason {
            Reason::WorkWaits | Reason::LongCall => predictor::learn_retaken(site),
            Reason::Computing => self.computing.push((Arc::clone(thread), thread.polls.get())),
            // After the release: the subscriber may want a lock that the blocked task holds.
            Reason::Blocked => self.warn(thread, now - since, now),
            Reason::BlockedEarly => self.blocked_early.push((Arc::clone(thread), seq, since)),
            Reason::Shutdown => {}
        }
        true
    }

    /// Those that are still blocked when it is time.
    fn warn_of_early_ones(&mut self, now: Instant) {
        for (thread, seq, since) in std::mem::take(&mut self.blocked_early) {
            if thread.words.observe() != seq {
                continue;
            }
            if now - since >= self.pool.config.handoff_after {
                self.warn(&thread, now - since, now);
            } else {
                self.blocked_early.push((thread, seq, since));
            }
        }
    }

    fn warn(&mut self, thread: &ThreadRecord, unmoved: Duration, now: Instant) {
        self.pool.counters().stalls.raise();
        let Some(running) = thread.running() else { return };
        let last = self.warned.insert(running.spawned_at, now);
        if last.is_some_and(|last| now - last < WARN_EVERY) {
            self.warned.extend(last.map(|last| (running.spawned_at, last)));
            return;
        }
        let channel = thread.kernel().and_then(|kernel| kernel.wait_channel());
        tracing::warn!(
            task = running.task,
            spawned_at = %running.spawned_at,
            blocked_for = ?unmoved,
            wait_channel = channel.as_deref().unwrap_or("unknown"),
            "a task blocks its thread without saying so; its processor is handed off. Wrap the call in `handover::blocking`",
        );
    }

    // ---- threads ----------------------------------------------------------------------------------------------------

    fn provide_threads(&mut self, now: Instant, round: &mut Round) {
        let pool = Arc::clone(&self.pool);
        if pool.take_starved() {
            self.starved_since.get_or_insert(now);
        }
        let ready = pool.spares.len() + pool.roster.starting();
        if self.starved_since.is_some() && ready > 0 {
            self.starved_since = None;
            pool.wake_for_waiting(&*self.scheduler);
        }
        let mut missing = pool.config.reserve().saturating_sub(ready);
        if missing == 0 || self.no_threads_before.is_some_and(|before| now < before) {
            self.trim();
            return;
        }
        let room = pool.config.thread_limit().saturating_sub(pool.roster.alive());
        missing = missing.min(room);
        if room == 0 && self.starved_since.is_some_and(|since| now - since >= BREAKER) {
            tracing::warn!(
                threads = pool.roster.alive(),
                "every thread that max_blocking_threads allows is out in a call; one more is started"
            );
            missing = 1;
        }
        for _ in 0..missing {
            round.eventful = true;
            if !self.start_thread(now) {
                break;
            }
        }
    }

    fn start_thread(&mut self, now: Instant) -> bool {
        match threads::start(&self.pool, &self.scheduler) {
            Ok(()) => {
                // It looks for work by itself before it parks.
                self.starved_since = None;
                self.backoff = SHORTEST_BACKOFF;
                self.no_threads_before = None;
                true
            }
            Err(error) => {
                if self.backoff == SHORTEST_BACKOFF {
                    tracing::warn!(%error, threads = self.pool.roster.alive(), "the system refuses a thread; trying again");
                }
                self.no_threads_before = Some(now + self.backoff);
                self.backoff = (self.backoff * 2).min(LONGEST_BACKOFF);
                false
            }
        }
    }

    fn trim(&self) {
        let config = &self.pool.config;
        while let Some(spare) = self.pool.spares.pop_expired(config.keep(), config.thread_keep_alive) {
            spare.dismiss();
        }
    }

    // ---- sleep ------------------------------------------------------------------------------------------------------

    fn rest(&mut self, round: &Round) {
        let all_idle = self.pool.idle.is_full();
        self.alert = self.alert.saturating_sub(1);
        self.idle_rounds = if all_idle { self.idle_rounds + 1 } else { 0 };
        self.sleep = match () {
            () if round.eventful => SHORTEST_SLEEP,
            () if all_idle => LONGEST_SLEEP,
            () if self.alert > 0 => (self.sleep * 2).min(SLEEP_WHILE_WORK_WAITS),
            () => (self.sleep * 2).min(LONGEST_SLEEP),
        };
        // While nobody polls, a timer or a socket is work that nobody sees.
        if self.scheduler.work_waits() || (self.scheduler.needs_poller() && !self.scheduler.has_poller()) {
            self.sleep = self.sleep.min(SLEEP_WHILE_WORK_WAITS);
        }
        let sleep = if round.look_again { SECOND_LOOK } else { self.sleep };
        if self.stand_in(sleep) {
            return;
        }
        self.send_for_poller();
        let depth = match () {
            () if self.may_sleep_deeply() => Depth::Deep,
            () if sleep > SLEEP_WHILE_WORK_WAITS => Depth::Nap,
            () => Depth::Brief,
        };
        self.pool.doze.settle_down(depth);
        match depth {
            Depth::Deep if self.may_sleep_deeply() => self.pool.doze.sleep(self.next_trim()),
            Depth::Deep => {}
            Depth::Nap if self.work_waits_anywhere() => self.pool.doze.sleep(Some(Instant::now() + SLEEP_WHILE_WORK_WAITS)),
            Depth::Nap | Depth::Brief => self.pool.doze.sleep(Some(Instant::now() + sleep)),
        }
        if self.pool.doze.wake_up() {
            self.be_alert();
            self.idle_rounds = 0;
        }
    }

    /// After a kick the second look comes soon.
    fn be_alert(&mut self) {
        self.sleep = SHORTEST_SLEEP / 2;
        self.alert = ALERT_ROUNDS;
    }

    fn may_sleep_deeply(&self) -> bool {
        self.idle_rounds >= ROUNDS_BEFORE_DEEP
            && self.pool.idle.is_full()
            && self.starved_since.is_none()
            && self.blocked_early.is_empty()
            && !self.scheduler.work_waits()
            && !self.pool.is_closing()
            && self.scheduler.has_poller()
    }

    /// Before it sleeps deeply: a thread that is no worker may arm a timer meanwhile, and only a poller would hear of it. There is none if the
    /// last one went into a long call while nothing was pending.
    fn send_for_poller(&self) {
        if self.idle_rounds >= ROUNDS_BEFORE_DEEP && !self.scheduler.has_poller() && self.pool.spares.len() > 0 {
            self.pool.send_for_poller(&*self.scheduler);
        }
    }

    /// Next slots included.
    fn work_waits_anywhere(&self) -> bool {
        (0..self.watches.len()).any(|processor| self.scheduler.work_waits_behind(processor))
    }

    fn next_trim(&self) -> Option<Instant> {
        self.pool.spares.next_expiry(self.pool.config.keep(), self.pool.config.thread_keep_alive)
    }

    /// While no worker thread polls, waits in epoll instead of sleeping.
    fn stand_in(&mut self, limit: Duration) -> bool {
        let attempts = self.scheduler.poll_attempts();
        let nobody_tried = std::mem::replace(&mut self.poll_attempts, attempts) == attempts;
        if !nobody_tried || self.scheduler.has_poller() || !self.scheduler.needs_poller() {
            return false;
        }
        self.pool.monitor_polls.store(true, Ordering::SeqCst);
        self.pool.doze.settle_down(Depth::Nap);
        // A kick from before `settle_down` interrupted nothing.
        let polled = !self.pool.doze.is_kicked() && self.scheduler.stand_in(limit);
        self.pool.monitor_polls.store(false, Ordering::SeqCst);
        if self.pool.answer_summons() {
            self.pool.report_starved(&*self.scheduler);
        }
        let kicked = self.pool.doze.wake_up();
        if kicked {
            self.be_alert();
        }
        polled || kicked
    }

    // ---- the end ----------------------------------------------------------------------------------------------------

    /// Takes what is stuck, cancels what no thread is left to cancel, and waits for the last thread.
    fn close(mut self) {
        let mut sleep = SHORTEST_SLEEP;
        loop {
            for processor in 0..self.watches.len() {
                self.take_for_shutdown(processor);
            }
            let drained = self.nobody_works() && self.scheduler.drain();
            while let Some(spare) = self.pool.spares.pop() {
                spare.dismiss();
            }
            if drained && self.pool.roster.alive() == 0 {
                break;
            }
            self.pool.doze.settle_down(Depth::Nap);
            if self.pool.roster.alive() > 0 || !drained {
                self.pool.doze.sleep(Some(Instant::now() + sleep));
            }
            sleep = if self.pool.doze.wake_up() { SHORTEST_SLEEP } else { (sleep * 2).min(LONGEST_CLOSING_SLEEP) };
        }
        self.pool.set_closed();
    }

    /// No thread holds a processor or will take one: all that are left are out in user code. As long as there are others, the cancelling is theirs:
    /// a future's destructor may block, and finds a worker thread around it as ever.
    fn nobody_works(&self) -> bool {
        self.pool.idle.is_full() && self.pool.roster.all(|thread| thread.words.observe().is_lent())
    }

    /// Takes `processor` from a thread that has not moved since the last look.
    fn take_for_shutdown(&mut self, processor: usize) {
        let slot = self.pool.holders[processor].load(Ordering::Relaxed);
        let Some(thread) = self.pool.roster.get(slot) else { return };
        let seq = thread.words.observe();
        if !seq.is_lent() || thread.words.processor() != processor as u32 {
            return;
        }
        let now = Instant::now();
        let seen_before = self.watches[processor].seen == Some((slot, seq));
        self.watches[processor].update(&thread, seq, now);
        if seen_before {
            self.retake(processor, &thread, seq, Reason::Shutdown, now);
        }
    }
}
