//! The protocol of `Pool` and of a worker's rest, on the real idle set and searchers, with small words for the rest.
//!
//! Parking is not modelled; its outcome is. A thread that parks leaves the model; [`House::check`] asks at the end whether somebody has
//! been told to wake it if a task waits.

use handover_blocking::idle_set::IdleSet;
use handover_blocking::lease::Lease;
use handover_blocking::searchers::{Found, Searchers};
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

/// What may be wrong in a canary.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    Nothing,
    /// A searcher that has found a task looks for more without a fence.
    SearcherDoesNotFence,
    /// A thread looks at the queues, then releases its processor.
    LooksBeforeRelease,
    /// The poller asks for a summons while it still has the role.
    AnswersInRole,
    /// The poller gives up the role, and asks for a summons with nothing to order the two.
    AnswersUnordered,
    /// A searcher leaves the search to others although there may be none.
    LeavesToNobody,
    /// A searcher that found no processor to search with goes to sleep without another look.
    GivesUpWithoutALook,
}

/// The searchers, or their twin.
enum Count {
    Real(Searchers),
    Unfenced(AtomicUsize),
}

impl Count {
    fn try_begin(&self, limit: usize) -> bool {
        match self {
            Self::Real(searchers) => searchers.try_begin(limit),
            Self::Unfenced(count) => count.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |n| (n < limit).then_some(n + 1)).is_ok(),
        }
    }

    fn are_enough_for(&self, processors: usize) -> bool {
        match self {
            Self::Real(searchers) => searchers.are_enough_for(processors),
            Self::Unfenced(count) => count.load(Ordering::Relaxed) >= processors,
        }
    }

    fn end_beyond(&self, enough: usize) -> bool {
        match self {
            Self::Real(searchers) => searchers.end_beyond(enough),
            Self::Unfenced(_) => false,
        }
    }

    fn end(&self) -> Found {
        match self {
            Self::Real(searchers) => searchers.end(),
            Self::Unfenced(count) if count.fetch_sub(1, Ordering::SeqCst) == 1 => Found::WasLast,
            Self::Unfenced(_) => Found::OthersSearch,
        }
    }
}

/// Where a thread ended up.
#[derive(Debug, PartialEq)]
pub(crate) enum Parked {
    AsSpare,
    AsPoller,
}

/// The threads, processors and tasks of one runtime.
pub(crate) struct House {
    fault: Fault,
    pub(crate) idle: IdleSet,
    searchers: Count,
    /// Tasks that any thread may take.
    queue: AtomicUsize,
    /// Tasks that were run.
    ran: AtomicUsize,
    spares: Mutex<Vec<usize>>,
    spares_len: AtomicUsize,
    /// A wake-up for each thread.
    tokens: [AtomicBool; 2],
    /// The poller's role, and the mark that ends its wait, or the next one.
    role: AtomicBool,
    interrupted: AtomicBool,
    summons: AtomicBool,
    starved: AtomicBool,
}

impl House {
    /// All processors idle, no thread parked, nobody polls.
    pub(crate) fn new(processors: usize, fault: Fault) -> Self {
        let idle = IdleSet::new(processors);
        idle.fill();
        let searchers = match fault {
            Fault::SearcherDoesNotFence => Count::Unfenced(AtomicUsize::new(0)),
            _ => Count::Real(Searchers::new()),
        };
        Self {
            fault,
            idle,
            searchers,
            queue: AtomicUsize::new(0),
            ran: AtomicUsize::new(0),
            spares: Mutex::new(Vec::new()),
            spares_len: AtomicUsize::new(0),
            tokens: [false; 2].map(AtomicBool::new),
            role: AtomicBool::new(false),
            interrupted: AtomicBool::new(false),
            summons: AtomicBool::new(false),
            starved: AtomicBool::new(false),
        }
    }

    // ---- what Pool does ---------------------------------------------------------------------------------------------

    /// `Shared::submit_injected`: push, then `Pool::notify`.
    pub(crate) fn submit(&self) {
        self.queue.fetch_add(1, Ordering::Relaxed);
        let idle = self.idle.len_after_push();
        if idle != 0 {
            self.wake_helper(idle);
        }
    }

    fn work_waits(&self) -> bool {
        self.queue.load(Ordering::Relaxed) > 0
    }

    /// `Pool::release`.
    pub(crate) fn release(&self, lease: Lease) {
        if self.fault == Fault::LooksBeforeRelease {
            let waits = self.work_waits();
            self.idle.insert(lease);
            if waits {
                self.wake_successor();
            }
            return;
        }
        self.idle.insert(lease);
        if self.work_waits() {
            self.wake_successor();
        }
    }

    /// `Pool::look_before_rest`.
    fn look_before_rest(&self) {
        if self.fault == Fault::GivesUpWithoutALook {
            return;
        }
        fence(Ordering::SeqCst);
        if self.work_waits() && !self.idle.is_empty() {
            self.wake_successor();
        }
    }

    fn wake_helper(&self, idle: usize) {
        if self.searchers.try_begin(idle) {
            self.wake_searcher();
        }
    }

    fn wake_successor(&self) {
        if self.searchers.try_begin(self.idle.len() + 1) {
            self.wake_searcher();
        }
    }

    fn wake_searcher(&self) {
        if let Some(spare) = self.pop_spare() {
            // A swap, where `Parker` stores: loom lets a store slip between the two halves of a concurrent swap.
            self.tokens[spare].swap(true, Ordering::Release);
            return;
        }
        if self.summons.swap(true, Ordering::SeqCst) {
            let _ = self.searchers.end();
            return;
        }
        fence(Ordering::SeqCst);
        if self.role.load(Ordering::SeqCst) {
            self.interrupted.swap(true, Ordering::AcqRel);
        } else if self.answer_summons() {
            let _ = self.searchers.end();
            self.starved.store(true, Ordering::Release);
        }
    }

    /// `Pool::answer_summons`. There the load is SeqCst, as is the release of the role before it; loom takes that for Acquire and
    /// Release, so here a fence stands for it.
    fn answer_summons(&self) -> bool {
        if self.fault != Fault::AnswersUnordered {
            fence(Ordering::SeqCst);
        }
        self.summons.load(Ordering::Relaxed) && self.summons.swap(false, Ordering::SeqCst)
    }

    /// `Pool::search_succeeded`.
    fn search_succeeded(&self) {
        if self.searchers.end() == Found::WasLast && self.work_waits() {
            self.wake_helper(self.idle.len());
        }
    }

    // ---- what a worker does -----------------------------------------------------------------------------------------

    /// Runs one task if there is one.
    pub(crate) fn work_once(&self, searching: &mut bool) -> bool {
        let found = self.queue.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok();
        if found {
            self.ran.fetch_add(1, Ordering::Relaxed);
            if std::mem::take(searching) {
                self.search_succeeded();
            }
        }
        found
    }

    /// Runs tasks while there are any, as a worker with a processor does.
    fn work(&self, searching: &mut bool) {
        while self.work_once(searching) {}
        if std::mem::take(searching) {
            let _ = self.searchers.end();
        }
    }

    /// From holding `lease` with nothing to do, or nothing at all, until the thread is parked and stays so.
    pub(crate) fn rest(&self, thread: usize, mut lease: Option<Lease>) -> Parked {
        loop {
            let mut searching = if self.role.swap(true, Ordering::SeqCst) {
                self.line_up_and_release(thread, lease.take());
                if !self.is_woken_to_search(thread) {
                    return Parked::AsSpare;
                }
                true
            } else {
                self.release_or_look(lease.take());
                if !self.interrupted.swap(false, Ordering::AcqRel) {
                    return Parked::AsPoller;
                }
                self.leave_role()
            };
            lease = self.search(&mut searching);
        }
    }

    /// From having left the search to others until the thread is parked and stays so.
    pub(crate) fn rest_beside_searchers(&self, thread: usize) -> Parked {
        self.line_up(thread);
        if !self.is_woken_to_search(thread) {
            return Parked::AsSpare;
        }
        let mut searching = true;
        let lease = self.search(&mut searching);
        self.rest(thread, lease)
    }

    /// Whether a parked thread is woken, and not of no use: as if every CPU had a holder.
    fn is_woken_to_search(&self, thread: usize) -> bool {
        while self.wakes(thread) {
            if !self.leaves_search_to_others() {
                return true;
            }
            self.line_up(thread);
        }
        false
    }

    /// `Worker::leaves_search_to_others`.
    pub(crate) fn leaves_search_to_others(&self) -> bool {
        if self.fault == Fault::LeavesToNobody {
            let _ = self.searchers.end();
            return true;
        }
        self.searchers.end_beyond(self.idle.len())
    }

    /// The poller is back; whether it was summoned.
    pub(crate) fn leave_role(&self) -> bool {
        if self.fault == Fault::AnswersInRole {
            let summoned = self.answer_summons();
            self.role.store(false, Ordering::SeqCst);
            return summoned;
        }
        self.role.swap(false, Ordering::SeqCst);
        self.answer_summons()
    }

    /// A woken thread looks for a processor and a task; afterwards it holds the processor, or has none and looks once more for one.
    pub(crate) fn search(&self, searching: &mut bool) -> Option<Lease> {
        let mut lease = self.idle.take_any();
        if lease.is_none() && std::mem::take(searching) {
            let _ = self.searchers.end();
        }
        if self.fault != Fault::GivesUpWithoutALook {
            lease = lease.or_else(|| self.reacquire());
        }
        if lease.is_some() {
            self.work(searching);
        }
        lease
    }

    /// `Worker::reacquire`, as if every CPU had a holder.
    fn reacquire(&self) -> Option<Lease> {
        if self.searchers.are_enough_for(self.idle.len()) { None } else { self.idle.take_any() }
    }

    fn line_up_and_release(&self, thread: usize, lease: Option<Lease>) {
        self.line_up(thread);
        self.release_or_look(lease);
    }

    fn line_up(&self, thread: usize) {
        let mut spares = self.spares.lock().expect("no panic");
        spares.push(thread);
        self.spares_len.store(spares.len(), Ordering::Relaxed);
    }

    /// `Spares::pop`.
    fn pop_spare(&self) -> Option<usize> {
        if self.spares_len.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut spares = self.spares.lock().expect("no panic");
        let spare = spares.pop();
        self.spares_len.store(spares.len(), Ordering::Relaxed);
        spare
    }

    fn release_or_look(&self, lease: Option<Lease>) {
        match lease {
            Some(lease) => self.release(lease),
            None => self.look_before_rest(),
        }
    }

    // ---- the state that a model starts from -------------------------------------------------------------------------

    /// Thread `thread` was parked, and has been woken as a searcher for a task; it has not run yet.
    pub(crate) fn begin_woken(&self, thread: usize) {
        self.queue.fetch_add(1, Ordering::Relaxed);
        self.begin_searching(thread);
    }

    /// The same for a task that another thread has been woken for, too.
    pub(crate) fn begin_searching(&self, thread: usize) {
        assert!(self.searchers.try_begin(self.tokens.len()));
        self.tokens[thread].swap(true, Ordering::Release);
    }

    /// The token that `begin_woken` left is taken; whether it was there.
    pub(crate) fn wakes(&self, thread: usize) -> bool {
        self.tokens[thread].swap(false, Ordering::Acquire)
    }

    /// `thread` is parked as a spare.
    pub(crate) fn begin_spare(&self, thread: usize) {
        self.line_up(thread);
    }

    /// A thread outside the model has the poller's role for good.
    pub(crate) fn begin_polled(&self) {
        self.role.store(true, Ordering::SeqCst);
    }

    // ---- the end ----------------------------------------------------------------------------------------------------

    /// With all threads parked: every one of `tasks` was run or has a wake-up on its way, and no wake-up is counted that is not.
    pub(crate) fn check(&self, tasks: usize) {
        let tokens = self.tokens.iter().filter(|token| token.swap(false, Ordering::AcqRel)).count();
        let summoned = self.summons.load(Ordering::Acquire);
        let called = summoned && self.role.load(Ordering::Acquire) && self.interrupted.load(Ordering::Acquire);
        assert_eq!(summoned, called, "a summons that nobody will answer");
        let starved = self.starved.load(Ordering::Acquire);
        let waiting = self.queue.load(Ordering::Acquire);
        assert!(waiting == 0 || tokens > 0 || called || starved, "{waiting} tasks are stranded");
        assert_eq!(waiting + self.ran.load(Ordering::Acquire), tasks, "a task was lost");
        assert!(self.idle.is_full(), "a processor was lost");
        for _ in 0..tokens + usize::from(called) {
            let _ = self.searchers.end();
        }
        assert!(self.searchers.try_begin(1), "a searcher is counted that does not search");
    }
}
