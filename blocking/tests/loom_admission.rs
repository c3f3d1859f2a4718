//! Is a call ever left waiting beside a free place, or a place lost?
//!
//! Each model runs on the real gate and on twins, which are queues of one without the one thing that the model is about. A waiter that was not admitted, and that nobody woke,
//! would wait for ever.

#![cfg(loom)]

use std::sync::atomic::{AtomicUsize as Count, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};

use handover_blocking::admission::{Admission, Ticket};
use loom::sync::atomic::{AtomicUsize, Ordering, fence};
use loom::sync::{Arc, Mutex};
use loom::thread;

/// A gate with one place.
trait Gate: Send + Sync + Sized + 'static {
    type Ticket: Send + 'static;
    fn new() -> Self;
    fn enter_anyway(&self);
    fn poll_enter(&self, ticket: &mut Option<Self::Ticket>, cx: &Context<'_>) -> Poll<()>;
    fn leave(&self);
    fn give_back(&self, ticket: Self::Ticket);
    fn out(&self) -> usize;
}

impl Gate for Admission {
    type Ticket = Ticket;
    fn new() -> Self {
        Admission::new(1)
    }
    fn enter_anyway(&self) {
        Admission::enter_anyway(self);
    }
    fn poll_enter(&self, ticket: &mut Option<Ticket>, cx: &Context<'_>) -> Poll<()> {
        Admission::poll_enter(self, ticket, cx)
    }
    fn leave(&self) {
        Admission::leave(self);
    }
    fn give_back(&self, ticket: Ticket) {
        Admission::give_back(self, ticket);
    }
    fn out(&self) -> usize {
        Admission::out(self)
    }
}

/// What may be wrong with a twin.
mod fault {
    pub(super) const NONE: u8 = 0;
    pub(super) const WAIT_WITHOUT_FENCE: u8 = 1;
    pub(super) const LEAVE_WITHOUT_FENCE: u8 = 2;
    pub(super) const WAIT_WITHOUT_SECOND_LOOK: u8 = 3;
    pub(super) const KEEP_WHAT_IS_GIVEN_BACK: u8 = 4;
}

/// Who waits, and whether it has been admitted. Room for two.
#[derive(Default)]
struct Queue {
    next: u64,
    waiters: Vec<(u64, Waker)>,
    admitted: Vec<u64>,
}

struct Twin<const FAULT: u8> {
    out: AtomicUsize,
    waiting: AtomicUsize,
    queue: Mutex<Queue>,
}

impl<const FAULT: u8> Twin<FAULT> {
    fn take_place(&self) -> bool {
        self.out.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |out| (out == 0).then_some(1)).is_ok()
    }

    fn vacate(&self) {
        self.out.fetch_sub(1, Ordering::Relaxed);
        if FAULT != fault::LEAVE_WITHOUT_FENCE {
            fence(Ordering::SeqCst);
        }
        if self.waiting.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut queue = self.queue.lock().expect("no panic");
        let mut wakers = Vec::new();
        while !queue.waiters.is_empty() && self.take_place() {
            let (number, waker) = queue.waiters.remove(0);
            queue.admitted.push(number);
            wakers.push(waker);
        }
        self.waiting.store(queue.waiters.len(), Ordering::Relaxed);
        drop(queue);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl<const FAULT: u8> Gate for Twin<FAULT> {
    type Ticket = u64;
    fn new() -> Self {
        Self { out: AtomicUsize::new(0), waiting: AtomicUsize::new(0), queue: Mutex::new(Queue::default()) }
    }
    fn enter_anyway(&self) {
        self.out.fetch_add(1, Ordering::Relaxed);
    }
    fn poll_enter(&self, ticket: &mut Option<u64>, cx: &Context<'_>) -> Poll<()> {
        let mut queue = self.queue.lock().expect("no panic");
        if let Some(number) = *ticket {
            let place = queue.admitted.iter().position(|admitted| *admitted == number);
            return match place {
                Some(place) => {
                    queue.admitted.remove(place);
                    *ticket = None;
                    Poll::Ready(())
                }
                None => Poll::Pending,
            };
        }
        self.waiting.store(queue.waiters.len() + 1, Ordering::Relaxed);
        if FAULT != fault::WAIT_WITHOUT_FENCE {
            fence(Ordering::SeqCst);
        }
        if FAULT != fault::WAIT_WITHOUT_SECOND_LOOK && queue.waiters.is_empty() && self.take_place() {
            self.waiting.store(0, Ordering::Relaxed);
            return Poll::Ready(());
        }
        let number = queue.next;
        queue.next += 1;
        queue.waiters.push((number, cx.waker().clone()));
        *ticket = Some(number);
        Poll::Pending
    }
    fn leave(&self) {
        self.vacate();
    }
    fn give_back(&self, ticket: u64) {
        let mut queue = self.queue.lock().expect("no panic");
        queue.waiters.retain(|(number, _)| *number != ticket);
        self.waiting.store(queue.waiters.len(), Ordering::Relaxed);
        let admitted = queue.admitted.iter().position(|number| *number == ticket).map(|at| queue.admitted.remove(at));
        drop(queue);
        if admitted.is_some() && FAULT != fault::KEEP_WHAT_IS_GIVEN_BACK {
            self.vacate();
        }
    }
    fn out(&self) -> usize {
        self.out.load(Ordering::Relaxed)
    }
}

/// Counts wake-ups; not part of the model, which orders nothing by them.
#[derive(Default)]
struct Wakes(Count);

impl Wake for Wakes {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

fn poll<G: Gate>(gate: &G, ticket: &mut Option<G::Ticket>, wakes: &std::sync::Arc<Wakes>) -> Poll<()> {
    gate.poll_enter(ticket, &Context::from_waker(&Waker::from(std::sync::Arc::clone(wakes))))
}

// ---- wait against leave --------------------------------------------------------------------------------------------

/// Given a call that is out; when it returns while another asks to enter; then that one enters, at once or woken.
fn wait_against_leave<G: Gate>() {
    loom::model(|| {
        let gate = Arc::new(G::new());
        gate.enter_anyway();
        let leaver = thread::spawn({
            let gate = Arc::clone(&gate);
            move || gate.leave()
        });
        let (mut ticket, wakes) = (None, std::sync::Arc::default());
        let entered = poll(&*gate, &mut ticket, &wakes).is_ready();
        leaver.join().expect("the leaver");
        assert!(entered || wakes.0.load(Relaxed) == 1, "a call waits beside a free place");
        assert!(entered || poll(&*gate, &mut ticket, &wakes).is_ready(), "a call was woken and may not enter");
        assert_eq!(gate.out(), 1, "the place is taken once");
    });
}

#[test]
fn wait_races_leave() {
    wait_against_leave::<Admission>();
    wait_against_leave::<Twin<{ fault::NONE }>>();
}

#[test]
#[should_panic(expected = "waits beside a free place")]
fn canary_wait_without_fence() {
    wait_against_leave::<Twin<{ fault::WAIT_WITHOUT_FENCE }>>();
}

#[test]
#[should_panic(expected = "waits beside a free place")]
fn canary_leave_without_fence() {
    wait_against_leave::<Twin<{ fault::LEAVE_WITHOUT_FENCE }>>();
}

#[test]
#[should_panic(expected = "waits beside a free place")]
fn canary_wait_without_second_look() {
    wait_against_leave::<Twin<{ fault::WAIT_WITHOUT_SECOND_LOOK }>>();
}

// ---- give back against leave ---------------------------------------------------------------------------------------

/// Given two calls that wait; when the first is dropped while the one that is out returns; then the second enters.
fn give_back_against_leave<G: Gate>() {
    loom::model(|| {
        let gate = Arc::new(G::new());
        gate.enter_anyway();
        let (mut first, mut second) = (None, None);
        let (dropped, wakes) = (std::sync::Arc::default(), std::sync::Arc::default());
        assert!(poll(&*gate, &mut first, &dropped).is_pending());
        assert!(poll(&*gate, &mut second, &wakes).is_pending());
        let leaver = thread::spawn({
            let gate = Arc::clone(&gate);
            move || gate.leave()
        });
        gate.give_back(first.expect("it waits"));
        leaver.join().expect("the leaver");
        assert_eq!(wakes.0.load(Relaxed), 1, "a place was lost with a dropped call");
        assert!(poll(&*gate, &mut second, &wakes).is_ready());
        assert_eq!(gate.out(), 1);
    });
}

#[test]
fn give_back_races_leave() {
    give_back_against_leave::<Admission>();
    give_back_against_leave::<Twin<{ fault::NONE }>>();
}

#[test]
#[should_panic(expected = "a place was lost")]
fn canary_keep_what_is_given_back() {
    give_back_against_leave::<Twin<{ fault::KEEP_WHAT_IS_GIVEN_BACK }>>();
}
