//! What do tasks cost that do not block: spawned, woken, yielding?
//!
//! The shapes are those of tokio's own multi-threaded benchmarks, so that its authors would recognise them.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use futures::channel::oneshot;

use super::crowd::{Crowd, Place};
use crate::measurement::{Measurement, Metric};
use crate::runtimes::Runtime;

/// Tasks that are spawned before any is waited for.
const BATCH: u64 = 10_000;
const BATCHES: u64 = 20;

/// Tasks that count themselves off; the last one signals.
pub(crate) struct Countdown {
    left: AtomicU64,
    over: Sender<()>,
}

impl Countdown {
    /// Tasks hold it by reference: that costs them nothing, and the process ends with the measurement.
    pub(crate) fn leak() -> (&'static Self, Receiver<()>) {
        let (over, ended) = async_channel::bounded(1);
        (Box::leak(Box::new(Self { left: AtomicU64::new(0), over })), ended)
    }

    pub(crate) fn start(&self, tasks: u64) {
        self.left.store(tasks, Ordering::Relaxed);
    }

    pub(crate) fn count_off(&self) {
        // AcqRel: what every task has done is visible to whoever hears the last one's signal.
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.over.try_send(()).expect("the signal of the batch before has been taken");
        }
    }
}

async fn hear(ended: &Receiver<()>) {
    ended.recv().await.expect("the countdown is never dropped");
}

/// Measures `rounds` rounds, after one that is not counted.
async fn rounds<F: Future<Output = ()>>(metric: Metric, rounds: u64, events: u64, round: impl Fn() -> F) -> Measurement {
    round().await;
    let start = Instant::now();
    for _ in 0..rounds {
        round().await;
    }
    Measurement::time_each(metric, start.elapsed(), rounds * events)
}

/// `spawn_many`: from within, 10,000 at a time.
pub(crate) async fn spawn_many<R: Runtime>() -> io::Result<Vec<Measurement>> {
    let (countdown, ended) = Countdown::leak();
    let batch = || spawn_batch::<R>(countdown, &ended, BATCH);
    Ok(vec![rounds(Metric::NsPerTask, BATCHES, BATCH, batch).await])
}

/// `spawn_wait`: from within, all at once; by default more than any local queue holds. Few are spawned more often.
pub(crate) async fn spawn_wait<R: Runtime>(tasks: u64) -> io::Result<Vec<Measurement>> {
    let (countdown, ended) = Countdown::leak();
    let batch = || spawn_batch::<R>(countdown, &ended, tasks);
    Ok(vec![rounds(Metric::NsPerTask, (600_000 / tasks).max(3), tasks, batch).await])
}

async fn spawn_batch<R: Runtime>(countdown: &'static Countdown, ended: &Receiver<()>, tasks: u64) {
    countdown.start(tasks);
    for _ in 0..tasks {
        R::detach(async { countdown.count_off() });
    }
    hear(ended).await;
}

/// `spawn_remote`: from a thread of no runtime, 10,000 at a time.
pub(crate) async fn spawn_remote<R: Runtime>() -> io::Result<Vec<Measurement>> {
    let spawner = R::spawner();
    let (sender, elapsed) = oneshot::channel();
    let outside = thread::spawn(move || {
        spawn_from_outside::<R>(&spawner, 1);
        sender.send(spawn_from_outside::<R>(&spawner, BATCHES))
    });
    let elapsed = elapsed.await.map_err(io::Error::other)?;
    outside.join().expect("the spawning thread panicked").expect("its result is waited for");
    Ok(vec![Measurement::time_each(Metric::NsPerTask, elapsed, BATCH * BATCHES)])
}

fn spawn_from_outside<R: Runtime>(spawner: &R::Spawner, batches: u64) -> Duration {
    let (countdown, ended) = Countdown::leak();
    let start = Instant::now();
    for _ in 0..batches {
        countdown.start(BATCH);
        for _ in 0..BATCH {
            R::detach_from(spawner, async { countdown.count_off() });
        }
        ended.recv_blocking().expect("the countdown is never dropped");
    }
    start.elapsed()
}

/// `yield_many`: by default 200 tasks that yield 1,000 times each, 10 rounds; more tasks yield less often each, but never
/// less than 10 times: being woken first is counted with the yields.
pub(crate) async fn yield_many<R: Runtime>(tasks: u64) -> io::Result<Vec<Measurement>> {
    let yields = (200_000 / tasks).max(10);
    let rounds = (2_000_000 / (tasks * yields)).max(1);
    let (countdown, ended) = Countdown::leak();
    let crowd = Crowd::of(tasks);
    let mut elapsed = Duration::ZERO;
    for round in 0..=rounds {
        countdown.start(tasks);
        crowd.gather::<R>(|place| R::detach(yield_often::<R>(place, yields, countdown))).await;
        let start = Instant::now();
        crowd.release();
        hear(&ended).await;
        // The first round warms up.
        elapsed += if round == 0 { Duration::ZERO } else { start.elapsed() };
    }
    Ok(vec![Measurement::time_each(Metric::NsPerYield, elapsed, rounds * tasks * yields)])
}

async fn yield_often<R: Runtime>(place: &'static Place, yields: u64, countdown: &'static Countdown) {
    place.wait().await;
    for _ in 0..yields {
        R::yield_now().await;
    }
    countdown.count_off();
}

/// `ping_pong`: 1,000 pairs at a time; each pair is spawned and sends a message each way.
pub(crate) async fn ping_pong<R: Runtime>() -> io::Result<Vec<Measurement>> {
    const PAIRS: u64 = 1_000;
    let (countdown, ended) = Countdown::leak();
    let round = async || {
        countdown.start(PAIRS);
        for _ in 0..PAIRS {
            R::detach(ping::<R>(countdown));
        }
        hear(&ended).await;
    };
    Ok(vec![rounds(Metric::NsPerPair, 100, PAIRS, round).await])
}

async fn ping<R: Runtime>(countdown: &'static Countdown) {
    let (ping, pinged) = oneshot::channel();
    let (pong, ponged) = oneshot::channel();
    R::detach(async {
        pinged.await.expect("the ping is sent");
        pong.send(()).expect("the pong is waited for");
    });
    ping.send(()).expect("the ping is waited for");
    ponged.await.expect("the pong is sent");
    countdown.count_off();
}

/// `chained_spawn`: each task spawns the next.
pub(crate) async fn chained_spawn<R: Runtime>() -> io::Result<Vec<Measurement>> {
    const DEPTH: u64 = 1_000;
    let (countdown, ended) = Countdown::leak();
    let round = async || {
        countdown.start(1);
        R::detach(async { spawn_next::<R>(countdown, DEPTH - 1) });
        hear(&ended).await;
    };
    Ok(vec![rounds(Metric::NsPerTask, 200, DEPTH, round).await])
}

fn spawn_next<R: Runtime>(countdown: &'static Countdown, left: u64) {
    match left {
        0 => countdown.count_off(),
        left => R::detach(async move { spawn_next::<R>(countdown, left - 1) }),
    }
}
