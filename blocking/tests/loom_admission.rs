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
    fn let_one_in(&self, certain: impl FnOnce()) -> bool;
    fn out(&self) -> usize;
    fn waiting(&self) -> usize;
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
    fn let_one_in(&self, certain: impl FnOnce()) -> bool {
        Admission::let_one_in(self, certain)
    }
    fn out(&self) -> usize {
        Admission::out(self)
    }
    fn waiting(&self) -> usize {
        Admission::waiting(self)
    }
}

/// What may be wrong with a twin.
mod fault {
    pub(super) const NONE: u8 = 0;
    pub(super) const WAIT_WITHOUT_FENCE: u8 = 1;
    pub(super) const LEAVE_WITHOUT_FENCE: u8 = 2;
    pub(super) const WAIT_WITHOUT_SECOND_LOOK: u8 = 3;
    pub(super) const KEEP_WHAT_IS_GIVEN_BACK: u8 = 4;
    /// The breaker looks who is first, and lets that one in under another lock.
    pub(super) const BREAK_IN_TWO_STEPS: u8 = 5;
    /// The breaker reports after the lock, when the one that it lets in may have found out by itself.
    pub(super) const REPORT_LATE: u8 = 6;
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
                None => {
                    let waiter = queue.waiters.iter_mut().find(|(waiter, _)| *waiter == number);
                    waiter.expect("who has a ticket waits or is admitted").1 = cx.waker().clone();
                    Poll::Pending
                }
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
    fn let_one_in(&self, certain: impl FnOnce()) -> bool {
        let mut queue = self.queue.lock().expect("no panic");
        let Some((number, _)) = queue.waiters.first() else { return false };
        let number = *number;
        if FAULT == fault::BREAK_IN_TWO_STEPS {
            drop(queue);
            queue = self.queue.lock().expect("no panic");
        }
        let waker = queue.waiters.iter().position(|(waiter, _)| *waiter == number).map(|at| queue.waiters.remove(at).1);
        queue.admitted.push(number);
        self.enter_anyway();
        self.waiting.store(queue.waiters.len(), Ordering::Relaxed);
        if FAULT == fault::REPORT_LATE {
            drop(queue);
            certain();
        } else {
            certain();
            drop(queue);
        }
        waker.into_iter().for_each(Waker::wake);
        true
    }
    fn out(&self) -> usize {
        self.out.load(Ordering::Relaxed)
    }
    fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
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

// ---- the breaker ---------------------------------------------------------------------------------------------------

/// A call that waits, and the wake-ups that it has had.
struct Waiter<G: Gate> {
    ticket: Option<G::Ticket>,
    wakes: std::sync::Arc<Wakes>,
}

impl<G: Gate> Waiter<G> {
    /// Given that the gate's one place is taken.
    fn new(gate: &G) -> Self {
        let mut waiter = Self { ticket: None, wakes: std::sync::Arc::default() };
        assert!(poll(gate, &mut waiter.ticket, &waiter.wakes).is_pending());
        waiter
    }

    /// Whether it enters. It does if it was woken, once, and else not.
    fn enters(&mut self, gate: &G) -> bool {
        let wakes = self.wakes.0.load(Relaxed);
        assert!(wakes <= 1, "{wakes} wake-ups for one call");
        let entered = poll(gate, &mut self.ticket, &self.wakes).is_ready();
        assert_eq!(entered, wakes == 1, "a call was let in and not woken, or woken and may not enter");
        entered
    }
}

/// Runs `act` with the gate on a thread of the model.
fn beside<G: Gate, T: 'static>(gate: &Arc<G>, act: impl FnOnce(&G) -> T + Send + 'static) -> thread::JoinHandle<T> {
    let gate = Arc::clone(gate);
    thread::spawn(move || act(&gate))
}

/// Given one or two calls that wait; when the one that is out returns while the breaker lets one in; then each that enters is counted once, in the order of arrival, and
/// nobody waits beside a free place.
fn break_against_leave<G: Gate>(waiters: usize) {
    loom::model(move || {
        let gate = Arc::new(G::new());
        gate.enter_anyway();
        let mut waiters: Vec<_> = (0..waiters).map(|_| Waiter::new(&*gate)).collect();
        let leaver = beside(&gate, G::leave);
        let let_in = gate.let_one_in(|| ());
        leaver.join().expect("the leaver");
        let entered: Vec<bool> = waiters.iter_mut().map(|waiter| waiter.enters(&gate)).collect();
        assert!(entered[0], "a call waits beside a free place");
        assert!(let_in || waiters.len() == 1, "the breaker found nobody");
        let out = entered.iter().filter(|entered| **entered).count();
        assert_eq!(gate.out(), out, "a place was lost, or given twice");
        assert_eq!(gate.waiting(), entered.len() - out, "calls are said to wait that do not");
    });
}

#[test]
fn break_races_leave() {
    for waiters in [1, 2] {
        break_against_leave::<Admission>(waiters);
        break_against_leave::<Twin<{ fault::NONE }>>(waiters);
    }
}

#[test]
#[should_panic(expected = "a place was lost, or given twice")]
fn canary_break_in_two_steps() {
    break_against_leave::<Twin<{ fault::BREAK_IN_TWO_STEPS }>>(1);
}

/// Given two calls that wait; when the first is dropped while the breaker lets one in, and the one that is out returns, meanwhile or afterwards; then the second enters, and has
/// the one place that is taken.
fn break_against_give_back<G: Gate>(leaves_meanwhile: bool) {
    loom::model(move || {
        let gate = Arc::new(G::new());
        gate.enter_anyway();
        let [first, mut second] = [(); 2].map(|()| Waiter::new(&*gate));
        let breaker = beside(&gate, |gate| gate.let_one_in(|| ()));
        let leaver = leaves_meanwhile.then(|| beside(&gate, G::leave));
        gate.give_back(first.ticket.expect("it waits"));
        breaker.join().expect("the breaker");
        match leaver {
            Some(leaver) => leaver.join().expect("the leaver"),
            None => gate.leave(),
        }
        assert!(second.enters(&gate), "a place was lost with a dropped call");
        assert_eq!(gate.out(), 1, "a place was lost, or given twice");
    });
}

#[test]
fn break_races_give_back() {
    for leaves_meanwhile in [false, true] {
        break_against_give_back::<Admission>(leaves_meanwhile);
        break_against_give_back::<Twin<{ fault::NONE }>>(leaves_meanwhile);
    }
}

#[test]
#[should_panic(expected = "a place was lost with a dropped call")]
fn canary_keep_the_place_beyond_the_limit() {
    break_against_give_back::<Twin<{ fault::KEEP_WHAT_IS_GIVEN_BACK }>>(false);
}

/// Given a call that waits; when the breaker lets it in while its future is polled for another reason, with another waker; then it enters, at once or woken by the later waker,
/// and finds the break counted.
fn break_against_poll<G: Gate>() {
    loom::model(|| {
        let gate = Arc::new(G::new());
        gate.enter_anyway();
        let mut waiter = Waiter::new(&*gate);
        let breaks = Arc::new(AtomicUsize::new(0));
        let breaker = beside(&gate, {
            let breaks = Arc::clone(&breaks);
            move |gate: &G| gate.let_one_in(|| breaks.store(1, Ordering::Relaxed))
        });
        waiter.wakes = std::sync::Arc::default();
        let entered = poll(&*gate, &mut waiter.ticket, &waiter.wakes).is_ready();
        assert!(!entered || breaks.load(Ordering::Relaxed) == 1, "a call is let in before that is counted");
        assert!(breaker.join().expect("the breaker"), "the breaker found nobody");
        assert!(entered || waiter.enters(&gate), "a call was let in and its waker forgotten");
        assert_eq!(gate.out(), 2);
    });
}

#[test]
fn break_races_poll() {
    break_against_poll::<Twin<{ fault::NONE }>>();
    break_against_poll::<Admission>();
}

#[test]
#[should_panic(expected = "let in before that is counted")]
fn canary_late_report_of_a_break() {
    break_against_poll::<Twin<{ fault::REPORT_LATE }>>();
}
