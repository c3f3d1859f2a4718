//! What does a worker thread do all day?
//!
//! ```text
//!            +-------------------------------- lost ----------------------------+
//!            v                                                                  |
//!   acquire a processor --> find a task --> lend, poll, reclaim --- kept --> (again)
//!            ^                  | none
//!            |                  v
//!            +----- rest: as the poller (in epoll) or as a spare (on a futex), holding no processor
//! ```

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use handover_blocking::recorder::Waits;
use handover_blocking::{Lease, Worker};

use crate::batch::{Batch, Rest};
use crate::contention::{Reports, Spread, Totals};
use crate::processors::Held;
use crate::queue::inject::Lane;
use crate::queue::ring;
use crate::scheduler::Shared;
use crate::task::cell::{self, Ran, Remains};
use crate::task::reference::Runnable;

/// Every so many polls a returner goes first.
const RETURNER_INTERVAL: u64 = 4;
/// So many tasks in a row may come out of the next slot before the ring has its turn: two tasks that wake each other must not starve the rest.
const LONGEST_STREAK: u32 = 3;

/// The body of a worker thread.
pub(crate) fn run(shared: &Arc<Shared>, worker: &Worker) {
    let mut thread = Thread { shared, worker, wakers: Vec::new(), searching: false, again: None, reports: Reports::default() };
    worker.arrived();
    let mut lease = worker.acquire();
    loop {
        let unused = lease.take().and_then(|lease| thread.announce(lease)).and_then(|lease| thread.work(lease));
        if worker.is_dismissed() || shared.pool().is_closing() {
            if let Some(lease) = unused {
                worker.release(lease);
            }
            return;
        }
        lease = match unused {
            Some(_) => thread.rest(unused),
            None => worker.reacquire().or_else(|| thread.rest(None)),
        };
    }
}

struct Thread<'a> {
    shared: &'a Arc<Shared>,
    worker: &'a Worker,
    wakers: Vec<Waker>,
    /// This thread is counted as a searcher.
    searching: bool,
    /// A task that was woken while it ran, with none beside it: it need not go through the ring.
    again: Option<Runnable>,
    reports: Reports,
}

impl Thread<'_> {
    /// Tells that it took a processor over, if it did and somebody listens.
    #[inline]
    fn announce(&mut self, lease: Lease) -> Option<Lease> {
        match self.worker.news() {
            Some(delay) => self.on_loan(lease, |worker, processor| worker.tell_of_hand_off(processor, delay)),
            None => Some(lease),
        }
    }

    /// Runs what may reach a subscriber, which is user code: it may take its time and lose the processor. Nobody may believe meanwhile that this thread searches: the wake-ups of others would be left to it.
    #[cold]
    fn on_loan(&mut self, lease: Lease, act: impl FnOnce(&Worker, usize)) -> Option<Lease> {
        if std::mem::take(&mut self.searching) {
            self.shared.pool().search_succeeded(&**self.shared);
        }
        let (worker, processor) = (self.worker, lease.processor());
        worker.lend_during(lease, || act(worker, processor))
    }

    /// Runs tasks until there are none, or until the processor was taken while one ran.
    fn work(&mut self, mut lease: Lease) -> Option<Lease> {
        loop {
            let (kept, task) = self.find(lease)?;
            lease = kept;
            let Some(task) = task else {
                let now = Instant::now();
                let has_worked = self.shared.processors.held(&mut lease).own().outlook.pause(now);
                if has_worked || self.shared.contention.spread() == Spread::One {
                    self.report(now);
                }
                if std::mem::take(&mut self.searching) {
                    self.shared.pool().search_failed();
                }
                return Some(lease);
            };
            if std::mem::take(&mut self.searching) {
                self.shared.pool().search_succeeded(&**self.shared);
            }
            lease = self.poll(lease, task)?;
        }
    }

    /// Tells from time to time whether the kernel lets it work.
    fn report(&mut self, now: Instant) {
        let Shared { contention, processors, .. } = &**self.shared;
        let totals = || Totals {
            polls: processors.polls(),
            handoffs: self.shared.pool().counters().handoffs.get(),
            cpu_time: Worker::process_cpu_time(),
        };
        contention.pass(&mut self.reports, now, || self.worker.preemptions(), totals);
    }

    fn poll(&mut self, mut lease: Lease, task: Runnable) -> Option<Lease> {
        let (id, spawned_at) = (task.header().id.as_u64(), task.header().spawned_at);
        let mut held = self.shared.processors.held(&mut lease);
        held.counts().polls.raise_alone();
        let timed = held.own().sampler.begin_poll();
        let (mut lease, ran) = self.worker.poll_on_loan(lease, id, spawned_at, || cell::run(task));
        if let Some(began) = timed {
            self.shared.processors.record_poll(began);
        }
        match ran {
            Ran::Parted => lease,
            Ran::Reschedule(task) => {
                match lease.as_mut().map(|lease| self.shared.processors.held(lease)) {
                    Some(mut held) if held.has_work() => self.shared.submit_last(&mut held, task),
                    Some(_) => self.again = Some(task),
                    None => self.shared.submit_injected(task, Lane::Returners),
                }
                lease
            }
            Ran::Over(over) => match self.shared.bury(lease.as_mut(), over) {
                None => lease,
                Some(remains) => self.drop_on_loan(lease, remains),
            },
        }
    }

    #[cold]
    fn drop_on_loan(&mut self, lease: Option<Lease>, remains: Remains) -> Option<Lease> {
        match lease {
            Some(lease) => self.on_loan(lease, |_, _| drop(remains)),
            None => {
                drop(remains);
                None
            }
        }
    }

    // ---- find -------------------------------------------------------------------------------------------------------

    /// A task, if there is one; nothing at all if the processor was lost on the way, which may happen only if tasks are traced.
    #[inline]
    fn find(&mut self, mut lease: Lease) -> Option<(Lease, Option<Runnable>)> {
        let shared = self.shared;
        let mut held = shared.processors.held(&mut lease);
        let looks_at = held.is_due();
        let polls = held.counts().polls.get();
        if held.own().batch.is_some() {
            self.share(&mut held);
        }
        if let Some(task) = self.again.take() {
            if looks_at.is_none() && shared.inject.is_empty() {
                return Some((lease, Some(task)));
            }
            shared.submit_last(&mut held, task);
        }
        if let Some(now) = looks_at {
            self.report(now);
            if held.ring_len() > 0 && held.own().batch.is_none() {
                shared.pool().notify(&**shared, true);
            }
            // With half a ring of tasks waiting, more events would only overflow into the inject queue and be overtaken there.
            if held.ring_len() < ring::CAPACITY as usize / 2 {
                lease = self.poll_driver_now(lease)?;
            }
            // No returner: they have their turns below, and so many may come that the others would never have theirs.
            if let Some(task) = shared.inject.pop_ordinary() {
                return Some((lease, Some(task)));
            }
        }
        if polls.is_multiple_of(RETURNER_INTERVAL)
            && let Some(task) = shared.inject.pop_returner()
        {
            return Some((lease, Some(task)));
        }
        if let Some(task) = find_own(&mut shared.processors.held(&mut lease)).or_else(|| self.find_injected(&mut lease)) {
            return Some((lease, Some(task)));
        }
        let stolen = self.steal(&mut lease).or_else(|| self.find_injected(&mut lease));
        Some((lease, stolen))
    }

    /// One task out of the inject queue, and this processor's share of the others into its ring.
    fn find_injected(&self, lease: &mut Lease) -> Option<Runnable> {
        let Shared { inject, processors, .. } = &**self.shared;
        let share = inject.len() / processors.count();
        let room = ring::CAPACITY as usize / 2;
        let mut taken = Vec::new();
        let first = inject.pop_many(share.min(room), |task, since| taken.push((task, since)))?;
        if taken.is_empty() {
            return Some(first);
        }
        let mut held = processors.held(lease);
        for (task, since) in taken {
            self.shared.push_injected(&mut held, task, since);
        }
        // While they were in neither queue, a thread that released its processor did not see them.
        self.shared.pool().notify(&**self.shared, true);
        Some(first)
    }

    fn steal(&mut self, lease: &mut Lease) -> Option<Runnable> {
        let Shared { processors, .. } = &**self.shared;
        if processors.count() == 1 {
            return None;
        }
        if !self.searching {
            self.searching = self.shared.pool().search_begins();
            if !self.searching {
                return None;
            }
        }
        let count = processors.count();
        let mut held = processors.held(lease);
        let start = next_random(&mut held.own().random) as usize;
        for n in 0..count {
            if let Some(task) = held.steal((start + n) % count) {
                held.counts().steals.raise_alone();
                let stolen = 1 + held.ring_len();
                held.counts().stolen.add(stolen as u64);
                self.worker.note_theft(lease, (start + n) % count, stolen);
                return Some(task);
            }
        }
        None
    }

    fn poll_driver_now(&mut self, lease: Lease) -> Option<Lease> {
        self.shared.poll_driver_now(&mut self.wakers);
        self.deliver(lease)
    }

    /// Wakes those for whom something has happened; their tasks go to this processor: a batch to the end of the ring, in order, a single one into the next slot, since a
    /// timer that fires beside tasks that compute would else be late by all of them.
    fn deliver(&mut self, mut lease: Lease) -> Option<Lease> {
        if self.wakers.is_empty() {
            return Some(lease);
        }
        if self.shared.traces_tasks() {
            // Their wakers tell subscribers, which are user code: on loan, and so without the order that a batch has, for another thread may go on with the processor.
            let mut wakers = std::mem::take(&mut self.wakers);
            let lease = self.on_loan(lease, |_, _| Shared::wake_all(&mut wakers));
            self.wakers = wakers;
            return lease;
        }
        let processors = &self.shared.processors;
        let mut held = processors.held(&mut lease);
        held.own().delivering = self.wakers.len() > 1;
        let before = held.ring_len();
        (lease, ()) = self.worker.hold_during(lease, || Shared::wake_all(&mut self.wakers));
        let mut held = processors.held(&mut lease);
        held.own().delivering = false;
        let tasks = held.ring_len();
        let added = tasks.saturating_sub(before);
        match &mut held.own().batch {
            Some(batch) => batch.add(added),
            none => *none = Some(Batch::new(Instant::now(), tasks)),
        }
        Some(lease)
    }

    /// Wakes another thread for the rest of a batch that is worth it.
    #[cold]
    fn share(&self, held: &mut Held<'_>) {
        let contention = &self.shared.contention;
        let waiting = held.ring_len();
        let batch = &mut held.own().batch;
        let rest = batch.as_mut().map_or(Rest::Done, |batch| batch.rest(contention.spread(), Instant::now(), waiting));
        if rest != Rest::Keep {
            *batch = None;
        }
        if rest == Rest::Share {
            self.shared.pool().notify(&**self.shared, true);
        }
    }

    // ---- rest -------------------------------------------------------------------------------------------------------

    /// Gives the processor away and sleeps. Returns with a processor if there was an event to deliver.
    fn rest(&mut self, lease: Option<Lease>) -> Option<Lease> {
        let mut lease = lease;
        let leaves = lease.is_some() && self.leaves_events_to_others();
        // Without a processor it must not poll: those that have one are awake and poll between their tasks. A third thread in epoll would be woken by every
        // event, find no processor, and send it through the inject queue (measured: a third of `tcp_echo`'s requests per second).
        if lease.is_some() && !leaves && self.poll_driver(&mut lease) {
            return self.return_from_poll();
        }
        self.worker.line_up();
        release_or_look(self.shared, self.worker, lease);
        // If several leave at once, the last one sees that nobody stays (blocking/tests/loom_idle_set.rs).
        if leaves && self.shared.pool().all_are_idle() && self.worker.step_out() {
            return self.worker.acquire();
        }
        loop {
            if self.shared.pool().is_closing() && self.worker.step_out() {
                return None;
            }
            self.worker.park();
            if self.worker.is_dismissed() {
                return None;
            }
            self.searching = !self.shared.pool().is_closing();
            if !self.searching || !self.worker.leaves_search_to_others() {
                return self.lease_to_search();
            }
            self.searching = false;
            self.worker.line_up();
        }
    }

    /// Whether this thread shall not wait in epoll, as the two would only take turns: beside one that works, and looks between its tasks, and waits when it has none.
    fn leaves_events_to_others(&self) -> bool {
        self.shared.contention.spread() == Spread::One && self.shared.pool().others_hold()
    }

    /// Waits in epoll, having released the processor; false if another thread does.
    fn poll_driver(&mut self, lease: &mut Option<Lease>) -> bool {
        let (shared, worker) = (self.shared, self.worker);
        shared.count_poll_attempt();
        worker
            .waiting(Waits::AsPoller, || shared.driver.poll(None, &mut || prepare_to_poll(shared, worker, lease.take()), &mut self.wakers))
    }

    fn return_from_poll(&mut self) -> Option<Lease> {
        self.searching = self.shared.pool().answer_summons();
        if self.wakers.is_empty() {
            return self.lease_to_search();
        }
        match self.worker.acquire() {
            Some(lease) => self.deliver(lease).or_else(|| self.lease_to_search()),
            None => {
                Shared::wake_all(&mut self.wakers);
                self.lease_to_search()
            }
        }
    }

    /// A woken thread without an idle processor gives up its search: whoever holds them looks at the queues before releasing one.
    fn lease_to_search(&mut self) -> Option<Lease> {
        let lease = self.worker.acquire();
        if lease.is_none() && std::mem::take(&mut self.searching) {
            self.shared.pool().search_failed();
        }
        lease
    }
}

/// Before a thread waits in the driver, whose poller it is by now. The interrupt that a shutdown sent may have ended another thread's wait: so whoever
/// takes the role after that looks for itself.
fn prepare_to_poll(shared: &Arc<Shared>, worker: &Worker, lease: Option<Lease>) {
    release_or_look(shared, worker, lease);
    if shared.pool().is_closing() {
        shared.driver.interrupt();
    }
}

/// Before a thread sleeps: its processor goes to the idle set, or if it had none, it sees to it that no task waits beside an idle one.
fn release_or_look(shared: &Arc<Shared>, worker: &Worker, lease: Option<Lease>) {
    match lease {
        Some(lease) => worker.release(lease),
        None => shared.pool().look_before_rest(&**shared),
    }
}

/// A task out of the next slot or the ring.
#[inline]
fn find_own(held: &mut Held<'_>) -> Option<Runnable> {
    let own = held.own();
    if own.streak < LONGEST_STREAK {
        own.streak += 1;
        if let Some(task) = held.take_next() {
            return Some(task);
        }
    }
    held.own().streak = 0;
    held.pop().or_else(|| held.take_next())
}

fn next_random(state: &mut u32) -> u32 {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    *state
}
