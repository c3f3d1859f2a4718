//! How does a thread that is not a task wait for one, with a future that borrows from its stack?

use std::future::Future;
use std::panic::{self, Location};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use handover_blocking::{Hint, Site, call};

use crate::scheduler::{Refused, Shared};
use crate::task::{Id, Kind, New};

/// Runs `future` as a task of `shared`, and waits for it. On a worker thread this is a declared blocking call that is known to be long.
///
/// # Panics
/// With the future's own panic; and when the runtime shuts down before the future is ready.
pub fn block_on<F>(shared: &Shared, future: F, caller: &'static Location<'static>) -> F::Output
where
    F: Future + Send,
    F::Output: Send,
{
    // SAFETY: this function does not return or unwind before the handle has resolved, which is after the task is COMPLETE: `wait` does not unwind. A COMPLETE task has
    // dropped its future (`task::cell::conclude`), and the handle takes the output with it.
    #[allow(unsafe_code, reason = "a scoped task: the caller's stack waits for it")]
    let handle = unsafe {
        if shared.tells_of_tasks() {
            shared.spawn_scoped_as(future, New { kind: Kind::BlockOn, ..New::task(caller) })
        } else {
            shared.try_spawn_scoped(future, Id::next(), caller).unwrap_or_else(Refused::discard)
        }
    };
    match call::call_at(Site::of(caller), Some(Hint::Long), || wait(handle)) {
        Ok(output) => output,
        Err(error) => match error.try_into_panic() {
            Ok(payload) => panic::resume_unwind(payload),
            Err(cancelled) => panic!("`block_on` was interrupted: the runtime was shut down ({cancelled})"),
        },
    }
}

struct Alarm {
    rang: AtomicBool,
    thread: Thread,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Release: what the waker did is visible to the poll after it; pairs with the Acquire below.
        self.rang.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Polls on the calling thread, parked in between. Only for futures of ours that do not panic.
fn wait<F: Future>(future: F) -> F::Output {
    let alarm = Arc::new(Alarm { rang: AtomicBool::new(false), thread: thread::current() });
    let waker = Waker::from(Arc::clone(&alarm));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        while !alarm.rang.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }
}
