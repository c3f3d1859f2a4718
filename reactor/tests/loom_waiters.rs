//! Does a task that comes to wait while the poller delivers ever miss it?

#![cfg(loom)]

use std::sync::Arc as Shared;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use handover_reactor::cell::Cell;
use handover_reactor::readiness::Readiness;
use handover_reactor::waiters::Waiters;
use handover_reactor::{Direction, Interest, Ready};
use loom::sync::{Arc, Mutex};
use loom::thread;

/// A task that notes that it was woken. Plain memory of the test, which loom need not know of.
#[derive(Default)]
struct Task(AtomicBool);

impl Wake for Task {
    fn wake(self: Shared<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Task {
    fn new() -> (Shared<Self>, Waker) {
        let task = Shared::new(Self::default());
        let waker = Waker::from(Shared::clone(&task));
        (task, waker)
    }

    fn is_woken(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

fn deliver_all(deliver: impl FnOnce(&mut Vec<Waker>)) {
    let mut wakers = Vec::new();
    deliver(&mut wakers);
    wakers.into_iter().for_each(Waker::wake);
}

#[test]
fn poll_ready_races_deliver() {
    loom::model(|| {
        let cell = Arc::new(Cell::new());
        let poller = thread::spawn({
            let cell = Arc::clone(&cell);
            move || deliver_all(|wakers| cell.deliver(Ready::READABLE, wakers))
        });
        let (task, waker) = Task::new();
        let found = cell.poll_ready(&mut Context::from_waker(&waker), Direction::Read);
        poller.join().expect("the poller");
        assert!(found.is_ready() || task.is_woken(), "the task waits for ever");
    });
}

#[test]
fn poll_listed_races_deliver_and_a_neighbour_that_leaves() {
    loom::model(|| {
        let cell = Arc::new(Cell::new());
        let (neighbour, neighbour_waker) = Task::new();
        let mut neighbour_place = None;
        let waits = cell.poll_listed(&mut Context::from_waker(&neighbour_waker), &mut neighbour_place, Interest::READABLE);
        assert!(waits.is_pending());
        let poller = thread::spawn({
            let cell = Arc::clone(&cell);
            move || deliver_all(|wakers| cell.deliver(Ready::READABLE, wakers))
        });
        let (task, waker) = Task::new();
        let mut place = None;
        let found = cell.poll_listed(&mut Context::from_waker(&waker), &mut place, Interest::BOTH);
        cell.leave(&mut neighbour_place);
        poller.join().expect("the poller");
        assert!(found.is_ready() || task.is_woken(), "the task waits for ever");
        assert!(cell.poll_listed(&mut Context::from_waker(&waker), &mut place, Interest::BOTH).is_ready());
        assert!(place.is_none(), "a future that is done has left the list");
        drop(neighbour);
    });
}

#[test]
fn poll_ready_races_shut_down() {
    loom::model(|| {
        let cell = Arc::new(Cell::new());
        let closer = thread::spawn({
            let cell = Arc::clone(&cell);
            move || deliver_all(|wakers| cell.shut_down(wakers))
        });
        let (task, waker) = Task::new();
        let found = cell.poll_ready(&mut Context::from_waker(&waker), Direction::Write);
        closer.join().expect("the closer");
        assert!(matches!(found, Poll::Ready(Err(_))) || task.is_woken(), "the task waits for ever");
    });
}

/// The twin: it looks at the word before it takes the lock, and not again under it.
#[test]
#[should_panic(expected = "waits for ever")]
fn canary_without_the_second_look() {
    loom::model(|| {
        let cell = Arc::new((Readiness::new(), Mutex::new(Waiters::new())));
        let poller = thread::spawn({
            let cell = Arc::clone(&cell);
            move || {
                cell.0.set(Ready::READABLE);
                deliver_all(|wakers| cell.1.lock().expect("no panic").take(Ready::READABLE, wakers));
            }
        });
        let (task, waker) = Task::new();
        let found = cell.0.get().is_readable();
        if !found {
            cell.1.lock().expect("no panic").exchange(Direction::Read, &mut Some(waker));
        }
        poller.join().expect("the poller");
        assert!(found || task.is_woken(), "the task waits for ever");
    });
}
