//! What does it cost to start a process and to hear of its end?

use std::io;
use std::time::{Duration, Instant};

use crate::measurement::{Measurement, Metric};
use crate::runtimes::Processes;
use crate::sample::Sample;

/// Does nothing, well. By its path: nobody is to search for it.
pub(crate) const PROGRAM: &str = "/bin/true";
const STARTS: u64 = 1_000;
const WARM_UP: u64 = 50;

/// `spawn_true`: so many processes, started and waited for by `starters` tasks, each one after the other.
pub(crate) async fn spawn_true<R: Processes>(starters: u64) -> io::Result<Vec<Measurement>> {
    starts::<R>(starters, WARM_UP).await?;
    let begin = Instant::now();
    let times = starts::<R>(starters, STARTS).await?;
    let rate = Measurement::rate(Metric::OpsPerS, STARTS, begin.elapsed());
    Ok(vec![rate, Measurement::time(Metric::LatP50, times.sort().median())])
}

async fn starts<R: Processes>(starters: u64, count: u64) -> io::Result<Sample> {
    let tasks: Vec<_> = (0..starters).map(|_| R::spawn(start_in_turn::<R>(count / starters))).collect();
    let mut all = Sample::default();
    for task in tasks {
        task.await?.into_iter().for_each(|time| all.push(time));
    }
    Ok(all)
}

async fn start_in_turn<R: Processes>(count: u64) -> io::Result<Vec<Duration>> {
    let mut times = Vec::new();
    for _ in 0..count {
        let begin = Instant::now();
        if !R::run_to_end(PROGRAM).await?.success() {
            return Err(io::Error::other(format!("{PROGRAM} has failed")));
        }
        times.push(begin.elapsed());
    }
    Ok(times)
}
