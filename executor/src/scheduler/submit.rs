//! Where does a runnable task wait?
//!
//! Woken by a thread with a processor, in that one's next slot or ring; else in the inject queue, for all.

use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Instant;

use handover_blocking::recorder::{self, Kind};
use handover_blocking::{Lease, current};

use super::{Shared, running};
use crate::processors::Held;
use crate::queue::inject::Lane;
use crate::sampler::{Begun, Origin};
use crate::task::reference::Runnable;

/// With so many tasks in a ring, others know of it: each of these was told when it came.
const TOLD_OF: usize = 8;

impl Shared {
    /// Queues a task: next on this thread's processor, or for all if this thread has none.
    #[inline]
    pub(crate) fn submit(&self, task: Runnable) {
        current::with_lease(&self.pool, |lease| self.submit_with(lease, task));
    }

    /// [`submit`](Self::submit), for who has asked for this thread's processor already.
    #[inline(always)]
    pub(super) fn submit_with(&self, lease: Option<&mut Lease>, task: Runnable) {
        match lease {
            Some(lease) => self.submit_next(self.processors.held(lease), task),
            None => self.submit_injected(task, Lane::Ordinary),
        }
    }

    #[inline(always)]
    fn submit_next(&self, mut held: Held<'_>, task: Runnable) {
        let own = held.own();
        if own.sampler.watches_submits() {
            self.submit_next_timed(held, task);
            return;
        }
        if own.delivering {
            self.push(&mut held, task);
            return;
        }
        if let Some(displaced) = held.put_next(task) {
            let waiting = held.ring_len();
            self.push(&mut held, displaced);
            self.tell_of_push(waiting);
        }
    }

    /// [`submit_next`](Self::submit_next) while a task is wanted whose wait can be timed, or while that of the one in the next slot is.
    #[cold]
    fn submit_next_timed(&self, mut held: Held<'_>, task: Runnable) {
        let own = held.own();
        if own.delivering {
            match own.sampler.begin_wait() {
                Some(wait) => self.push_timed(&mut held, task, wait),
                None => self.push(&mut held, task),
            }
            return;
        }
        let displaced_wait = own.sampler.displace();
        own.sampler.put_next();
        let Some(displaced) = held.put_next(task) else { return };
        let waiting = held.ring_len();
        match displaced_wait {
            Some(wait) => self.push_timed(&mut held, displaced, wait),
            None => self.push(&mut held, displaced),
        }
        self.tell_of_push(waiting);
    }

    /// Wakes somebody for what was pushed to the holder's ring, in which so many waited before; nobody if those are enough to have been told of, or kept for a reason ([`Batch`](crate::batch)). A fence costs as much as a
    /// quarter of a poll that only yields.
    ///
    /// **No wake-up is lost.** A thread that releases its processor fences and looks at this ring, too, and a ring that is not empty meanwhile does not look so ([`Ring::len`](crate::queue::ring::Ring::len)). If thieves empty
    /// it up to what was pushed just now, they see to those that are left, and the holder takes that next. Whoever could not be woken before, for want of a CPU, is tried for again at each look around.
    #[inline]
    fn tell_of_push(&self, waiting: usize) {
        if waiting < TOLD_OF {
            self.pool.notify(self, true);
        }
    }

    #[inline]
    pub(super) fn push(&self, held: &mut Held<'_>, task: Runnable) {
        held.push(task, |tasks| self.inject.push_all(tasks));
    }

    /// Appends to the ring a task whose `wait` has begun; it is timed if it gets in.
    fn push_timed(&self, held: &mut Held<'_>, task: Runnable, wait: Begun) {
        let position = held.ring_tail();
        self.push(held, task);
        if held.ring_tail() != position {
            held.own().sampler.pushed(position, wait);
        }
    }

    /// Appends to the ring a task from the inject queue, and goes on timing its wait if that is timed and no other one is.
    #[inline]
    pub(crate) fn push_injected(&self, held: &mut Held<'_>, task: Runnable, since: Option<Instant>) {
        match since {
            Some(since) if !held.own().sampler.is_timing_wait() => {
                self.push_timed(held, task, Begun { since, origin: Origin::Injected });
            }
            _ => self.push(held, task),
        }
    }

    /// Queues a task at the end of the holder's ring: it was woken while it ran, others go first.
    #[inline]
    pub(crate) fn submit_last(&self, held: &mut Held<'_>, task: Runnable) {
        let waiting = held.ring_len();
        match held.own().sampler.begin_wait() {
            Some(wait) => self.push_timed(held, task, wait),
            None => self.push(held, task),
        }
        if waiting > 0 {
            self.tell_of_push(waiting);
        }
    }

    pub(crate) fn submit_injected(&self, task: Runnable, lane: Lane) {
        self.inject.push(task, lane);
        self.pool.notify(self, false);
    }

    /// [`submit`](Self::submit) for a waker, which does not keep the runtime alive.
    ///
    /// # Safety
    /// The runtime is alive now, and stays so at least until `task` is pushed.
    #[allow(unsafe_code, reason = "a waker holds no Arc of the runtime: see `Header::shared`")]
    pub(crate) unsafe fn submit_through(shared: NonNull<Self>, task: Runnable) {
        // SAFETY: the caller's promise.
        let this = unsafe { shared.as_ref() };
        recorder::wake(&this.pool, Kind::Woke, running, task.header().id.as_u64());
        if current::is_worker_of(&this.pool) {
            // This thread's own Arc keeps the runtime.
            this.submit(task);
            return;
        }
        // After the push the task may end and the runtime with it, while this thread still wakes another: so it holds on to it.
        // SAFETY: `shared` came from the Arc that `start` made, and is alive.
        let held = unsafe {
            Arc::increment_strong_count(shared.as_ptr());
            Arc::from_raw(shared.as_ptr())
        };
        held.submit_injected(task, Lane::Ordinary);
    }
}
