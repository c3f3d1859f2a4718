//! What if the kernel refuses what makes the runtime fast? It is slower, never wrong, and says so once. Scenario 18 of the list in README.md.
//!
//! Each test runs [`everything_works`] in a process of its own in which something is missing.

#[path = "support/child.rs"]
mod child;
#[path = "support/log.rs"]
mod log;
#[path = "fault/no_proc.rs"]
mod no_proc;
#[path = "fault/seccomp.rs"]
mod seccomp;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::env;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use handover::runtime::{Builder, Runtime};
use log::Log;
use tracing::Level;
use watchdog::Watchdog;

/// What the log must hold exactly once.
const SAID: &str = "HANDOVER_TEST_SAID";
const WORKLOAD: &str = "everything_works";

/// Blocks until others have had the processor.
fn block_until_moved(counter: &AtomicU64) {
    let before = counter.load(Ordering::Relaxed);
    let deadline = Instant::now() + Duration::from_secs(10);
    while counter.load(Ordering::Relaxed) == before {
        assert!(Instant::now() < deadline, "no hand-off");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Calls of every kind, each of which ends only by a hand-off, beside tasks that yield all the time.
fn hand_offs(runtime: &Runtime) {
    let (over, turns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let yielding: Vec<_> = (0..4)
        .map(|_| {
            let (over, turns) = (Arc::clone(&over), Arc::clone(&turns));
            runtime.spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    turns.fetch_add(1, Ordering::Relaxed);
                    handover::yield_now().await;
                }
            })
        })
        .collect();
    let callers: Vec<_> = (0..4)
        .map(|n| {
            let turns = Arc::clone(&turns);
            runtime.spawn(async move {
                for round in 0..200 {
                    handover::blocking(thread::yield_now).await;
                    match (n + round) % 40 {
                        0 => handover::blocking(|| block_until_moved(&turns)).await,
                        1 => handover::blocking(|| block_until_moved(&turns)).hint(handover::Hint::Long).await,
                        2 => block_until_moved(&turns),
                        _ => assert_eq!(handover::spawn(async move { n }).await.unwrap(), n),
                    }
                }
            })
        })
        .collect();
    for caller in callers {
        futures::executor::block_on(caller).unwrap();
    }
    over.store(true, Ordering::Relaxed);
    for task in yielding {
        futures::executor::block_on(task).unwrap();
    }
}

#[test]
fn everything_works() {
    // The log is the process's; a child has it for itself.
    let said = env::var(SAID).ok().map(|said| (Log::collect(Level::INFO), said));
    for processors in [1, 2, 1] {
        let runtime = Builder::new().processors(processors).build().unwrap();
        let _watchdog = Watchdog::start(Duration::from_secs(30), "a runtime with something missing", Some(runtime.metrics()));
        hand_offs(&runtime);
        assert!(runtime.metrics().handoffs() > 0);
    }
    if let Some((log, said)) = said {
        assert_eq!(log.with(&said).len(), 1, "said once at start: {said}");
    }
}

/// Runs the workload where `prepare` has broken something, which the log must tell. False if the system does not let it be broken.
fn run_without(said: &str, prepare: impl FnOnce(&mut Command)) -> bool {
    let mut command = child::command(WORKLOAD);
    command.env(SAID, said);
    prepare(&mut command);
    match command.output() {
        Ok(output) => child::assert_passed(&output),
        Err(error) => {
            eprintln!("SKIPPED: this machine does not let a test take it away ({said}): {error}");
            return false;
        }
    }
    true
}

#[test]
fn without_membarrier_by_choice() {
    assert!(run_without("membarrier is switched off", |command| {
        command.env("HANDOVER_NO_MEMBARRIER", "1");
    }));
}

#[test]
fn without_membarrier_by_seccomp() {
    for errno in [libc::EPERM, libc::ENOSYS] {
        run_without("membarrier is not to be had", |command| seccomp::refuse(command, libc::SYS_membarrier, errno));
    }
}

#[test]
fn without_proc() {
    run_without("/proc is not to be had", no_proc::hide);
}
