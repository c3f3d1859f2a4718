//! How much memory does a task take that waits?

use std::io;

use super::crowd::{Crowd, Place};
use super::tasks::Countdown;
use crate::measurement::{Measurement, Metric};
use crate::runtimes::Runtime;
use crate::usage::resident_bytes;

/// `mem_task`: what the process grows by, all in, for each task. The tasks really wait: in the end all are woken.
pub(crate) async fn per_task<R: Runtime>(tasks: u64) -> io::Result<Vec<Measurement>> {
    let crowd = Crowd::of(tasks);
    let (countdown, ended) = Countdown::leak();
    countdown.start(tasks);
    let before = resident_bytes()?;
    let spawn = |place: &'static Place| {
        R::detach(async {
            place.wait().await;
            countdown.count_off();
        });
    };
    crowd.gather::<R>(spawn).await;
    let after = resident_bytes()?;
    crowd.release();
    ended.recv().await.map_err(io::Error::other)?;
    Ok(vec![Measurement::new(Metric::BytesPerTask, after.saturating_sub(before) as f64 / tasks as f64)])
}
