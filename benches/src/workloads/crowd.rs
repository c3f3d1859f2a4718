//! How are many tasks brought together before they go on?

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::runtimes::Runtime;

/// Tasks spawned before they are given the time to run and go to sleep: the queues that hold them stay small, so that
/// what is measured is the tasks.
const AT_ONCE: usize = 100;

/// Places for tasks that wait until all are let go. They are made, and so in RAM, before the first task.
pub(crate) struct Crowd(&'static [Place]);

impl Crowd {
    pub(crate) fn of(tasks: u64) -> Self {
        Self((0..tasks).map(|_| Place::default()).collect::<Vec<_>>().leak())
    }

    /// Has a task spawned for each place, by `spawn`; returns when all wait there.
    pub(crate) async fn gather<R: Runtime>(&self, spawn: impl Fn(&'static Place)) {
        for places in self.0.chunks(AT_ONCE) {
            places.iter().for_each(&spawn);
            while !places.iter().all(Place::is_taken) {
                R::yield_now().await;
            }
        }
    }

    /// Wakes them all; the places are free for the next ones.
    pub(crate) fn release(&self) {
        self.0.iter().for_each(Place::wake);
    }
}

/// Where a task leaves its waker.
#[derive(Default)]
pub(crate) struct Place(Mutex<Option<Waker>>);

impl Place {
    /// Completes when the crowd is released.
    pub(crate) fn wait(&'static self) -> Wait {
        Wait { place: self, has_waited: false }
    }

    fn is_taken(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn wake(&self) {
        let waker = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        waker.expect("a task waits at this place").wake();
    }
}

/// Waits until its place is woken.
pub(crate) struct Wait {
    place: &'static Place,
    has_waited: bool,
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.has_waited {
            return Poll::Ready(());
        }
        self.has_waited = true;
        *self.place.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
        Poll::Pending
    }
}
