//! When may a task be aborted? Always, and it ends once. Scenario 32 of the list in README.md.

#[path = "support/latch.rs"]
mod latch;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use futures::executor::block_on;
use handover::runtime::{Builder, Runtime};
use handover::task::AbortHandle;
use latch::Latch;
use watchdog::Watchdog;

const NEVER: Duration = Duration::from_secs(20);

fn runtime(processors: usize) -> (Runtime, Watchdog) {
    let runtime = Builder::new().processors(processors).build().unwrap();
    let watchdog = Watchdog::start(NEVER, "an abort", Some(runtime.metrics()));
    (runtime, watchdog)
}

/// Counts drops.
struct Guard(Arc<AtomicU64>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Keeps the one processor of `runtime` busy until the returned latch is stepped.
fn occupy(runtime: &Runtime) -> Latch {
    let (busy, free) = (Latch::default(), Latch::default());
    let (begins, ends) = (busy.clone(), free.clone());
    drop(runtime.spawn(async move {
        begins.step();
        while ends.steps() == 0 {
            std::hint::spin_loop();
        }
    }));
    assert!(busy.wait_for(1, NEVER));
    free
}

#[test]
fn before_the_first_poll_the_future_is_dropped_unpolled() {
    let (runtime, _watchdog) = runtime(1);
    let (polls, drops) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let free = occupy(&runtime);
    let (polled, guard) = (Arc::clone(&polls), Guard(Arc::clone(&drops)));
    let task = runtime.spawn(async move {
        let _guard = guard;
        polled.fetch_add(1, Ordering::SeqCst);
    });
    task.abort();
    free.step();
    assert!(block_on(task).unwrap_err().is_cancelled());
    assert_eq!((polls.load(Ordering::SeqCst), drops.load(Ordering::SeqCst)), (0, 1));
}

#[test]
fn while_it_waits_the_future_is_dropped() {
    let (runtime, _watchdog) = runtime(1);
    let (drops, waits) = (Arc::new(AtomicU64::new(0)), Latch::default());
    let (guard, polled) = (Guard(Arc::clone(&drops)), waits.clone());
    let task = runtime.spawn(async move {
        let _guard = guard;
        polled.step();
        pending::<()>().await
    });
    assert!(waits.wait_for(1, NEVER));
    task.abort();
    task.abort();
    assert!(block_on(task).unwrap_err().is_cancelled());
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

#[test]
fn in_a_call_the_call_ends_first() {
    let (runtime, _watchdog) = runtime(1);
    for ready_after_the_call in [true, false] {
        let (started, release) = (Latch::default(), Latch::default());
        let (starts, released) = (started.clone(), release.clone());
        let task = runtime.spawn(async move {
            let in_time = handover::blocking(|| {
                starts.step();
                released.wait_for(1, NEVER)
            })
            .await;
            if !ready_after_the_call {
                handover::yield_now().await;
            }
            in_time
        });
        assert!(started.wait_for(1, NEVER));
        task.abort();
        assert!(!task.is_finished(), "a call is not interrupted");
        release.step();
        match block_on(task) {
            // The output was there in the very poll that ran the call: it is not thrown away.
            Ok(in_time) => assert!(in_time && ready_after_the_call),
            Err(error) => assert!(error.is_cancelled() && !ready_after_the_call, "{error}"),
        }
    }
}

#[test]
fn after_the_end_the_output_stays() {
    let (runtime, _watchdog) = runtime(1);
    let task = runtime.spawn(async { 5 });
    while !task.is_finished() {
        thread::yield_now();
    }
    task.abort();
    assert_eq!(block_on(task).unwrap(), 5);
}

#[test]
fn from_within_it_ends_at_the_next_await() {
    let (runtime, _watchdog) = runtime(1);
    let (own, passed) = (Arc::new(Mutex::new(None::<AbortHandle>)), Arc::new(AtomicU64::new(0)));
    let (slot, count) = (Arc::clone(&own), Arc::clone(&passed));
    let free = occupy(&runtime);
    let task = runtime.spawn(async move {
        slot.lock().unwrap().as_ref().unwrap().abort();
        count.fetch_add(1, Ordering::SeqCst);
        handover::yield_now().await;
        count.fetch_add(1, Ordering::SeqCst);
    });
    *own.lock().unwrap() = Some(task.abort_handle());
    free.step();
    assert!(block_on(task).unwrap_err().is_cancelled());
    assert_eq!(passed.load(Ordering::SeqCst), 1);
}

#[test]
fn a_task_that_ignores_its_abort_by_being_ready_keeps_its_output() {
    let (runtime, _watchdog) = runtime(1);
    let own = Arc::new(Mutex::new(None::<AbortHandle>));
    let slot = Arc::clone(&own);
    let free = occupy(&runtime);
    let task = runtime.spawn(poll_fn(move |_| {
        slot.lock().unwrap().as_ref().unwrap().abort();
        Poll::Ready(6)
    }));
    *own.lock().unwrap() = Some(task.abort_handle());
    free.step();
    assert_eq!(block_on(task).unwrap(), 6);
}

#[test]
fn aborts_race_polls_wakes_and_the_end() {
    const TASKS: u64 = 3_000;
    let (runtime, _watchdog) = runtime(2);
    let drops = Arc::new(AtomicU64::new(0));
    for n in 0..TASKS {
        let guard = Guard(Arc::clone(&drops));
        let (wake, woken) = futures::channel::oneshot::channel::<()>();
        let task = runtime.spawn(async move {
            let _guard = guard;
            let _ = woken.await;
            handover::yield_now().await;
            n
        });
        let abort = task.abort_handle();
        thread::scope(|scope| {
            // A thread for every tenth only: starting it is what takes the time.
            if n.is_multiple_of(10) {
                scope.spawn(|| drop(wake));
                abort.abort();
            } else {
                drop(wake);
                abort.abort();
            }
        });
        match block_on(task) {
            Ok(output) => assert_eq!(output, n),
            Err(error) => assert!(error.is_cancelled(), "{error}"),
        }
    }
    let metrics = runtime.metrics();
    drop(runtime);
    assert_eq!(metrics.num_alive_tasks(), 0);
    assert_eq!(drops.load(Ordering::SeqCst), TASKS);
}
