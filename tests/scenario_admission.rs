//! What if more calls block than threads are allowed? Scenarios 20 and 21 of the list in README.md.

#[path = "support/latch.rs"]
mod latch;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use handover::Hint;
use handover::runtime::{Builder, Runtime};
use latch::Latch;
use watchdog::Watchdog;

const NEVER: Duration = Duration::from_secs(20);

fn runtime(processors: usize, cap: usize) -> (Runtime, Watchdog) {
    let runtime = Builder::new().processors(processors).max_blocking_threads(cap).build().unwrap();
    let watchdog = Watchdog::start(NEVER * 2, "calls beyond max_blocking_threads", Some(runtime.metrics()));
    (runtime, watchdog)
}

/// The most threads and calls seen until `over`.
fn peaks(runtime: &Runtime, over: &Arc<AtomicBool>) -> thread::JoinHandle<(usize, usize)> {
    let (metrics, over) = (runtime.metrics(), Arc::clone(over));
    thread::spawn(move || {
        let mut most = (0, 0);
        while !over.load(Ordering::Relaxed) {
            most = (most.0.max(metrics.threads()), most.1.max(metrics.calls_out()));
            thread::sleep(Duration::from_micros(200));
        }
        most
    })
}

/// Given a cap of 64; when 10,000 calls are made at once; then all return, on few threads, and never more than 64 are in the closure.
fn ten_thousand(hint: Option<Hint>) {
    const CAP: usize = 64;
    const PROCESSORS: usize = 2;
    let (runtime, _watchdog) = runtime(PROCESSORS, CAP);
    let over = Arc::new(AtomicBool::new(false));
    let peaks = peaks(&runtime, &over);
    let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let calls: Vec<_> = (0..10_000)
        .map(|_| {
            let (inside, most) = (Arc::clone(&inside), Arc::clone(&most));
            runtime.spawn(async move {
                let call = handover::blocking(|| {
                    most.fetch_max(inside.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                    thread::sleep(Duration::from_millis(1));
                    inside.fetch_sub(1, Ordering::Relaxed);
                });
                match hint {
                    Some(hint) => call.hint(hint).await,
                    None => call.await,
                }
            })
        })
        .collect();
    calls.into_iter().for_each(|call| block_on(call).unwrap());
    over.store(true, Ordering::Relaxed);
    let (threads, out) = peaks.join().unwrap();
    let metrics = runtime.metrics();
    assert!(threads <= CAP + PROCESSORS + 2, "{threads} threads; {metrics:?}");
    // A call that nobody expected to be long has no place: there is at most one for each processor.
    let most = most.load(Ordering::Relaxed);
    assert!(most <= CAP + PROCESSORS && out <= CAP + PROCESSORS, "{most} calls at a time, {out} counted; {metrics:?}");
    assert!(metrics.admission_waits() > 0, "{metrics:?}");
    assert!(metrics.admission_wait_time() > Duration::ZERO, "{metrics:?}");
    assert_eq!((metrics.calls_out(), metrics.calls_waiting(), metrics.admission_breaks()), (0, 0, 0), "{metrics:?}");
}

#[test]
fn ten_thousand_long_calls_share_64_threads() {
    ten_thousand(Some(Hint::Long));
}

#[test]
fn ten_thousand_calls_that_nobody_predicted_share_64_threads() {
    ten_thousand(None);
}

/// Given a cap of 2 and as many reads of empty pipes; when their writers wait for admission; then one is let in each second until all are through.
#[test]
fn readers_whose_writers_wait_for_admission_are_not_stuck_for_ever() {
    readers_then_writers(Duration::ZERO);
}

/// The same, with the time for the monitor to fall asleep without limit before the writers come: who takes a processor does not wake it then.
#[test]
fn they_are_not_while_the_monitor_sleeps() {
    readers_then_writers(Duration::from_millis(80));
}

/// The writers come `later`.
fn readers_then_writers(later: Duration) {
    let (runtime, _watchdog) = runtime(2, 2);
    let reading = Latch::default();
    let began = Instant::now();
    let (readers, writers): (Vec<_>, Vec<_>) = (0..2)
        .map(|_| {
            let (mut from, mut to) = std::io::pipe().unwrap();
            let reading = reading.clone();
            let reader = runtime.spawn(async move {
                let mut byte = [0];
                let call = || {
                    reading.step();
                    from.read_exact(&mut byte)
                };
                handover::blocking(call).hint(Hint::Long).await.unwrap();
                byte[0]
            });
            (reader, move || to.write_all(b"!"))
        })
        .unzip();
    assert!(reading.wait_for(2, NEVER), "{} reads", reading.steps());
    thread::sleep(later);
    let writers: Vec<_> =
        writers.into_iter().map(|write| runtime.spawn(async move { handover::blocking(write).hint(Hint::Long).await.unwrap() })).collect();
    for reader in readers {
        assert_eq!(block_on(reader).unwrap(), b'!');
    }
    writers.into_iter().for_each(|writer| block_on(writer).unwrap());
    let metrics = runtime.metrics();
    assert!(metrics.admission_breaks() >= 1, "{metrics:?}");
    assert!(began.elapsed() >= Duration::from_millis(900), "the cap did not hold: {:?}", began.elapsed());
}

/// Given a cap of 1 that is taken; when the next call is aborted while it waits; then the one behind it gets the place.
#[test]
fn an_aborted_waiter_leaves_its_place_to_the_next() {
    let (runtime, _watchdog) = runtime(2, 1);
    let (begun, release) = (Latch::default(), Latch::default());
    let call = |begun: &Latch, release: &Latch| {
        let (begun, release) = (begun.clone(), release.clone());
        runtime.spawn(async move {
            let wait = || {
                begun.step();
                assert!(release.wait_for(1, NEVER));
            };
            handover::blocking(wait).hint(Hint::Long).await;
        })
    };
    let waits = |count: usize| {
        let began = Instant::now();
        while runtime.metrics().calls_waiting() != count {
            assert!(began.elapsed() < NEVER, "{:?}", runtime.metrics());
            thread::yield_now();
        }
    };
    let first = call(&begun, &release);
    assert!(begun.wait_for(1, NEVER));
    let second = call(&begun, &release);
    waits(1);
    let third = call(&begun, &release);
    waits(2);
    second.abort();
    assert!(block_on(second).unwrap_err().is_cancelled());
    waits(1);
    release.step();
    block_on(first).unwrap();
    block_on(third).unwrap();
    assert_eq!(begun.steps(), 2, "the aborted call has run");
}

/// Given a cap of 1 that is taken; when short calls are made, and long ones within a call that is counted; then they do not wait.
#[test]
fn short_and_nested_calls_do_not_wait() {
    let (runtime, _watchdog) = runtime(2, 1);
    let nested = runtime.spawn(async {
        handover::blocking(|| {
            // Another executor in the call: its calls are part of this one.
            block_on(handover::blocking(|| 1).hint(Hint::Long)) + handover::block_in_place(|| 2)
        })
        .hint(Hint::Long)
        .await
    });
    assert_eq!(block_on(nested).unwrap(), 3);
    let (begun, release) = (Latch::default(), Latch::default());
    let long = {
        let (begun, release) = (begun.clone(), release.clone());
        runtime.spawn(async move {
            let wait = || {
                begun.step();
                assert!(release.wait_for(1, NEVER));
            };
            handover::blocking(wait).hint(Hint::Long).await;
        })
    };
    assert!(begun.wait_for(1, NEVER));
    let short = runtime.spawn(async { handover::blocking(|| 4).hint(Hint::Short).await });
    assert_eq!(block_on(short).unwrap(), 4);
    assert_eq!(runtime.metrics().calls_out(), 1);
    release.step();
    block_on(long).unwrap();
}
