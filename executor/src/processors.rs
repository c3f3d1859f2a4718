//! What travels with a processor, and who may touch it?
//!
//! The ring may be stolen from by anyone; all else is the holder's, and reached through [`Held`], which is made of its [`Lease`]: that is the proof.

use std::cell::UnsafeCell;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::Instant;

use handover_blocking::Lease;
use handover_blocking::counters::Counter;
use handover_blocking::histogram::{Histogram, Reading};

use crate::batch::Batch;
use crate::outlook::Outlook;
use crate::queue::ring::Ring;
use crate::sampler::{Begun, Origin, Sampler};
use crate::task::cell::Header;
use crate::task::reference::Runnable;

/// One processor's tasks and counts.
#[derive(Default)]
#[repr(align(128))]
struct Processor {
    ring: Ring<Header>,
    /// The task that the running one woke or spawned last: it runs next, on a warm cache. Written by the holder; the monitor reads whether it is null.
    next: AtomicPtr<Header>,
    own: UnsafeCell<Own>,
    counts: Counts,
}

/// What only the holder touches.
#[derive(Debug)]
pub(crate) struct Own {
    /// When to look beyond its own queue.
    pub(crate) outlook: Outlook,
    /// How many tasks in a row came out of the next slot.
    pub(crate) streak: u32,
    /// xorshift state, for the order of victims.
    pub(crate) random: u32,
    /// The holder wakes the tasks of a whole batch of events: they queue in the order of the events, and one notification at the end does for all.
    pub(crate) delivering: bool,
    /// Which polls and waits are timed.
    pub(crate) sampler: Sampler,
    /// The oldest events whose tasks may still wait in the ring, if no other thread has been woken for them.
    pub(crate) batch: Option<Batch>,
}

impl Default for Own {
    fn default() -> Self {
        Self { outlook: Outlook::default(), streak: 0, random: 0x9E37_79B9, delivering: false, sampler: Sampler::default(), batch: None }
    }
}

/// Written by the holder, read by anyone.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Polls, also for what happens every so often.
    pub(crate) polls: Counter,
    pub(crate) steals: Counter,
    pub(crate) stolen: Counter,
}

/// All processors of a runtime.
pub(crate) struct Processors {
    all: Box<[Processor]>,
    /// How long the polls took that were timed.
    poll_times: Histogram,
    /// How long the tasks waited, in a next slot or a ring, whose wait was timed.
    waits: Histogram,
    /// The same of tasks that came from the inject queue, the time there included.
    injected_waits: Histogram,
}

/// Numbers of one processor, each read for itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessorCounts {
    /// Tasks in its ring and its next slot now.
    pub queued: usize,
    /// Polls that began on it.
    pub polls: u64,
    /// Times that it took tasks from another.
    pub steals: u64,
    /// Tasks that came to it that way.
    pub stolen: u64,
}

// SAFETY: `own` is touched only with the processor's lease, of which there is one (handover_blocking::lease), and a lease changes hands with Release
// and Acquire (idle set, retake). Everything else is atomic.
unsafe impl Sync for Processors {}
// SAFETY: the pointers in ring and next are tasks, which may be used from any thread.
unsafe impl Send for Processors {}

/// A processor in its holder's hands: the lease, which is borrowed, proves that nobody else is.
pub(crate) struct Held<'a> {
    processor: &'a Processor,
    all: &'a Processors,
}

impl Held<'_> {
    /// What only the holder touches.
    #[inline]
    pub(crate) fn own(&mut self) -> &mut Own {
        // SAFETY: the lease is unique and borrowed mutably for as long as this, which is borrowed mutably for as long as the result.
        unsafe { &mut *self.processor.own.get() }
    }

    #[inline]
    pub(crate) fn counts(&self) -> &Counts {
        &self.processor.counts
    }

    /// Fills the next slot; returns what was in it.
    #[inline]
    pub(crate) fn put_next(&mut self, task: Runnable) -> Option<Runnable> {
        let slot = &self.processor.next;
        // Relaxed: only the holder writes; the next holder comes after it by the lease.
        let before = slot.load(Ordering::Relaxed);
        slot.store(task.into_raw().as_ptr(), Ordering::Relaxed);
        // SAFETY: the slot holds Runnables.
        NonNull::new(before).map(|task| unsafe { Runnable::from_raw(task) })
    }

    /// Empties the next slot, for the task to run.
    #[inline]
    pub(crate) fn take_next(&mut self) -> Option<Runnable> {
        let slot = &self.processor.next;
        let task = NonNull::new(slot.load(Ordering::Relaxed))?;
        slot.store(ptr::null_mut(), Ordering::Relaxed);
        if self.own().sampler.times_next_slot() {
            self.end_wait();
        }
        // SAFETY: the slot holds Runnables.
        Some(unsafe { Runnable::from_raw(task) })
    }

    /// Appends to the ring. If it is full, half of it and the task go to `overflow`.
    #[inline]
    pub(crate) fn push(&mut self, task: Runnable, overflow: impl FnOnce(&mut dyn Iterator<Item = Runnable>)) {
        let ring = &self.processor.ring;
        let mut task = task.into_raw();
        loop {
            // SAFETY: the lease makes the caller the owner.
            match unsafe { ring.push(task) } {
                Ok(()) => return,
                Err(refused) => task = refused,
            }
            // SAFETY: as above.
            let half = unsafe { ring.take_half() };
            if !half.is_empty() {
                let all = half.into_iter().chain([task]);
                // SAFETY: the ring holds Runnables.
                overflow(&mut all.map(|task| unsafe { Runnable::from_raw(task) }));
                return;
            }
        }
    }

    /// Takes from the ring, for the task to run.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Runnable> {
        // SAFETY: the lease makes the caller the owner.
        let (task, position) = unsafe { self.processor.ring.pop_with_position() }?;
        if self.own().sampler.times_position(position) {
            self.end_wait();
        }
        // SAFETY: the ring holds Runnables.
        Some(unsafe { Runnable::from_raw(task) })
    }

    /// How many tasks wait in the ring.
    #[inline]
    pub(crate) fn ring_len(&self) -> usize {
        self.processor.ring.len()
    }

    /// Where the next push to the ring goes.
    pub(crate) fn ring_tail(&self) -> u32 {
        self.processor.ring.tail_position()
    }

    /// Whether a task waits in the ring or the next slot.
    #[inline]
    pub(crate) fn has_work(&self) -> bool {
        self.processor.has_work()
    }

    /// Counts a poll; the time, if it is time to look beyond the own queue.
    #[inline]
    pub(crate) fn is_due(&mut self) -> Option<Instant> {
        let ring = &self.processor.ring;
        let Own { outlook, sampler, .. } = self.own();
        outlook.is_due(|now| sampler.open(now, |position| ring.has_passed(position)))
    }

    #[cold]
    fn end_wait(&mut self) {
        match self.own().sampler.end_wait() {
            Some(Begun { since, origin: Origin::Local }) => self.all.waits.record(since.elapsed()),
            Some(Begun { since, origin: Origin::Injected }) => self.all.injected_waits.record(since.elapsed()),
            None => {}
        }
    }

    /// Takes half of `victim`'s ring into the own one, which is empty, and one of them to run now.
    pub(crate) fn steal(&mut self, victim: usize) -> Option<Runnable> {
        let victim = &self.all.all[victim];
        if ptr::eq(victim, self.processor) {
            return None;
        }
        // SAFETY: the lease makes the caller the owner of its ring, which is another one than the victim's; the ring holds Runnables.
        unsafe { victim.ring.steal_into(&self.processor.ring).map(|task| Runnable::from_raw(task)) }
    }
}

impl Processor {
    #[inline]
    fn has_work(&self) -> bool {
        !self.ring.is_empty() || !self.next.load(Ordering::Relaxed).is_null()
    }
}

impl Processors {
    pub(crate) fn new(count: usize) -> Self {
        let all = (0..count).map(|_| Processor::default()).collect();
        Self { all, poll_times: Histogram::default(), waits: Histogram::default(), injected_waits: Histogram::default() }
    }

    /// The holder's own.
    #[inline]
    pub(crate) fn held<'a>(&'a self, lease: &'a mut Lease) -> Held<'a> {
        Held { processor: &self.all[lease.processor()], all: self }
    }

    // ---- samples ----------------------------------------------------------------------------------------------------

    #[cold]
    pub(crate) fn record_poll(&self, began: Instant) {
        self.poll_times.record(began.elapsed());
    }

    /// How long the polls took that were timed.
    pub(crate) fn poll_times(&self) -> Reading {
        self.poll_times.read()
    }

    /// How long tasks waited whose wait was timed.
    pub(crate) fn waits(&self) -> Reading {
        self.waits.read()
    }

    /// The same of tasks that came from the inject queue.
    pub(crate) fn injected_waits(&self) -> Reading {
        self.injected_waits.read()
    }

    // ---- look -------------------------------------------------------------------------------------------------------

    /// Polls that began, on all of them.
    pub(crate) fn polls(&self) -> u64 {
        self.all.iter().map(|processor| processor.counts.polls.get()).sum()
    }

    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    /// How many tasks wait in the ring of `processor`. A hint.
    #[inline]
    pub(crate) fn ring_len(&self, processor: usize) -> usize {
        self.all[processor].ring.len()
    }

    /// Whether a task waits in the ring or the next slot of `processor`. A hint.
    #[inline]
    pub(crate) fn has_work(&self, processor: usize) -> bool {
        self.all[processor].has_work()
    }

    /// Whether the next slot of `processor` is full. A hint.
    pub(crate) fn has_next(&self, processor: usize) -> bool {
        !self.all[processor].next.load(Ordering::Relaxed).is_null()
    }

    /// Whether a task waits in any ring. The caller has fenced.
    pub(crate) fn any_ring_has_work(&self) -> bool {
        self.all.iter().any(|processor| !processor.ring.is_empty())
    }

    /// Numbers of `processor` now; none if there is no such processor.
    pub(crate) fn counts_of(&self, processor: usize) -> Option<ProcessorCounts> {
        let Processor { ring, next, counts, .. } = self.all.get(processor)?;
        Some(ProcessorCounts {
            queued: ring.len() + usize::from(!next.load(Ordering::Relaxed).is_null()),
            polls: counts.polls.get(),
            steals: counts.steals.get(),
            stolen: counts.stolen.get(),
        })
    }
}
