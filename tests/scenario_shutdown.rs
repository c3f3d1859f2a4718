//! Where and when may a runtime end? Anywhere, any time, in bounded time. Scenarios 28 and 29 of the list in README.md.

#[path = "support/latch.rs"]
mod latch;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::cell::RefCell;
use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use handover::runtime::{Builder, Runtime};
use latch::Latch;
use watchdog::Watchdog;

const NEVER: Duration = Duration::from_secs(30);
/// A drop waits 5 s at most for what is out; everything else takes milliseconds.
const BOUND: Duration = Duration::from_secs(4);

fn runtime(processors: usize) -> (Runtime, Watchdog) {
    let runtime = Builder::new().processors(processors).build().unwrap();
    let watchdog = Watchdog::start(NEVER, "a shutdown", Some(runtime.metrics()));
    (runtime, watchdog)
}

#[track_caller]
fn assert_quick(began: Instant) {
    assert!(began.elapsed() < BOUND, "it took {:?}", began.elapsed());
}

/// Waits for the threads of `metrics` to end, which a drop on one of them does not do itself.
fn await_end(metrics: &handover::RuntimeMetrics) {
    let deadline = Instant::now() + NEVER;
    while metrics.threads() > 0 {
        assert!(Instant::now() < deadline, "threads are left: {metrics:?}");
        thread::yield_now();
    }
    assert_eq!(metrics.num_alive_tasks(), 0);
}

#[test]
fn a_runtime_is_dropped_in_one_of_its_own_tasks() {
    for processors in [1, 2] {
        let (runtime, _watchdog) = runtime(processors);
        let (metrics, began) = (runtime.metrics(), Instant::now());
        let handle = runtime.handle().clone();
        let (said, heard) = mpsc::channel();
        drop(handle.spawn(async move {
            drop(runtime);
            said.send(()).unwrap();
        }));
        heard.recv_timeout(NEVER).expect("the task goes on after the drop, up to its next await");
        await_end(&metrics);
        assert_quick(began);
    }
}

#[test]
fn a_runtime_is_dropped_in_the_closure_of_a_call_of_its_own() {
    let (runtime, _watchdog) = runtime(1);
    let (metrics, began) = (runtime.metrics(), Instant::now());
    let handle = runtime.handle().clone();
    let task = handle.spawn(async move { handover::blocking(|| drop(runtime)).await });
    futures::executor::block_on(task).expect("a call that ran is never reported as not run");
    await_end(&metrics);
    assert_quick(began);
}

#[test]
fn a_runtime_is_dropped_in_a_task_and_in_a_call_of_another() {
    let ((outer, _watchdog), (inner, _other_watchdog)) = (runtime(1), runtime(1));
    let second = Builder::new().processors(1).build().unwrap();
    let metrics = [inner.metrics(), second.metrics()];
    drop(inner.spawn(pending::<()>()));
    let began = Instant::now();
    outer.block_on(async {
        drop(inner);
        handover::blocking(|| drop(second)).await;
    });
    metrics.iter().for_each(await_end);
    assert_quick(began);
}

thread_local! {
    static KEPT: RefCell<Option<Runtime>> = const { RefCell::new(None) };
}

fn keep(runtime: Runtime) {
    KEPT.with(|kept| *kept.borrow_mut() = Some(runtime));
}

#[test]
fn a_runtime_is_dropped_in_a_thread_local_destructor() {
    // of a thread of nobody's,
    let (first, _watchdog) = runtime(1);
    let (metrics, began) = (first.metrics(), Instant::now());
    thread::spawn(move || keep(first)).join().unwrap();
    await_end(&metrics);
    // and of a worker thread of another runtime.
    let ((outer, _outer_watchdog), (second, _second_watchdog)) = (runtime(1), runtime(1));
    let metrics = second.metrics();
    outer.block_on(async { keep(second) });
    drop(outer);
    await_end(&metrics);
    assert_quick(began);
}

#[test]
fn a_runtime_shared_by_two_owners_ends_with_the_second() {
    let (runtime, _watchdog) = runtime(2);
    let metrics = runtime.metrics();
    let shared = Arc::new(runtime);
    let other = Arc::clone(&shared);
    let task = shared.spawn(async { 1 });
    drop(shared);
    assert_eq!(other.block_on(task).unwrap(), 1);
    let race: Vec<_> = [Arc::clone(&other), other].map(|owner| thread::spawn(move || drop(owner))).into();
    race.into_iter().for_each(|thread| thread.join().unwrap());
    await_end(&metrics);
}

#[test]
fn a_drop_waits_for_a_call_that_is_out_and_takes_its_result() {
    for declared in [true, false] {
        let (runtime, _watchdog) = runtime(1);
        let (started, ended) = (Latch::default(), Arc::new(AtomicU64::new(0)));
        let (start, end) = (started.clone(), Arc::clone(&ended));
        let task = runtime.spawn(async move {
            let call = || {
                start.step();
                thread::sleep(Duration::from_millis(100));
                end.store(7, Ordering::SeqCst);
            };
            if declared { handover::blocking(call).await } else { call() }
        });
        assert!(started.wait_for(1, NEVER));
        drop(runtime);
        assert_eq!(ended.load(Ordering::SeqCst), 7, "the drop waits for the call");
        futures::executor::block_on(task).expect("a task that was ready in the poll that ran its call is not cancelled");
    }
}

#[test]
fn shutdown_is_bounded_while_calls_never_return() {
    let (runtime, _watchdog) = runtime(2);
    let metrics = runtime.metrics();
    let (started, released) = (Latch::default(), Latch::default());
    let calls: Vec<_> = (0..6)
        .map(|n| {
            let (start, release) = (started.clone(), released.clone());
            let call = move || {
                start.step();
                assert!(release.wait_for(1, NEVER));
            };
            runtime.spawn(async move { if n % 2 == 0 { handover::blocking(call).await } else { call() } })
        })
        .collect();
    assert!(started.wait_for(6, NEVER));
    let dropped = Arc::new(AtomicU64::new(0));
    let waiting = CountDrop(Arc::clone(&dropped));
    drop(runtime.spawn(async move {
        let _waiting = waiting;
        pending::<()>().await
    }));
    // When it is shut down with 100 ms of patience, then it takes about that, and what does not block has ended.
    let began = Instant::now();
    runtime.shutdown_timeout(Duration::from_millis(100));
    assert!(began.elapsed() >= Duration::from_millis(100), "{:?}", began.elapsed());
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    assert_eq!(dropped.load(Ordering::SeqCst), 1, "a task that only waits is cancelled beside those that are stuck");
    // The calls that were left behind still end well.
    released.step();
    for call in calls {
        futures::executor::block_on(call).unwrap();
    }
    await_end(&metrics);
}

#[test]
fn shutdown_without_patience_and_with_boundless_patience() {
    let (first, _watchdog) = runtime(1);
    let metrics = first.metrics();
    drop(first.spawn(async { thread::sleep(Duration::from_millis(50)) }));
    first.shutdown_timeout(Duration::ZERO);
    await_end(&metrics);
    let (second, _second_watchdog) = runtime(1);
    drop(second.spawn(pending::<()>()));
    second.shutdown_timeout(Duration::MAX);
    let (third, _third_watchdog) = runtime(1);
    let (metrics, began) = (third.metrics(), Instant::now());
    drop(third.spawn(pending::<()>()));
    third.shutdown_background();
    await_end(&metrics);
    assert_quick(began);
}

struct CountDrop(Arc<AtomicU64>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        // Destructors find the runtime around them.
        assert!(handover::runtime::Handle::try_current().is_ok());
        handover::block_in_place(|| self.0.fetch_add(1, Ordering::SeqCst));
    }
}

#[test]
fn ten_thousand_waiting_tasks_are_dropped_once_each() {
    const TASKS: u64 = 10_000;
    for processors in [1, 2] {
        let (runtime, _watchdog) = runtime(processors);
        let dropped = Arc::new(AtomicU64::new(0));
        let polled = Latch::default();
        let tasks: Vec<_> = (0..TASKS)
            .map(|n| {
                let (guard, polled) = (CountDrop(Arc::clone(&dropped)), polled.clone());
                runtime.spawn(async move {
                    let _guard = guard;
                    // Half of them wait, half of them are in a queue.
                    polled.step();
                    if n % 2 == 0 {
                        pending::<()>().await;
                    }
                    loop {
                        handover::yield_now().await;
                    }
                })
            })
            .collect();
        assert!(polled.wait_for(TASKS / 4, NEVER), "{} were polled", polled.steps());
        let began = Instant::now();
        drop(runtime);
        assert_quick(began);
        assert_eq!(dropped.load(Ordering::SeqCst), TASKS);
        for task in tasks {
            assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
        }
    }
}

#[test]
fn shutdown_races_spawns_wakes_and_calls() {
    for round in 0..100 {
        let (runtime, _watchdog) = runtime(1 + round % 2);
        let (metrics, handle) = (runtime.metrics(), runtime.handle().clone());
        let going = Latch::default();
        let submitters: Vec<_> = (0..2)
            .map(|_| {
                let (handle, going) = (handle.clone(), going.clone());
                thread::spawn(move || {
                    let tasks: Vec<_> = (0..50)
                        .map(|n| {
                            going.step();
                            match n % 4 {
                                0 => handle.spawn(handover::yield_now()),
                                1 => handle.spawn(async { handover::blocking(|| thread::sleep(Duration::from_micros(100))).await }),
                                2 => handle.spawn_blocking(thread::yield_now),
                                _ => handle.spawn(async { drop(handover::spawn(handover::yield_now())) }),
                            }
                        })
                        .collect();
                    // Every handle resolves: with the output, or as cancelled.
                    for task in tasks {
                        if let Err(error) = futures::executor::block_on(task) {
                            assert!(error.is_cancelled(), "{error}");
                        }
                    }
                })
            })
            .collect();
        assert!(going.wait_for(1 + round as u64 % 60, NEVER));
        drop(runtime);
        submitters.into_iter().for_each(|thread| thread.join().unwrap());
        await_end(&metrics);
    }
}

#[test]
fn many_runtimes_start_and_end_without_a_trace() {
    let threads = || std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    let descriptors = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let before = (threads(), descriptors());
    for round in 0..50 {
        let runtime = Builder::new().processors(1 + round % 3).build().unwrap();
        assert_eq!(runtime.block_on(async { handover::spawn(async { 1 }).await.unwrap() }), 1);
    }
    // Other tests of this binary run beside this one, with a few runtimes each: 50 that leaked would be 200 threads and 150 descriptors.
    assert!(threads() < before.0 + 100, "{} threads, {} before", threads(), before.0);
    assert!(descriptors() < before.1 + 100, "{} descriptors, {} before", descriptors(), before.1);
}
