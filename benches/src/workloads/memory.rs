//! How much memory does a task take that waits?

use std::io;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use super::tasks::Countdown;
use crate::measurement::{Measurement, Metric};
use crate::runtimes::Runtime;
use crate::usage::resident_bytes;

const TASKS: u64 = 100_000;
/// Tasks spawned before they are given the time to run and go to sleep: the queues that hold them stay small, so that
/// what is measured is the tasks.
const AT_ONCE: usize = 100;

/// `mem_task`: what the process grows by, all in, for each task. The tasks really wait: in the end all are woken.
pub(crate) async fn per_task<R: Runtime>() -> io::Result<Vec<Measurement>> {
    let slots: &'static [Slot] = (0..TASKS).map(|_| Slot::default()).collect::<Vec<_>>().leak();
    let (countdown, ended) = Countdown::leak();
    countdown.start(TASKS);
    let before = resident_bytes()?;
    for slots in slots.chunks(AT_ONCE) {
        for slot in slots {
            R::detach(async {
                Idle { slot, has_waited: false }.await;
                countdown.count_off();
            });
        }
        while !slots.iter().all(Slot::is_waited_for) {
            R::yield_now().await;
        }
    }
    let after = resident_bytes()?;
    slots.iter().for_each(Slot::wake);
    ended.recv().await.map_err(io::Error::other)?;
    Ok(vec![Measurement::new(Metric::BytesPerTask, after.saturating_sub(before) as f64 / TASKS as f64)])
}

/// Where a task leaves its waker. Made, and so in RAM, before memory is first measured: no part of the result.
#[derive(Default)]
struct Slot(Mutex<Option<Waker>>);

impl Slot {
    fn is_waited_for(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn wake(&self) {
        let waker = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        waker.expect("the task of this slot waits").wake();
    }
}

/// Waits until its slot is woken.
struct Idle {
    slot: &'static Slot,
    has_waited: bool,
}

impl Future for Idle {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.has_waited {
            return Poll::Ready(());
        }
        self.has_waited = true;
        *self.slot.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
        Poll::Pending
    }
}
