//! Does time pass for a task as it does for a thread, and not a moment faster?

use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures::future::join_all;
use handover::runtime::Builder;
use handover::time::{Duration, Instant, MissedTickBehavior, interval, interval_at, sleep, sleep_until, timeout, timeout_at};

const LONG: Duration = Duration::from_secs(3_600);
const MS: Duration = Duration::from_millis(1);

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[handover::test]
async fn a_sleep_never_ends_early() {
    let sleeps = (0..200_u32).map(|number| async move {
        let deadline = Instant::now() + number * Duration::from_micros(73);
        sleep_until(deadline).await;
        assert!(Instant::now() >= deadline);
    });
    join_all(sleeps).await;
}

#[handover::test]
async fn a_sleep_is_finer_than_a_millisecond() {
    let mut best = Duration::MAX;
    for _ in 0..50 {
        let deadline = Instant::now() + Duration::from_micros(200);
        sleep_until(deadline).await;
        best = best.min(deadline.elapsed());
    }
    // A busy machine may be late; fifty times out of fifty means that milliseconds are being counted.
    assert!(best < Duration::from_micros(700), "the best of fifty was {best:?} late");
}

#[handover::test]
async fn past_and_zero_deadlines_are_reached_at_once() {
    assert!(poll_once(pin!(sleep(Duration::ZERO))).is_ready());
    let past = Instant::now().checked_sub(MS).expect("the machine has been up for a while");
    assert!(poll_once(pin!(sleep_until(past))).is_ready());
}

#[handover::test]
async fn far_deadlines_saturate() {
    let mut far = pin!(sleep(Duration::MAX));
    assert!(poll_once(far.as_mut()).is_pending());
    assert!(far.deadline() > Instant::now() + 29 * 365 * 24 * LONG);
    assert!(timeout(MS, far).await.is_err());
    assert_eq!(timeout(Duration::MAX, async { 7 }).await, Ok(7));
}

#[handover::test]
async fn tasks_go_on_in_the_order_of_their_deadlines() {
    let start = Instant::now();
    let ended = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..5_u32)
        .rev()
        .map(|number| {
            let ended = Arc::clone(&ended);
            handover::spawn(async move {
                sleep_until(start + number * 20 * MS).await;
                (number, ended.fetch_add(1, Ordering::SeqCst), start.elapsed())
            })
        })
        .collect();
    for task in tasks {
        let (number, place, elapsed) = task.await.expect("no panic");
        // A machine that is 20 ms late may let two of them change places; only a sleep that was in time must be in order.
        assert!(place == number as usize || elapsed > (number + 1) * 20 * MS, "{number} came as {place} after {elapsed:?}");
    }
}

#[handover::test]
async fn ten_thousand_sleeps_end() {
    let tasks = (0..10_000_u64).map(|number| handover::spawn(sleep(Duration::from_micros(number % 20_000))));
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("no panic");
    }
}

#[handover::test]
async fn a_reset_sleep_ends_at_its_new_deadline() {
    let mut moved_up = pin!(sleep(LONG));
    assert!(poll_once(moved_up.as_mut()).is_pending());
    moved_up.as_mut().reset(Instant::now() + MS);
    moved_up.as_mut().await;
    assert!(moved_up.is_elapsed());

    moved_up.as_mut().reset(Instant::now() + LONG);
    assert!(!moved_up.is_elapsed());
    assert!(timeout(MS, moved_up).await.is_err());
}

#[handover::test]
async fn a_reset_reaches_a_task_that_waits_already() {
    // Given a task that waits for an hour, when another thread moves the deadline up, then the task goes on.
    let shared = Arc::new(Mutex::new(Box::pin(sleep(LONG))));
    let polled = Arc::new(AtomicUsize::new(0));
    let waits = handover::spawn({
        let (shared, polled) = (Arc::clone(&shared), Arc::clone(&polled));
        poll_fn(move |cx| {
            let result = shared.lock().expect("no panic").as_mut().poll(cx);
            polled.store(1, Ordering::SeqCst);
            result
        })
    });
    while polled.load(Ordering::SeqCst) == 0 {
        handover::yield_now().await;
    }
    shared.lock().expect("no panic").as_mut().reset(Instant::now() + MS);
    waits.await.expect("no panic");
}

#[test]
fn a_sleep_is_made_anywhere_and_waits_only_in_a_runtime() {
    let mut made_outside = pin!(sleep(5 * MS));
    let deadline = made_outside.deadline();
    handover::block_on(made_outside.as_mut());
    assert!(Instant::now() >= deadline);
    assert!(poll_once(made_outside).is_ready(), "it has ended, so it needs no runtime");
}

#[test]
#[should_panic(expected = "there is no handover runtime here")]
fn a_sleep_polled_outside_a_runtime_says_so() {
    let _panics = poll_once(pin!(sleep(LONG)));
}

#[test]
fn a_sleep_outlives_its_runtime() {
    let build = || Builder::new().processors(1).build().expect("a runtime");
    let (first, second) = (build(), build());
    let mut short = Box::pin(sleep(20 * MS));
    let mut long = Box::pin(sleep(LONG));
    first.block_on(async {
        assert!(poll_once(short.as_mut()).is_pending());
        assert!(poll_once(long.as_mut()).is_pending());
    });
    drop(first);
    second.block_on(short.as_mut());
    assert!(short.is_elapsed());
    drop((short, long));
}

#[test]
fn a_sleep_in_a_runtime_that_ends_neither_panics_nor_hangs() {
    let runtime = Builder::new().processors(2).build().expect("a runtime");
    let tasks: Vec<_> = (0..100).map(|_| runtime.spawn(sleep(LONG))).collect();
    drop(runtime);
    for task in tasks {
        let error = futures::executor::block_on(task).expect_err("the runtime ended first");
        assert!(error.is_cancelled());
    }
}

#[handover::test]
async fn a_timeout_gives_the_output_or_says_that_time_is_up() {
    assert_eq!(timeout(LONG, async { "in time" }).await, Ok("in time"));
    let elapsed = timeout(MS, pending::<()>()).await.expect_err("it never ends");
    let error = std::io::Error::from(elapsed);
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert!(timeout_at(Instant::now(), pending::<()>()).await.is_err());
}

#[handover::test]
async fn the_future_is_asked_once_more_when_time_is_up() {
    assert_eq!(timeout(Duration::ZERO, async { 7 }).await, Ok(7));
    // A call that ran is never reported as not run, though it took longer than it might.
    let output = timeout(MS, handover::blocking(|| std::thread::sleep(5 * MS))).await;
    assert_eq!(output, Ok(()));
}

#[handover::test]
async fn an_interval_keeps_its_rhythm() {
    let start = Instant::now() + MS;
    let mut ticks = interval_at(start, 2 * MS);
    for number in 0..10 {
        assert_eq!(ticks.tick().await, start + number * 2 * MS);
        assert!(Instant::now() >= start + number * 2 * MS);
    }
    assert_eq!(ticks.period(), 2 * MS);
}

#[handover::test]
async fn an_interval_skips_what_it_missed_if_told_so() {
    let start = Instant::now();
    let mut ticks = interval_at(start, 2 * MS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks.tick().await;
    handover::blocking(|| std::thread::sleep(9 * MS)).await;
    assert_eq!(ticks.tick().await, start + 2 * MS, "the one that was due while nobody asked");
    let next = ticks.tick().await;
    assert!(next > start + 9 * MS && (next - start).as_nanos().is_multiple_of((2 * MS).as_nanos()), "{:?}", next - start);
}

#[handover::test]
async fn a_tick_that_nobody_waited_for_to_the_end_is_not_lost() {
    let start = Instant::now() + 200 * MS;
    let mut ticks = interval_at(start, LONG);
    {
        let tick = pin!(ticks.tick());
        assert!(futures::poll!(tick).is_pending(), "the tick came early");
    }
    assert_eq!(ticks.tick().await, start);
}

#[test]
#[should_panic(expected = "the period of an interval is zero")]
fn an_interval_without_a_period_is_refused() {
    drop(interval(Duration::ZERO));
}
