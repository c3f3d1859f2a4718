//! What the tests of this room share: a task that only counts how often it was woken.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use handover_reactor::Reactor;

/// Counts wake-ups.
#[derive(Debug, Default)]
pub(crate) struct Task(AtomicUsize);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Task {
    pub(crate) fn new() -> (Arc<Self>, Waker) {
        let task = Arc::new(Self::default());
        let waker = Waker::from(Arc::clone(&task));
        (task, waker)
    }

    pub(crate) fn wakes(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

pub(crate) fn reactor() -> Arc<Reactor> {
    Arc::new(Reactor::new(2).expect("a reactor"))
}

/// One blocking turn; calls the wakers it brings and says how many.
pub(crate) fn turn(reactor: &Reactor) -> usize {
    let mut wakers = Vec::new();
    reactor.try_turn().expect("nobody else polls").wait(None, &mut wakers).expect("a wait");
    let woken = wakers.len();
    wakers.into_iter().for_each(Waker::wake);
    woken
}

/// One turn that does not wait.
pub(crate) fn look(reactor: &Reactor) -> usize {
    let mut wakers = Vec::new();
    let limit = Some(std::time::Duration::ZERO);
    reactor.try_turn().expect("nobody else polls").wait(limit, &mut wakers).expect("a look");
    let woken = wakers.len();
    wakers.into_iter().for_each(Waker::wake);
    woken
}

pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// Turns the reactor until `ready` says so.
pub(crate) fn turn_until<T>(reactor: &Reactor, mut ready: impl FnMut() -> Poll<T>) -> T {
    loop {
        match ready() {
            Poll::Ready(value) => return value,
            Poll::Pending => {
                turn(reactor);
            }
        }
    }
}
