//! Do the numbers follow from what a test made happen?

use std::sync::mpsc;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use handover::Hint;
use handover::runtime::Builder;

use crate::exposition::Exposition;
use crate::watchdog::Watchdog;
use crate::{make_calls, runtime};

const SPIN: Duration = Duration::from_millis(20);

fn spin() {
    let start = Instant::now();
    while start.elapsed() < SPIN {
        std::hint::spin_loop();
    }
}

#[test]
fn each_call_counts_once_by_what_became_of_it() {
    let (runtime, _watchdog) = runtime(1);
    make_calls(&runtime, 1000, 7, 3);
    let seen = Exposition::read(&runtime.metrics().prometheus()).unwrap();
    assert_eq!(seen.value("handover_blocking_calls_total{outcome=\"fast\"}"), 1000.0);
    assert_eq!(seen.value("handover_blocking_calls_total{outcome=\"handed_off\"}"), 10.0);
    assert_eq!(seen.value("handover_blocking_call_duration_seconds_count"), 10.0);
    assert_eq!(seen.value("handover_handoffs_total{reason=\"given_away\"}"), 7.0);
    assert_eq!(seen.value("handover_handoffs_total{reason=\"work_waits\"}"), 3.0);
    assert_eq!((seen.total("handover_handoffs_total"), runtime.metrics().handoffs()), (10.0, 10));
    assert!(seen.value("handover_blocking_call_duration_seconds_sum") >= 0.014, "seven calls slept for 2 ms");
    assert!(seen.value("handover_handoff_delay_seconds_count") >= 3.0, "a task waited behind three of them");
    assert_eq!(seen.value("handover_overtaken_poll_duration_seconds_count"), 0.0);
}

#[test]
fn a_call_that_notices_the_loss_itself_counts_as_handed_off_when_it_returns() {
    // Given a call that stays out until another task has run, on one processor ...
    let (runtime, _watchdog) = runtime(1);
    let metrics = runtime.metrics();
    let (release, released) = mpsc::channel();
    let counts = runtime.spawn(async move {
        let other = handover::spawn(async move { release.send(()).expect("the call waits for it") });
        handover::blocking(move || {
            released.recv().expect("the task sends");
            // ... when it then calls into the runtime ...
            drop(handover::spawn(async {}));
        })
        .hint(Hint::Short)
        .await;
        let counts = (metrics.fast_calls(), metrics.blocking_call_time().count());
        other.await.expect("the other task ends");
        counts
    });
    // ... then it is counted at its return, and not as fast.
    assert_eq!(block_on(counts).unwrap(), (0, 1));
    assert_eq!((runtime.metrics().fast_calls(), runtime.metrics().blocking_call_time().count()), (0, 1));
}

#[test]
fn threads_and_calls_are_counted_by_what_they_do() {
    let runtime = Builder::new().processors(1).max_blocking_threads(1).build().unwrap();
    let metrics = runtime.metrics();
    let _watchdog = Watchdog::start(Duration::from_secs(60), "threads by state", Some(metrics.clone()));
    let (release, released) = mpsc::channel();
    let out = runtime.spawn(async move { handover::blocking(move || released.recv()).hint(Hint::Long).await });
    while metrics.calls_out() == 0 {
        std::thread::yield_now();
    }
    let waits = runtime.spawn(async { handover::blocking(|| ()).hint(Hint::Long).await });
    while metrics.calls_waiting() == 0 {
        std::thread::yield_now();
    }
    let seen = Exposition::read(&metrics.prometheus()).unwrap();
    assert_eq!(seen.value("handover_threads{state=\"in_call\"}"), 1.0);
    assert_eq!(seen.value("handover_blocking_calls_out"), 1.0);
    assert_eq!(seen.value("handover_blocking_calls_waiting"), 1.0);
    assert_eq!(seen.value("handover_cap_waits_total"), 1.0);
    assert_eq!(seen.value("handover_tasks_alive"), 2.0);
    release.send(()).unwrap();
    block_on(out).unwrap().unwrap();
    block_on(waits).unwrap();
    assert_eq!(metrics.threads_by_state().find(|(state, _)| *state == "in_call"), Some(("in_call", 0)));
}

#[test]
fn polls_and_spawns_add_up() {
    const TASKS: u64 = 500;
    let (runtime, _watchdog) = runtime(2);
    let tasks: Vec<_> = (0..TASKS).map(|_| runtime.spawn(handover::yield_now())).collect();
    tasks.into_iter().for_each(|task| block_on(task).unwrap());
    let metrics = runtime.metrics();
    // A handle is ready a moment before its task is forgotten.
    while metrics.num_alive_tasks() > 0 {
        std::thread::yield_now();
    }
    let per_worker: u64 = (0..2).map(|worker| metrics.worker_poll_count(worker)).sum();
    assert_eq!((metrics.polls(), per_worker), (2 * TASKS, 2 * TASKS));
    assert_eq!((metrics.spawned_tasks_count(), metrics.num_alive_tasks()), (TASKS, 0));
    assert_eq!(metrics.thread_spawn_failures(), 0);
    let beyond = std::panic::catch_unwind(|| metrics.worker_poll_count(2)).unwrap_err();
    assert_eq!(
        beyond.downcast_ref::<String>().map(String::as_str),
        Some("there is no worker 2: this runtime has 2 processors, counted from 0")
    );
}

#[test]
fn the_first_poll_is_timed() {
    let (runtime, _watchdog) = runtime(1);
    block_on(runtime.spawn(async { spin() })).unwrap();
    // The task is over before its poll is.
    while runtime.metrics().poll_time().count() == 0 {
        std::thread::yield_now();
    }
    let polls = runtime.metrics().poll_time();
    assert!(polls.count() == 1 && polls.sum() >= SPIN, "{polls:?}");
}

#[test]
fn a_wait_is_timed_from_the_next_slot_through_the_ring() {
    let (runtime, _watchdog) = runtime(1);
    let waits = runtime.spawn(async {
        let first = handover::spawn(async {});
        spin();
        let second = handover::spawn(async {});
        spin();
        (first.await, second.await)
    });
    let (first, second) = block_on(waits).unwrap();
    first.and(second).unwrap();
    let waits = runtime.metrics().local_scheduling_latency();
    assert_eq!(waits.count(), 1, "the first task's alone: {waits:?}");
    assert!(waits.sum() >= 2 * SPIN, "{waits:?}");
}

#[test]
fn a_wait_is_timed_from_the_inject_queue_through_the_ring() {
    let (runtime, _watchdog) = runtime(1);
    let (release, released) = mpsc::channel::<()>();
    let (begin, begun) = mpsc::channel();
    // Given a processor that is busy, not idle while a task waits ...
    let blocker = runtime.spawn(async move {
        begin.send(()).expect("the test waits for it");
        while released.try_recv().is_err() {
            std::hint::spin_loop();
        }
    });
    begun.recv().unwrap();
    // ... when 70 more come from outside, of which the 61st is timed ...
    let tasks: Vec<_> = (0..70).map(|_| runtime.spawn(async {})).collect();
    spin();
    release.send(()).unwrap();
    tasks.into_iter().chain([blocker]).for_each(|task| block_on(task).unwrap());
    // ... then its wait is known besides that of the first.
    let waits = runtime.metrics().global_scheduling_latency();
    assert!(waits.count() == 2 && waits.sum() >= SPIN, "{waits:?}");
}
