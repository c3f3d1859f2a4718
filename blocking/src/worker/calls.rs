//! What does a worker thread do around a blocking call?
//!
//! Before it: whether others go first, and whether it may go out at all. During it the processor is lent as declared, or given away. After it: a processor again, or none.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use super::{Hold, Worker};
use crate::admission::Ticket;
use crate::events;
use crate::fence;
use crate::lease::Lease;
use crate::pool::Pool;
use crate::predictor::Site;
use crate::record::Declared;
use crate::recorder::Kind;
use crate::shown::{self, Shown};
use crate::telling;

/// A future's place in the queue for calls, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    pool: Arc<Pool>,
    ticket: Option<Ticket>,
    since: Instant,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.pool.admission.give_back(ticket);
        }
    }
}

impl Worker {
    pub(crate) fn should_step_aside(&self) -> bool {
        if self.stepped_aside.get() {
            return false;
        }
        let yields = self.words().take_yield_request();
        let aside = yields || !self.has_processor();
        self.stepped_aside.set(aside);
        aside
    }

    /// Whether it holds a processor, after trying to get one if it has none.
    #[inline]
    fn has_processor(&self) -> bool {
        if matches!(self.hold.get(), Hold::Without) || self.words().is_contested() { self.come_back() } else { true }
    }

    /// Whether this call should let others go first: no processor, asked to yield, or it will be long and tasks wait behind it.
    #[inline]
    pub(crate) fn should_wait_before_call(&self, long: bool) -> bool {
        !self.has_processor() || self.words().take_yield_request() || (long && self.scheduler.work_waits_behind(self.last.get()))
    }

    /// Whether a short call may begin at once: the processor is lent, nobody wants it, nobody asked for a yield.
    #[inline]
    pub(crate) fn is_undisturbed(&self) -> bool {
        matches!(self.hold.get(), Hold::Lent(_)) && !self.words().is_disturbed()
    }

    /// Runs a blocking call.
    #[inline(always)]
    pub(crate) fn call<T>(&self, site: Site, long: bool, call: impl FnOnce() -> T) -> T {
        if long { self.call_long(site, call) } else { self.call_short(site, call) }
    }

    /// Runs a blocking call, declared, with the processor lent.
    #[inline(always)]
    pub(crate) fn call_short<T>(&self, site: Site, call: impl FnOnce() -> T) -> T {
        let call_out = self.words().declare(site.location());
        let settle = Settle { worker: self, call: call_out };
        self.note_call_begin(site.location(), call_out);
        if !self.kicked.get() {
            self.kick_for_work_behind();
        }
        let result = call();
        drop(settle);
        // The second: an entry within the call has noticed the loss.
        if self.words().is_contested() | self.overtaken.get() {
            self.return_overtaken();
        } else {
            self.thread.fast_calls.raise_alone();
        }
        result
    }

    /// The monitor took the processor during a call or before it, or is about to.
    #[cold]
    fn return_overtaken(&self) {
        let has_processor = self.regain();
        if !self.words().mode().is_declared() {
            self.thread.uncount_call(&self.pool.admission);
        }
        // Else the monitor came too late, or had taken the processor from this poll before the call.
        let in_call = self.overtaken.get() && self.thread.telling.is_of_call();
        if !in_call {
            self.thread.fast_calls.raise_alone();
        }
        if in_call || has_processor {
            self.tell_of_return(has_processor);
        }
    }

    /// Waits for a place among the calls that are out. Within a call that has one there is no need to.
    pub(crate) fn poll_enter(&self, place: &mut Option<Place>, site: Site, cx: &Context<'_>) -> Poll<()> {
        if place.as_ref().is_some_and(|place| !Arc::ptr_eq(&place.pool, &self.pool)) {
            // The future has moved here from another runtime.
            *place = None;
        }
        let mut ticket = place.as_mut().and_then(|place| place.ticket.take());
        if ticket.is_none() && self.thread.is_counted() {
            return Poll::Ready(());
        }
        let entered = self.pool.admission.poll_enter(&mut ticket, cx);
        match (entered, place) {
            (Poll::Ready(()), place) => {
                self.thread.note_counted();
                if let Some(place) = place {
                    self.pool.counters().admission_wait_nanos.add(place.since.elapsed().as_nanos() as u64);
                }
            }
            (Poll::Pending, Some(place)) => place.ticket = ticket,
            (Poll::Pending, none) => {
                self.pool.counters().admission_waits.raise();
                *none = Some(Place { pool: Arc::clone(&self.pool), ticket, since: Instant::now() });
                events::cap_wait(&self.pool, site.location());
            }
        }
        entered
    }

    /// At the first declared call of a poll: a dozing monitor would notice the tasks behind it too late.
    ///
    /// A Dekker pair with the monitor, which says that it dozes, fences and looks for declared calls: either it sees the call, or this sees it doze.
    #[cold]
    fn kick_for_work_behind(&self) {
        self.kicked.set(true);
        fence::light();
        if self.pool.doze.is_dozing() && self.scheduler.work_waits_behind(self.last.get()) {
            self.pool.kick(&*self.scheduler);
        }
    }

    /// The call is long every time: the processor goes to the idle set before it starts.
    #[cold]
    fn call_long<T>(&self, site: Site, call: impl FnOnce() -> T) -> T {
        self.note_all_from_here();
        let mode = self.words().mode();
        if let Some(lease) = self.lease_to_give_away() {
            self.pool.counters().releases.raise();
            self.words().unbind();
            self.note(Kind::GaveAway, lease.index(), 0);
            self.pool.hand_off(lease, &*self.scheduler);
            self.words().lend_again(mode);
            if !self.scheduler.has_poller() && self.scheduler.needs_poller() {
                self.pool.send_for_poller(&*self.scheduler);
            }
        }
        // Here, where the thread has no processor that a subscriber could keep.
        let row = shown::long_call(&self.pool, &self.thread, site.location());
        let _entered = row.as_ref().and_then(Shown::enter);
        let nested = mode.is_declared();
        self.thread.count_call(&self.pool.admission);
        let began = Instant::now();
        let outermost = self.thread.since.call_begins(began);
        let returned = Returned { worker: self, site, began, nested, outermost };
        // A nested entry may find a processor while this call is out: it is lent as declared, too.
        let settle = Settle { worker: self, call: self.words().declare(site.location()) };
        self.note_long_call_begin(site.location());
        let result = call();
        drop(settle);
        drop(returned);
        result
    }

    fn lease_to_give_away(&self) -> Option<Lease> {
        match self.hold.take() {
            Hold::Lent(lent) => {
                let mode = self.words().mode();
                let lease = self.reclaim(lent, mode);
                if lease.is_none() {
                    self.words().lend_again(mode);
                }
                lease
            }
            hold => {
                self.hold.set(hold);
                None
            }
        }
    }
}

/// Ends a declared call, also when it unwinds.
struct Settle<'a> {
    worker: &'a Worker,
    call: Declared,
}

impl Drop for Settle<'_> {
    #[inline]
    fn drop(&mut self) {
        self.worker.note_call_end();
        self.worker.words().settle(self.call);
    }
}

/// Ends a long call, also when it unwinds: trains its site and looks for a processor.
struct Returned<'a> {
    worker: &'a Worker,
    site: Site,
    began: Instant,
    nested: bool,
    /// No long call is around this one.
    outermost: bool,
}

impl Drop for Returned<'_> {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        if self.outermost {
            self.worker.thread.since.call_ends();
        }
        self.site.learn_return(took);
        let has_processor = self.worker.come_back();
        // After that, so that whom this admits is woken with a processor at hand.
        if !self.nested {
            self.worker.thread.uncount_call(&self.worker.pool.admission);
        }
        self.worker.pool.counters().handed_off.record(took);
        let running = self.worker.thread.running();
        events::call_return(running.as_ref(), Some(self.site.location()), &telling::Returned { took, has_processor }, false);
    }
}
