//! Does a runtime with nothing to do do nothing?
//!
//! The process only gets ready; the parent then watches it from outside, so that no thread of the measurement is in it.

use std::future::pending;
use std::io;
use std::time::Duration;

use super::READY;
use crate::measurement::Measurement;
use crate::runtimes::Runtime;

const FAR: Duration = Duration::from_secs(3600);

/// `idle`: everything has been used once, and nothing is left.
pub(crate) async fn nothing<R: Runtime>() -> io::Result<Vec<Measurement>> {
    warm_up::<R>().await;
    println!("{READY}");
    pending().await
}

/// `idle_timer`: a timer is left.
pub(crate) async fn far_timer<R: Runtime>() -> io::Result<Vec<Measurement>> {
    warm_up::<R>().await;
    println!("{READY}");
    R::sleep(FAR).await;
    Err(io::Error::other("the parent has not ended this process for an hour"))
}

/// So that what a runtime makes on first use is there: workers, timers, threads for calls.
async fn warm_up<R: Runtime>() {
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            R::spawn(async {
                R::sleep(Duration::from_millis(1)).await;
                R::blocking(|| ()).await;
            })
        })
        .collect();
    for task in tasks {
        task.await;
    }
}
