//! How many calls may be out at the same time, and who is next?
//!
//! A call counts from its hand-off (its processor was given away or taken) to its return. While `limit` of them are out, the next one waits *before* it starts, in the
//! order of arrival, as a future that holds no thread.
//!
//! **No waiter is forgotten.** A waiter says that it waits, fences, and looks once more whether a call may go out; a leaver takes itself out, fences, and looks whether
//! anybody waits. If the waiter's fence comes first, the leaver sees it and admits it. If the leaver's does, the waiter sees the free place. `tests/loom_admission.rs`
//! holds the model and its canary.
//!
//! Calls may wait for each other (a `read` of a pipe whose `write` is not admitted). So when none has returned for a while, the monitor lets one more in.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{self, AssertUnwindSafe};
use std::task::{Context, Poll, Waker};

use crate::sync::{AtomicU64, AtomicUsize, Mutex, Ordering, fence};

/// The gate in front of calls that will be handed off.
#[derive(Debug)]
pub struct Admission {
    limit: usize,
    out: AtomicUsize,
    /// The length of the queue, for those who do not hold its lock.
    waiting: AtomicUsize,
    returned: AtomicU64,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    next: u64,
    waiters: BTreeMap<u64, Waker>,
    /// Admitted, but not polled since.
    admitted: BTreeSet<u64>,
}

/// A place in the queue, or what became of it. It is worth one call: who drops it without [entering](Admission::poll_enter) gives it [back](Admission::give_back).
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the place is taken until it is given back"]
pub struct Ticket(u64);

impl Admission {
    /// Nobody is out; at most `limit` may be.
    pub fn new(limit: usize) -> Self {
        let queue = Mutex::new(Queue::default());
        Self { limit, out: AtomicUsize::new(0), waiting: AtomicUsize::new(0), returned: AtomicU64::new(0), queue }
    }

    /// Calls that are out now.
    pub fn out(&self) -> usize {
        self.out.load(Ordering::Relaxed)
    }

    /// Calls that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Calls that have returned so far.
    pub fn returned(&self) -> u64 {
        self.returned.load(Ordering::Relaxed)
    }

    /// Counts a call that cannot wait: it is out already, or its caller is no future.
    pub fn enter_anyway(&self) {
        self.out.fetch_add(1, Ordering::Relaxed);
    }

    /// Ready when the call may start, and counted from then on. `ticket` belongs to one future.
    pub fn poll_enter(&self, ticket: &mut Option<Ticket>, cx: &Context<'_>) -> Poll<()> {
        match ticket {
            None if self.waiting() == 0 && self.take_place() => Poll::Ready(()),
            None => self.line_up(ticket, cx),
            Some(Ticket(number)) => {
                let mut waker = Some(cx.waker().clone());
                let mut queue = self.queue.lock();
                let admitted = queue.admitted.remove(number);
                if !admitted {
                    waker = waker.and_then(|waker| queue.waiters.insert(*number, waker));
                }
                drop(queue);
                // The old waker goes outside the lock: its destructor may be user code.
                drop(waker);
                if !admitted {
                    return Poll::Pending;
                }
                *ticket = None;
                Poll::Ready(())
            }
        }
    }

    #[cold]
    fn line_up(&self, ticket: &mut Option<Ticket>, cx: &Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        let mut queue = self.queue.lock();
        self.waiting.store(queue.waiters.len() + 1, Ordering::Relaxed);
        // The waiter's half of the Dekker pair in the module's text.
        fence(Ordering::SeqCst);
        if queue.waiters.is_empty() && self.take_place() {
            self.waiting.store(0, Ordering::Relaxed);
            drop(queue);
            return Poll::Ready(());
        }
        let number = queue.next;
        queue.next += 1;
        queue.waiters.insert(number, waker);
        *ticket = Some(Ticket(number));
        Poll::Pending
    }

    /// The call has returned.
    pub fn leave(&self) {
        self.returned.fetch_add(1, Ordering::Relaxed);
        self.vacate();
    }

    /// A future that waited is dropped; if it was admitted meanwhile, the next one is.
    pub fn give_back(&self, ticket: Ticket) {
        let mut queue = self.queue.lock();
        let waker = queue.waiters.remove(&ticket.0);
        self.waiting.store(queue.waiters.len(), Ordering::Relaxed);
        let admitted = queue.admitted.remove(&ticket.0);
        drop(queue);
        drop(waker);
        if admitted {
            self.vacate();
        }
    }

    /// Lets the first one in beyond the limit; false if nobody waits. `certain` is called when somebody does, before that one can know.
    pub fn let_one_in(&self, certain: impl FnOnce()) -> bool {
        let mut queue = self.queue.lock();
        let Some((number, waker)) = queue.waiters.pop_first() else { return false };
        queue.admitted.insert(number);
        self.enter_anyway();
        self.waiting.store(queue.waiters.len(), Ordering::Relaxed);
        // Under the lock: a future that is polled for another reason finds out as soon as it is free.
        certain();
        drop(queue);
        wake_quietly(waker);
        true
    }

    /// Shows `look` the wakers of all who wait, in their order, and how many are before each. It runs under the lock: nothing of the user's may be called.
    pub fn view_waiters(&self, mut look: impl FnMut(usize, &Waker)) {
        let queue = self.queue.lock();
        queue.waiters.values().enumerate().for_each(|(ahead, waker)| look(ahead, waker));
    }

    fn take_place(&self) -> bool {
        self.out.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |out| (out < self.limit).then_some(out + 1)).is_ok()
    }

    fn vacate(&self) {
        self.out.fetch_sub(1, Ordering::Relaxed);
        // The leaver's half of the Dekker pair in the module's text.
        fence(Ordering::SeqCst);
        if self.waiting() > 0 {
            self.admit();
        }
    }

    #[cold]
    fn admit(&self) {
        let mut wakers = Vec::new();
        let mut queue = self.queue.lock();
        while !queue.waiters.is_empty() && self.take_place() {
            if let Some((number, waker)) = queue.waiters.pop_first() {
                queue.admitted.insert(number);
                wakers.push(waker);
            }
        }
        self.waiting.store(queue.waiters.len(), Ordering::Relaxed);
        drop(queue);
        wakers.into_iter().for_each(wake_quietly);
    }
}

/// A waker that panics keeps nobody else from being woken; the panic hook has reported it.
fn wake_quietly(waker: Waker) {
    let _reported = panic::catch_unwind(AssertUnwindSafe(|| waker.wake()));
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize as Count;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Wakes(Count);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Wakes {
        fn seen(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn poll(admission: &Admission, ticket: &mut Option<Ticket>, wakes: &Arc<Wakes>) -> Poll<()> {
        admission.poll_enter(ticket, &Context::from_waker(&Waker::from(Arc::clone(wakes))))
    }

    #[test]
    fn who_comes_first_goes_first() {
        let admission = Admission::new(1);
        let wakes: Vec<_> = (0..3).map(|_| Arc::new(Wakes::default())).collect();
        let mut tickets: Vec<Option<Ticket>> = (0..3).map(|_| None).collect();
        let entered: Vec<_> = (0..3).map(|n| poll(&admission, &mut tickets[n], &wakes[n])).collect();
        assert_eq!(entered, [Poll::Ready(()), Poll::Pending, Poll::Pending]);
        assert_eq!((admission.out(), admission.waiting()), (1, 2));
        admission.leave();
        assert_eq!([wakes[1].seen(), wakes[2].seen()], [1, 0]);
        assert_eq!(poll(&admission, &mut None, &Arc::new(Wakes::default())), Poll::Pending, "nobody overtakes");
        assert_eq!(poll(&admission, &mut tickets[2], &wakes[2]), Poll::Pending);
        assert_eq!(poll(&admission, &mut tickets[1], &wakes[1]), Poll::Ready(()));
        assert_eq!(admission.out(), 1);
    }

    #[test]
    fn a_place_that_nobody_takes_goes_to_the_next() {
        let admission = Admission::new(1);
        let wakes: Vec<_> = (0..3).map(|_| Arc::new(Wakes::default())).collect();
        let mut tickets: Vec<Option<Ticket>> = (0..3).map(|_| None).collect();
        for n in 0..3 {
            let _ = poll(&admission, &mut tickets[n], &wakes[n]);
        }
        admission.leave();
        admission.give_back(tickets[1].take().expect("it waited"));
        assert_eq!(wakes[2].seen(), 1);
        assert_eq!(poll(&admission, &mut tickets[2], &wakes[2]), Poll::Ready(()));
        admission.leave();
        assert_eq!((admission.out(), admission.waiting(), admission.returned()), (0, 0, 2));
    }

    #[test]
    fn one_is_let_in_beyond_the_limit() {
        let admission = Admission::new(1);
        admission.enter_anyway();
        assert!(!admission.let_one_in(|| ()));
        let wakes = Arc::new(Wakes::default());
        let mut ticket = None;
        assert_eq!(poll(&admission, &mut ticket, &wakes), Poll::Pending);
        assert!(admission.let_one_in(|| ()));
        assert_eq!(poll(&admission, &mut ticket, &wakes), Poll::Ready(()));
        assert_eq!(admission.out(), 2);
        admission.leave();
        assert_eq!(poll(&admission, &mut ticket, &wakes), Poll::Pending, "one is still out");
        admission.give_back(ticket.take().expect("it waits"));
    }
}
