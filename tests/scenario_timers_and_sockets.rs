//! Do timers and sockets stay alive while threads are stuck? Scenarios 2b, 7, 8 and 15 of the list in README.md.
//!
//! Times are the best of some rounds against what is promised.
#![cfg(all(feature = "time", feature = "net"))]

#[path = "support/alone.rs"]
mod alone;
#[path = "support/latch.rs"]
mod latch;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use alone::alone;
use futures::executor::block_on;
use futures::io::AsyncReadExt;
use handover::net::TcpListener;
use handover::runtime::{Builder, Runtime};
use handover::time::sleep;
use latch::Latch;
use watchdog::Watchdog;

const NEVER: Duration = Duration::from_secs(20);
/// A machine that others share may put a thread off for longer than what is promised, but not every time.
const ROUNDS: usize = 20;

fn runtime(processors: usize) -> (Runtime, Watchdog) {
    let runtime = Builder::new().processors(processors).build().unwrap();
    let watchdog = Watchdog::start(NEVER * 2, "timers and sockets beside stuck threads", Some(runtime.metrics()));
    (runtime, watchdog)
}

#[derive(Clone, Copy, Debug)]
enum Stuck {
    Declared,
    DeclaredLong,
    Undeclared,
    Computing,
}

const ALL: [Stuck; 4] = [Stuck::Declared, Stuck::DeclaredLong, Stuck::Undeclared, Stuck::Computing];

/// Keeps the calling task's thread until `latch` has been stepped.
async fn stay_stuck(how: Stuck, latch: &Latch) {
    let wait = || assert!(latch.wait_for(1, NEVER), "{} steps", latch.steps());
    match how {
        Stuck::Declared => handover::blocking(wait).await,
        Stuck::DeclaredLong => handover::blocking(wait).hint(handover::Hint::Long).await,
        Stuck::Undeclared => wait(),
        Stuck::Computing => {
            while latch.steps() == 0 {
                (0..1000).for_each(|_| std::hint::spin_loop());
            }
        }
    }
}

/// How much later than asked for a timer fires that the stuck processor armed itself, while all other processors are stuck too.
fn timer_lateness(runtime: &Runtime, how: Stuck) -> Duration {
    const AFTER: Duration = Duration::from_millis(5);
    let fired = Latch::default();
    let stuck: Vec<_> = (0..runtime.metrics().num_workers())
        .map(|_| {
            let fired = fired.clone();
            runtime.spawn(async move {
                let step = fired.clone();
                let timer = handover::spawn(async move {
                    let began = Instant::now();
                    sleep(AFTER).await;
                    step.step();
                    began.elapsed() - AFTER
                });
                // The timer is armed before the thread gets stuck.
                handover::yield_now().await;
                stay_stuck(how, &fired).await;
                timer.await.unwrap()
            })
        })
        .collect();
    stuck.into_iter().map(|task| block_on(task).unwrap()).min().unwrap()
}

/// Measures beside every way to be stuck, on one processor and on two, until the promise is kept once.
fn keeps_the_promise(measure: fn(&Runtime, Stuck) -> Duration, promised: fn(Stuck) -> Duration) {
    let _alone = alone();
    for processors in [1, 2] {
        let (runtime, _watchdog) = runtime(processors);
        for how in ALL {
            let promised = promised(how);
            let rounds: Vec<_> = (0..ROUNDS)
                .map(|_| measure(&runtime, how))
                .scan(false, |kept, time| (!std::mem::replace(kept, time < promised)).then_some(time))
                .collect();
            println!("P = {processors}, {how:?}: {rounds:?}");
            assert!(rounds.iter().any(|time| *time < promised), "P = {processors}, {how:?}: {rounds:?}, {promised:?} are promised");
        }
    }
}

/// A thread that computes is on a CPU, and another must be given a share of that first: two threads on two CPUs wait for the kernel's scheduler.
const BESIDE_COMPUTING: Duration = Duration::from_millis(30);

#[test]
fn a_timer_of_a_stuck_processor_fires() {
    keeps_the_promise(timer_lateness, |how| match how {
        Stuck::Declared | Stuck::DeclaredLong => Duration::from_millis(1),
        // The monitor looks every 4 ms.
        Stuck::Undeclared => Duration::from_millis(5),
        Stuck::Computing => BESIDE_COMPUTING,
    });
}

/// How long a byte takes from outside to a task, while the task that was woken last by the poller is stuck until it arrives.
fn socket_latency(runtime: &Runtime, how: Stuck) -> Duration {
    let (arrived, ready) = (Latch::default(), Latch::default());
    let (mut client, reader) = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = handover::blocking(|| std::net::TcpStream::connect(address)).await.unwrap();
        let (mut socket, _) = listener.accept().await.unwrap();
        let (arrives, begins) = (arrived.clone(), ready.clone());
        let reader = handover::spawn(async move {
            begins.step();
            let mut byte = [0];
            socket.read_exact(&mut byte).await.unwrap();
            arrives.step();
            Instant::now()
        });
        (client, reader)
    });
    assert!(ready.wait_for(1, NEVER));
    // A timer's tick makes the poller a worker, which then gets stuck, as do as many tasks as there are processors.
    let stuck: Vec<_> = (0..runtime.metrics().num_workers())
        .map(|_| {
            let (arrived, ready) = (arrived.clone(), ready.clone());
            runtime.spawn(async move {
                sleep(Duration::from_millis(2)).await;
                ready.step();
                stay_stuck(how, &arrived).await;
            })
        })
        .collect();
    assert!(ready.wait_for(1 + stuck.len() as u64, NEVER), "{} of {} are stuck", ready.steps(), stuck.len());
    let sent = Instant::now();
    client.write_all(b"!").unwrap();
    let latency = block_on(reader).unwrap() - sent;
    stuck.into_iter().for_each(|task| block_on(task).unwrap());
    latency
}

#[test]
fn a_socket_is_served_while_the_last_poller_is_stuck() {
    keeps_the_promise(socket_latency, |how| match how {
        Stuck::Declared | Stuck::DeclaredLong => Duration::from_millis(1),
        // Two looks of up to a millisecond, half a millisecond apart at least.
        Stuck::Undeclared => Duration::from_millis(3),
        Stuck::Computing => BESIDE_COMPUTING,
    });
}

#[test]
fn a_heartbeat_goes_on_beside_computing_polls_on_every_processor() {
    let _alone = alone();
    let (runtime, _watchdog) = runtime(2);
    let over = Arc::new(AtomicBool::new(false));
    let computing: Vec<_> = (0..2)
        .map(|_| {
            let over = Arc::clone(&over);
            runtime.spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    (0..1000).for_each(|_| std::hint::spin_loop());
                }
            })
        })
        .collect();
    // Ten beats of 5 ms take 50 ms. With two computing threads on two CPUs each beat also waits for the kernel's scheduler: a second is generous, and a
    // runtime that does not retake never gets there, since the computing ends only then.
    let beats = block_on(runtime.spawn(async {
        let began = Instant::now();
        for _ in 0..10 {
            sleep(Duration::from_millis(5)).await;
        }
        began.elapsed()
    }))
    .unwrap();
    over.store(true, Ordering::Relaxed);
    computing.into_iter().for_each(|task| block_on(task).unwrap());
    assert!(beats < Duration::from_secs(1), "{beats:?}");
}

#[test]
fn a_timer_armed_from_outside_is_heard_when_every_thread_is_out() {
    let _alone = alone();
    let (runtime, _watchdog) = runtime(1);
    let release = Latch::default();
    // Given calls that take all threads there are, one after the other the poller's too, while nothing is pending,
    let calls: Vec<_> = (0..12)
        .map(|_| {
            let release = release.clone();
            runtime.spawn(async move { stay_stuck(Stuck::DeclaredLong, &release).await })
        })
        .collect();
    // and a monitor that has had time to fall asleep,
    std::thread::sleep(Duration::from_millis(80));
    // when a thread that is no worker arms a timer, then it fires.
    let _entered = runtime.enter();
    let began = Instant::now();
    block_on(sleep(Duration::from_millis(5)));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    release.step();
    calls.into_iter().for_each(|task| block_on(task).unwrap());
}

#[test]
fn a_timer_armed_from_outside_is_heard_when_no_more_threads_are_allowed() {
    let _alone = alone();
    let runtime = Builder::new().processors(1).max_blocking_threads(2).build().unwrap();
    let _watchdog = Watchdog::start(NEVER * 2, "a timer with every allowed thread out", Some(runtime.metrics()));
    let (release, out) = (Latch::default(), Latch::default());
    let calls: Vec<_> = (0..3)
        .map(|_| {
            let (release, out) = (release.clone(), out.clone());
            runtime.spawn(async move {
                out.step();
                stay_stuck(Stuck::DeclaredLong, &release).await;
            })
        })
        .collect();
    assert!(out.wait_for(3, NEVER), "{} calls are out", out.steps());
    std::thread::sleep(Duration::from_millis(80));
    let _entered = runtime.enter();
    let began = Instant::now();
    block_on(sleep(Duration::from_millis(5)));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    release.step();
    calls.into_iter().for_each(|task| block_on(task).unwrap());
}
