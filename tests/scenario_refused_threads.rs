//! What if the system refuses threads? At build it is an error that leaves nothing behind, later it costs time and no task. Scenarios 22 and 28 of the list in
//! README.md.
//!
//! Each test runs one of the `#[test]`s of module `limited` in a process of its own, whose address space holds only a few of the stacks that its runtimes ask for.

#[path = "support/child.rs"]
mod child;
#[path = "fault/rlimit.rs"]
mod rlimit;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::env;
use std::time::Duration;

/// Set in the children: without the limit their tests would ask a healthy system for gigabytes.
const LIMITED: &str = "HANDOVER_TEST_LIMITED";
const GIB: u64 = 1 << 30;

#[track_caller]
fn run_limited(name: &str) {
    let mut command = child::command(name);
    command.env(LIMITED, "1");
    rlimit::limit_address_space(&mut command, 4 * GIB);
    child::assert_passed(&command.output().unwrap());
}

#[test]
fn a_build_without_threads_is_an_error_that_leaves_nothing_behind() {
    run_limited("limited::builds_fail_halfway");
}

#[test]
fn a_runtime_that_gets_no_more_threads_loses_no_task() {
    run_limited("limited::calls_exhaust_the_threads");
}

/// Run in the children only; elsewhere they have nothing to do.
mod limited {
    use super::*;

    use std::sync::atomic::{AtomicU64, Ordering};

    use handover::runtime::Builder;

    fn is_limited() -> bool {
        env::var_os(LIMITED).is_some()
    }

    fn threads() -> usize {
        std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
    }

    /// Stacks of which the limit allows one or two.
    fn greedy(processors: usize) -> Builder {
        Builder::new().processors(processors).thread_stack_size(3 * GIB as usize / 2)
    }

    #[test]
    fn builds_fail_halfway() {
        if !is_limited() {
            return;
        }
        let _watchdog = watchdog::Watchdog::start(Duration::from_secs(20), "a build without threads", None);
        let before = threads();
        for _ in 0..10 {
            // The monitor starts, and one or two of eight workers.
            let error = greedy(8).build().unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "EAGAIN, as pthread_create(3) says: {error}");
        }
        // A thread is gone from /proc a moment after the runtime has seen its end.
        while threads() > before {
            std::thread::yield_now();
        }
        // What was refused has spoiled nothing.
        let runtime = Builder::new().processors(2).build().unwrap();
        assert_eq!(runtime.block_on(async { handover::spawn(async { 4 }).await.unwrap() }), 4);
    }

    #[test]
    fn calls_exhaust_the_threads() {
        if !is_limited() {
            return;
        }
        // Given a runtime that has one worker thread, or two, and can get no more,
        let runtime = greedy(1).build().unwrap();
        let _watchdog = watchdog::Watchdog::start(Duration::from_secs(20), "calls without threads", Some(runtime.metrics()));
        let done = std::sync::Arc::new(AtomicU64::new(0));
        // when more calls are made at once than there are threads,
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let done = std::sync::Arc::clone(&done);
                runtime.spawn(async move {
                    handover::blocking(|| std::thread::sleep(Duration::from_millis(15))).await;
                    handover::yield_now().await;
                    done.fetch_add(1, Ordering::Relaxed);
                })
            })
            .collect();
        // then each waits for a thread, and all end.
        for task in tasks {
            futures::executor::block_on(task).unwrap();
        }
        assert_eq!(done.load(Ordering::Relaxed), 20);
        assert!(runtime.metrics().threads() <= 2, "{:?}", runtime.metrics());
        assert!(runtime.metrics().thread_spawn_failures() > 0, "{:?}", runtime.metrics());
    }
}
