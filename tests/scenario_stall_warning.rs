//! Who is told of a poll that blocks without saying so? One warning names the task, its spawn site and how long. Scenario 14 of the list in README.md.
//!
//! A binary of its own: the collector of warnings is the whole process's.

#[path = "support/log.rs"]
mod log;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::time::Duration;

use handover::runtime::{Builder, Runtime};
use log::Log;
use tracing::Level;
use watchdog::Watchdog;

const STALLS: &str = "blocks its thread";
const BLOCKED_FOR: Duration = Duration::from_millis(100);

fn runtime(processors: usize) -> (Runtime, Watchdog) {
    let runtime = Builder::new().processors(processors).build().unwrap();
    let watchdog = Watchdog::start(Duration::from_secs(20), "waiting for a warning", Some(runtime.metrics()));
    (runtime, watchdog)
}

#[test]
fn one_warning_names_task_spawn_site_and_how_long() {
    let warnings = Log::collect(Level::WARN);
    a_poll_that_blocks_alone(&warnings);
    a_poll_that_others_wait_for(&warnings);
    declared_calls_are_nobodys_mistake(&warnings);
}

fn a_poll_that_blocks_alone(warnings: &Log) {
    let (runtime, _watchdog) = runtime(2);
    let stall = || {
        let task = runtime.spawn(async { std::thread::sleep(BLOCKED_FOR) });
        let id = task.id().as_u64();
        futures::executor::block_on(task).unwrap();
        warnings.with(&format!("task={id} "))
    };
    let line = line!() - 5;
    let lines = stall();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(STALLS), "{lines:?}");
    assert!(lines[0].contains(&format!("scenario_stall_warning.rs:{line}")), "no spawn site at line {line} in {lines:?}");
    assert!(lines[0].contains("blocked="), "no duration in {lines:?}");
    // The second from the same spawn site is counted, but not logged: one warning per site and minute.
    assert_eq!(stall(), Vec::<String>::new());
    assert_eq!(runtime.metrics().stalls(), 2);
}

fn a_poll_that_others_wait_for(warnings: &Log) {
    let (runtime, _watchdog) = runtime(1);
    // Given a task with ten more behind it: its processor is handed off long before it has blocked for 10 ms.
    let task = runtime.spawn(async {
        (0..10).for_each(|_| drop(handover::spawn(async {})));
        std::thread::sleep(BLOCKED_FOR);
    });
    let id = task.id().as_u64();
    futures::executor::block_on(task).unwrap();
    // Then it is named all the same.
    let lines = warnings.with(&format!("task={id} "));
    assert_eq!(lines.len(), 1, "task {id}: {lines:?}");
    assert_eq!(runtime.metrics().stalls(), 1);
}

fn declared_calls_are_nobodys_mistake(warnings: &Log) {
    let before = warnings.with(STALLS).len();
    let (runtime, _watchdog) = runtime(1);
    runtime.block_on(async {
        handover::blocking(|| std::thread::sleep(BLOCKED_FOR)).await;
        // A call that goes on after a nested one is still declared.
        handover::blocking(|| {
            handover::block_on(async { handover::yield_now().await });
            std::thread::sleep(BLOCKED_FOR);
        })
        .await;
        handover::blocking(|| {
            handover::block_in_place(|| std::thread::sleep(BLOCKED_FOR));
            std::thread::sleep(BLOCKED_FOR);
        })
        .await;
    });
    assert_eq!(runtime.metrics().stalls(), 0);
    assert_eq!(warnings.with(STALLS).len(), before);
}
