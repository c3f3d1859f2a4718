//! Who gets a processor that became free, and who is woken for a task that waits?
//!
//! The processors, threads and wake-ups of one runtime. The two rules that keep every task moving:
//!
//! - **Submit**: push, fence, look at the idle set; a processor idle, a CPU for it, and fewer searchers than that: wake a thread.
//! - **Release**: insert into the idle set, fence, look at the queues; a task waits: wake a thread.
//!
//! Whoever is second of the two sees the other, so one of them wakes a thread (the model is `tests/loom_idle_set.rs`).

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::admission::Admission;
use crate::config::{Config, Heritage};
use crate::counters::Counters;
use crate::doze::Doze;
use crate::events;
use crate::handed_off::HandedOff;
use crate::holders::Holders;
use crate::idle_set::IdleSet;
use crate::interrupt::OutCall;
use crate::lease::Lease;
use crate::recorder::Recorder;
use crate::scheduler::Scheduler;
use crate::searchers::{Found, Searchers};
use crate::spares::Spares;
use crate::sync;
use crate::threads::{Places, Roster, ThreadRecord};

/// The processors and threads of one runtime.
#[derive(Debug)]
pub struct Pool {
    pub(crate) config: Config,
    pub(crate) heritage: Heritage,
    /// CPUs that the process may use.
    cpus: usize,
    pub(crate) idle: IdleSet,
    pub(crate) holders: Holders,
    pub(crate) handed_off: HandedOff,
    pub(crate) spares: Spares,
    pub(crate) searchers: Searchers,
    pub(crate) doze: Doze,
    pub(crate) roster: Roster,
    pub(crate) admission: Admission,
    /// Calls of cancelled tasks that the monitor shall interrupt.
    pub(crate) interrupts: sync::Mutex<Vec<Arc<OutCall>>>,
    /// A wake-up found no spare: the monitor shall make one.
    starved: AtomicBool,
    /// The monitor stands in for the poller, so a kick must interrupt it there.
    pub(crate) monitor_polls: AtomicBool,
    /// The poller shall come and search, as a woken spare does.
    summons: AtomicBool,
    closing: AtomicBool,
    closed: Mutex<bool>,
    closed_changed: Condvar,
    counters: Counters,
}

impl Pool {
    /// A pool without threads; [`monitor::start`](crate::monitor::start) makes them.
    pub fn new(mut config: Config) -> Arc<Self> {
        config.respect(crate::limits::threads_left());
        crate::fence::register();
        crate::kernel::probe_proc();
        let processors = config.processors;
        let admission = Admission::new(config.max_blocking_threads);
        let idle = IdleSet::new(processors);
        idle.fill();
        Arc::new(Self {
            config,
            heritage: Heritage::of_current_thread(),
            cpus: crate::limits::cpus(),
            idle,
            holders: Holders::new(processors),
            handed_off: HandedOff::new(processors),
            spares: Spares::default(),
            searchers: Searchers::default(),
            doze: Doze::new(),
            roster: Roster::default(),
            admission,
            interrupts: sync::Mutex::new(Vec::new()),
            starved: AtomicBool::new(false),
            monitor_polls: AtomicBool::new(false),
            summons: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            closed: Mutex::new(false),
            closed_changed: Condvar::new(),
            counters: Counters::default(),
        })
    }

    /// How many processors there are.
    pub fn processors(&self) -> usize {
        self.config.processors
    }

    /// How many threads can run tasks at once: there is a processor and a CPU for each.
    pub fn parallelism(&self) -> usize {
        self.config.processors.min(self.cpus)
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The counts so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Where its events are recorded.
    pub fn recorder(&self) -> &Arc<Recorder> {
        &self.config.recorder
    }

    /// Worker threads that are parked as spares now.
    pub fn spare_threads(&self) -> usize {
        self.spares.len()
    }

    /// Worker threads alive now.
    pub fn threads(&self) -> usize {
        self.roster.alive()
    }

    /// Worker threads that run user code without a processor now, other than in declared calls.
    pub fn threads_without_processor(&self) -> usize {
        self.roster.without_processor()
    }

    /// The gate in front of blocking calls.
    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    /// No more worker threads than this: every processor has one, besides those that are out in calls.
    pub(crate) fn thread_limit(&self) -> usize {
        self.config.max_blocking_threads.max(self.admission.out()).saturating_add(self.config.processors)
    }

    /// Declared calls so far that returned before anybody took their processor.
    pub fn fast_calls(&self) -> u64 {
        self.roster.fast_calls(&self.counters)
    }

    /// How many worker threads are where now, all seen in one look at the list.
    pub fn thread_places(&self) -> Places {
        self.roster.places()
    }

    // ---- submit and release -----------------------------------------------------------------------------------------

    /// A task was pushed where any thread may take it; `local` by a holder, who is awake to run it.
    #[inline]
    pub fn notify(&self, scheduler: &dyn Scheduler, local: bool) {
        let room = self.room_beside(self.idle.len_after_push());
        if room != 0 {
            self.wake_helper(scheduler, room);
        } else if !local && self.doze.is_dozing() {
            self.kick_if_all_lent(scheduler);
        }
    }

    /// For how many more holders there is a processor and a CPU, with `idle` processors. One without a CPU of its own takes turns with the others, and the tasks that it has fetched wait
    /// meanwhile: 16 processors on two CPUs took nine times as long for `spawn_many` as two do (ARCHITECTURE.md).
    #[inline]
    fn room_beside(&self, idle: usize) -> usize {
        room(self.processors(), self.cpus, idle)
    }

    /// The same with those that are idle now.
    fn room_now(&self) -> usize {
        self.room_beside(self.idle.len())
    }

    /// Whether a woken thread would find a processor and a CPU.
    pub(crate) fn has_room(&self) -> bool {
        self.room_now() > 0
    }

    /// The holder gives its processor away. Wakes a thread if a task waits.
    pub(crate) fn release(&self, mut lease: Lease, scheduler: &dyn Scheduler) {
        scheduler.before_release(&mut lease);
        self.idle.insert(lease);
        if scheduler.work_waits() {
            self.wake_successor(scheduler);
        }
        if self.is_closing() {
            self.kick(scheduler);
        } else if self.doze.is_deep() && self.leaves_nothing_to_do(scheduler) {
            self.doze.call_off(|| self.leaves_nothing_to_do(scheduler));
        }
    }

    /// Gives a processor away for those that wait: its holder is in a call, or about to begin one.
    pub(crate) fn hand_off(&self, lease: Lease, scheduler: &dyn Scheduler) {
        let processor = lease.processor();
        self.counters.handoffs.raise();
        self.handed_off.give_up(processor);
        self.release(lease, scheduler);
        if !scheduler.work_waits() {
            self.handed_off.forget(processor);
        }
    }

    /// Whether nothing runs or waits, and somebody polls. Else the monitor must not sleep without limit.
    pub(crate) fn is_quiet(&self, scheduler: &dyn Scheduler) -> bool {
        self.idle.is_full() && scheduler.has_poller() && self.admission.waiting() == 0 && !scheduler.work_waits()
    }

    /// The same, and that nothing has changed for which a monitor that sleeps without limit would have set itself a time: threads to start or to end, memory to give back.
    fn leaves_nothing_to_do(&self, scheduler: &dyn Scheduler) -> bool {
        self.is_quiet(scheduler)
            && (self.config.reserve()..=self.config.keep()).contains(&self.spares.len())
            && !scheduler.has_surplus_memory()
    }

    /// A thread without a processor goes to sleep: sees to it that no task waits beside an idle processor, nor behind lent ones that nobody watches, and that it is ended when it has been of no use for long.
    pub fn look_before_rest(&self, scheduler: &dyn Scheduler) {
        fence(Ordering::SeqCst);
        self.wake_for_waiting(scheduler);
        // A monitor that fell asleep before this thread had lined up has set itself no time for it. Who gives a processor back leaves the bell set instead.
        if self.doze.is_deep() && self.spares.len() > self.config.keep() {
            self.kick(scheduler);
        }
        if self.idle.is_empty() && self.doze.is_dozing() && scheduler.work_waits() {
            self.kick_if_all_lent(scheduler);
        }
    }

    /// Whether other threads hold processors, besides the caller. A hint, but of several that release theirs because of it, the last one sees [that all are idle](Self::all_are_idle).
    pub fn others_hold(&self) -> bool {
        self.idle.len() + 1 < self.processors()
    }

    /// Whether no thread holds a processor. After a release, which fences.
    pub fn all_are_idle(&self) -> bool {
        self.idle.is_full()
    }

    /// Takes an idle processor without binding it to a thread: for the monitor, while the runtime closes.
    pub fn take_idle(&self, processor: usize) -> Option<Lease> {
        self.idle.take(processor)
    }

    /// Puts it back.
    pub fn put_idle(&self, lease: Lease) {
        self.idle.insert(lease);
    }

    /// Wakes a thread in place of the calling one, which is about to leave its CPU. One more than there are idle processors may search then: those that do may wait for
    /// another CPU, and this one would stand idle meanwhile.
    fn wake_successor(&self, scheduler: &dyn Scheduler) {
        if self.searchers.try_begin(self.idle.len() + 1) {
            self.wake_searcher(scheduler, self.spares.pop_here());
        }
    }

    /// A thread goes into a long call while nobody polls: a spare comes, finds nothing to run and becomes the poller.
    #[cold]
    pub(crate) fn send_for_poller(&self, scheduler: &dyn Scheduler) {
        if self.spares.len() > 0 {
            self.wake_successor(scheduler);
        } else {
            self.kick(scheduler);
        }
    }

    /// Wakes one thread, which the caller has counted as a searcher: `spare`, else the poller, else a new one.
    #[cold]
    fn wake_searcher(&self, scheduler: &dyn Scheduler, spare: Option<Arc<ThreadRecord>>) {
        if let Some(spare) = spare {
            spare.wake();
            return;
        }
        self.summon_poller(scheduler);
    }

    /// Wakes one more thread, if that is of use, for a thread that stays at work.
    #[inline]
    fn wake_helper(&self, scheduler: &dyn Scheduler, room: usize) {
        if self.searchers.try_begin(room) {
            self.wake_counted_helper(scheduler, room);
        }
    }

    /// If it takes the last place, the poller is to have it: a poller that waits while every processor is taken would be woken by each event and could only pass it
    /// on (`tcp_echo`, ARCHITECTURE.md).
    #[cold]
    fn wake_counted_helper(&self, scheduler: &dyn Scheduler, room: usize) {
        if room == 1 && scheduler.has_poller() && !self.monitor_polls.load(Ordering::Relaxed) {
            self.summon_poller(scheduler);
        } else {
            self.wake_searcher(scheduler, self.spares.pop());
        }
    }

    /// Makes the poller the searcher that the caller has counted; without one, asks for a thread.
    fn summon_poller(&self, scheduler: &dyn Scheduler) {
        if self.summons.swap(true, Ordering::SeqCst) {
            // The poller is on its way already; it wakes the next one when it has found a task and more wait.
            let _ = self.searchers.end();
            return;
        }
        // The poller looks at the summons after it has given up its role; this looks at the role after it has stored the summons. Both
        // are fenced: either the role is seen held, and the interrupt ends the wait, or whoever held it finds the summons.
        fence(Ordering::SeqCst);
        if scheduler.has_poller() {
            scheduler.interrupt_poller();
        } else if self.answer_summons() {
            self.report_starved(scheduler);
        }
    }

    /// Wakes a thread if a task waits beside an idle processor. The caller has fenced.
    pub(crate) fn wake_for_waiting(&self, scheduler: &dyn Scheduler) {
        if scheduler.work_waits() && !self.idle.is_empty() {
            self.wake_successor(scheduler);
        }
    }

    /// A counted wake-up found no thread: the monitor makes one.
    pub(crate) fn report_starved(&self, scheduler: &dyn Scheduler) {
        let _ = self.searchers.end();
        self.starved.store(true, Ordering::Release);
        self.kick(scheduler);
    }

    /// The poller asks whether it was summoned; it then counts as a searcher.
    pub fn answer_summons(&self) -> bool {
        // SeqCst: not before the caller has given up the role; see `wake_searcher`.
        self.summons.load(Ordering::SeqCst) && self.summons.swap(false, Ordering::SeqCst)
    }

    /// A thread polled without waiting, had the role when a poller was summoned, and stays at its own work: another thread comes instead.
    #[inline]
    pub fn pass_summons_on(&self, scheduler: &dyn Scheduler) {
        if self.answer_summons() {
            let _ = self.searchers.end();
            fence(Ordering::SeqCst);
            if scheduler.work_waits() {
                self.wake_helper(scheduler, self.room_now());
            }
        }
    }

    /// A searcher has found a task. The last one wakes the next thread if more tasks wait.
    pub fn search_succeeded(&self, scheduler: &dyn Scheduler) {
        if self.searchers.end() == Found::WasLast && scheduler.work_waits() {
            self.wake_helper(scheduler, self.room_now());
        }
    }

    /// A searcher has found nothing. It still holds its processor, so its release looks at the queues once more.
    pub fn search_failed(&self) {
        let _ = self.searchers.end();
    }

    /// A thread that looks for work on its own counts itself; false if enough do.
    pub fn search_begins(&self) -> bool {
        self.searchers.try_begin(self.processors())
    }

    // ---- the monitor ------------------------------------------------------------------------------------------------

    /// Wakes the monitor out of a doze.
    #[cold]
    pub(crate) fn kick(&self, scheduler: &dyn Scheduler) {
        if self.doze.kick() {
            self.counters.kicks.raise();
            if self.monitor_polls.load(Ordering::Acquire) {
                scheduler.interrupt_poller();
            }
        }
    }

    #[cold]
    fn kick_if_all_lent(&self, scheduler: &dyn Scheduler) {
        let all_lent =
            self.roster.all(|thread| thread.words.processor() == crate::record::NO_PROCESSOR || thread.words.observe().is_lent());
        if all_lent {
            self.kick(scheduler);
        }
    }

    /// After a processor has left the idle set: a monitor that sleeps without limit must watch it, unless it is back soon. If the bell is set already for another one, to set it anew would put
    /// that one's watch off. Asked after every take: whether the set was full cannot be asked before it, because another processor may come back in between, and the monitor fall asleep.
    #[inline]
    pub(crate) fn rouse(&self, scheduler: &dyn Scheduler) {
        if self.doze.is_deep_after_take() && !self.doze.appoint() {
            self.kick(scheduler);
        }
    }

    pub(crate) fn take_starved(&self) -> bool {
        self.starved.load(Ordering::Relaxed) && self.starved.swap(false, Ordering::Acquire)
    }

    // ---- the end ----------------------------------------------------------------------------------------------------

    /// Whether the runtime is shutting down.
    #[inline]
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Begins the end: every thread is woken and sees it. Later calls do nothing.
    pub fn close(&self, scheduler: &dyn Scheduler) {
        if self.closing.swap(true, Ordering::SeqCst) {
            return;
        }
        fence(Ordering::SeqCst);
        while let Some(spare) = self.spares.pop() {
            spare.wake();
        }
        scheduler.interrupt_poller();
        self.doze.kick();
        events::shutdown(self);
    }

    pub(crate) fn set_closed(&self) {
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.closed_changed.notify_all();
    }

    /// Waits until every task is gone and every worker thread has ended; false if `limit` passed first.
    pub fn await_closed(&self, limit: Duration) -> bool {
        let deadline = Instant::now().checked_add(limit);
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        while !*closed {
            let wait = match deadline {
                None => Duration::from_secs(3600),
                Some(deadline) => match deadline.checked_duration_since(Instant::now()) {
                    Some(left) if !left.is_zero() => left,
                    _ => return false,
                },
            };
            closed = self.closed_changed.wait_timeout(closed, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// The threads that are still in user code, with the task each runs.
    pub fn stuck(&self) -> Vec<crate::threads::StuckThread> {
        self.roster.stuck()
    }
}

/// For how many more holders there is a processor and a CPU.
#[inline]
fn room(processors: usize, cpus: usize, idle: usize) -> usize {
    let held = processors.saturating_sub(idle);
    cpus.saturating_sub(held).min(idle)
}

#[cfg(test)]
mod tests {
    use super::room;

    #[test]
    fn there_is_room_for_each_idle_processor_that_has_a_cpu() {
        let with = |processors, cpus| (0..=processors).map(|idle| room(processors, cpus, idle)).collect::<Vec<_>>();
        assert_eq!(with(2, 2), [0, 1, 2]);
        assert_eq!(with(2, 64), [0, 1, 2], "more CPUs than processors change nothing");
        assert_eq!(with(4, 2), [0, 0, 0, 1, 2], "two are held: no CPU is left");
        assert_eq!(with(2, usize::MAX), [0, 1, 2]);
    }
}
