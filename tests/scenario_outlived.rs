//! What is left of a runtime that has ended: what do its handles, wakers and tasks still do? Scenarios 30 and 31 of the list in README.md.

#[path = "support/latch.rs"]
mod latch;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::cell::RefCell;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use handover::runtime::{Builder, Handle, Runtime};
use handover::task::{AbortHandle, JoinHandle};
use latch::Latch;
use watchdog::Watchdog;

const NEVER: Duration = Duration::from_secs(30);

fn runtime(processors: usize) -> (Runtime, Watchdog) {
    let runtime = Builder::new().processors(processors).build().unwrap();
    let watchdog = Watchdog::start(NEVER, "what is left of a runtime", Some(runtime.metrics()));
    (runtime, watchdog)
}

#[test]
fn after_the_end_a_spawn_says_cancelled() {
    let (runtime, _watchdog) = runtime(1);
    let handle = runtime.handle().clone();
    drop(runtime);
    let dropped = Arc::new(AtomicU64::new(0));
    let guard = Arc::clone(&dropped);
    let task = handle.spawn(async move { guard.fetch_add(1, Ordering::Relaxed) });
    assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
    assert_eq!(Arc::strong_count(&dropped), 1, "the future was dropped");
    assert!(futures::executor::block_on(handle.spawn_blocking(|| ())).unwrap_err().is_cancelled());
    let panic = std::panic::catch_unwind(|| handle.block_on(async {})).unwrap_err();
    assert!(panic.downcast_ref::<String>().is_some_and(|message| message.contains("shut down")), "a clear message");
}

/// Uses the runtime in its destructor.
struct EnterOnDrop(Handle);

impl Drop for EnterOnDrop {
    fn drop(&mut self) {
        let _entered = self.0.enter();
        drop(handover::spawn(async {}));
    }
}

#[test]
fn a_future_that_is_refused_may_use_the_runtime_in_its_destructor() {
    let ((runtime, _watchdog), (outer, _outer_watchdog)) = (runtime(1), runtime(1));
    let handle = runtime.handle().clone();
    drop(runtime);
    let guard = EnterOnDrop(outer.handle().clone());
    let _entered = handle.enter();
    let refused = handover::spawn(async move { drop(guard) });
    let error = futures::executor::block_on(refused).unwrap_err();
    assert!(error.is_cancelled(), "{error}");
}

/// A task's waker and handles, used after its runtime has ended.
fn outlived() -> (Waker, JoinHandle<()>, AbortHandle) {
    let (runtime, _watchdog) = runtime(1);
    let slot = Arc::new(Mutex::new(None));
    let polled = Latch::default();
    let (fill, step) = (Arc::clone(&slot), polled.clone());
    let task = runtime.spawn(poll_fn(move |cx| {
        *fill.lock().unwrap() = Some(cx.waker().clone());
        step.step();
        Poll::Pending
    }));
    assert!(polled.wait_for(1, NEVER), "{} polls", polled.steps());
    drop(runtime);
    let abort = task.abort_handle();
    let waker = slot.lock().unwrap().take().unwrap();
    (waker, task, abort)
}

#[test]
fn a_waker_and_handles_outlive_their_runtime() {
    let (waker, task, abort) = outlived();
    waker.wake_by_ref();
    let other = waker.clone();
    other.wake();
    task.abort();
    abort.abort();
    assert!(task.is_finished() && abort.is_finished());
    drop(waker);
    assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
    drop(abort);
}

type Outlived = (Waker, JoinHandle<()>, AbortHandle);

struct UseAtThreadEnd(Option<Outlived>, mpsc::Sender<bool>);

impl Drop for UseAtThreadEnd {
    fn drop(&mut self) {
        if let Some((waker, task, abort)) = self.0.take() {
            waker.wake_by_ref();
            abort.abort();
            waker.wake();
            // The test may be over already.
            let _ = self.1.send(task.is_finished());
        }
    }
}

thread_local! {
    static AT_END: RefCell<Option<UseAtThreadEnd>> = const { RefCell::new(None) };
}

#[test]
fn a_waker_is_used_in_a_thread_local_destructor() {
    let (said, heard) = mpsc::channel();
    let sender = said.clone();
    thread::spawn(move || AT_END.with(|slot| *slot.borrow_mut() = Some(UseAtThreadEnd(Some(outlived()), sender)))).join().unwrap();
    assert!(heard.recv_timeout(NEVER).unwrap());
    // On a worker thread of another runtime that ends.
    let (runtime, _watchdog) = runtime(1);
    runtime.block_on(async { AT_END.with(|slot| *slot.borrow_mut() = Some(UseAtThreadEnd(Some(outlived()), said))) });
    drop(runtime);
    assert!(heard.recv_timeout(NEVER).unwrap());
}
