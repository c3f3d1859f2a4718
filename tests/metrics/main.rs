//! Do the metrics say what has happened, in the format of Prometheus, under names that the documents know?

#[path = "../support/watchdog.rs"]
mod watchdog;

mod exposition;
mod facade;
mod listed;
mod parsers;
mod values;

use std::sync::mpsc;
use std::time::Duration;

use futures::executor::block_on;
use handover::Hint;
use handover::runtime::{Builder, Runtime};
use watchdog::Watchdog;

/// A runtime on which the monitor retakes only declared calls that tasks wait behind: a machine that pauses makes no call long.
fn runtime(processors: usize) -> (Runtime, Watchdog) {
    let runtime = Builder::new().processors(processors).handoff_after(Duration::from_secs(3600)).build().unwrap();
    let watchdog = Watchdog::start(Duration::from_secs(120), "metrics", Some(runtime.metrics()));
    (runtime, watchdog)
}

/// Makes so many calls of each kind, one after the other: that stay on their processor, that give it away, and that the monitor takes it from.
fn make_calls(runtime: &Runtime, fast: u64, given_away: u64, retaken: u64) {
    let calls = runtime.spawn(async move {
        for _ in 0..fast {
            handover::blocking(|| ()).hint(Hint::Short).await;
        }
        for _ in 0..given_away {
            handover::blocking(|| std::thread::sleep(Duration::from_millis(2))).hint(Hint::Long).await;
        }
        for _ in 0..retaken {
            let (release, released) = mpsc::channel();
            let other = handover::spawn(async move { release.send(()).expect("the call waits for it") });
            handover::blocking(move || released.recv().expect("the task sends")).hint(Hint::Short).await;
            other.await.expect("the other task ends");
        }
    });
    block_on(calls).unwrap();
}
