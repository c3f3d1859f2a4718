//! How does a thread that is not a task wait for one, with a future that borrows from its stack?

use std::future::Future;
use std::panic::{self, Location};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use handover_blocking::{Hint, Site, call};

use crate::scheduler::Shared;

/// Runs `future` as a task of `shared`, and waits for it. On a worker thread this is a declared blocking call that is known to be long.
///
/// # Panics
/// With the future's own panic; and when the runtime shuts down before the future is ready.
pub fn block_on<F>(shared: &Shared, future: F, caller: &'static Location<'static>) -> F::Output
where
    F: Future + Send,
    F::Output: Send,
{
    let mut output = None;
    let result = {
        let slot = &mut output;
        let task: Pin<Box<dyn Future<Output = ()> + Send + '_>> = Box::pin(async move {
            *slot = Some(future.await);
        });
        // SAFETY: only the lifetime changes. This function does not return or unwind before the task is COMPLETE: `wait` does not unwind, and the handle resolves
        // only then. A COMPLETE task has dropped its future (`task::cell::conclude`), so nothing of '_ is used afterwards.
        #[allow(unsafe_code, reason = "a scoped task: the caller's stack waits for it")]
        let task: Pin<Box<dyn Future<Output = ()> + Send + 'static>> = unsafe { std::mem::transmute(task) };
        let handle = shared.spawn(task, caller);
        call::call_at(Site::of(caller), Some(Hint::Long), || wait(handle))
    };
    match (result, output) {
        (Ok(()), Some(output)) => output,
        (Err(error), _) => match error.try_into_panic() {
            Ok(payload) => panic::resume_unwind(payload),
            Err(cancelled) => panic!("`block_on` was interrupted: the runtime was shut down ({cancelled})"),
        },
        (Ok(()), None) => unreachable!("a task that ended without a panic has stored its output"),
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
