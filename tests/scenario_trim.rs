//! Do the threads of a storm go away again? Scenario 23 of the list in README.md.
//!
//! A binary of its own: it counts the whole process's memory.

#[path = "support/latch.rs"]
mod latch;
#[path = "support/long_calls.rs"]
mod long_calls;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::time::{Duration, Instant};

use futures::executor::block_on;
use handover::runtime::{Builder, Runtime};
use latch::Latch;
use long_calls::long_calls;
use watchdog::Watchdog;

const NEVER: Duration = Duration::from_secs(30);
const CALLS: u64 = 2_000;
const KEEP_ALIVE: Duration = Duration::from_millis(300);
const MIB: usize = 1 << 20;

/// Resident memory of the process; see statm in proc(5).
fn resident() -> usize {
    let pages: usize = std::fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

fn storm(runtime: &Runtime) {
    let release = Latch::default();
    let calls = long_calls(runtime, CALLS, &release, NEVER);
    assert!(runtime.metrics().threads() as u64 >= CALLS, "{:?}", runtime.metrics());
    release.step();
    calls.into_iter().for_each(|call| block_on(call).unwrap());
}

/// Until there are at most `baseline` threads.
fn settle(runtime: &Runtime, baseline: usize) {
    let began = Instant::now();
    while runtime.metrics().threads() > baseline {
        assert!(began.elapsed() < NEVER, "more than {baseline} threads: {:?}", runtime.metrics());
        std::thread::yield_now();
    }
}

#[test]
fn after_two_thousand_calls_the_process_is_back_at_its_baseline() {
    let runtime = Builder::new()
        .processors(2)
        .max_blocking_threads(CALLS as usize)
        .thread_keep_alive(KEEP_ALIVE)
        .thread_stack_size(128 << 10)
        .build()
        .unwrap();
    let _watchdog = Watchdog::start(NEVER * 2, "a storm and its end", Some(runtime.metrics()));
    let baseline = runtime.metrics().threads();
    // The first storm fills what stays: the allocator's arenas, the threads that are kept. A leak is what each further one adds to that.
    storm(&runtime);
    settle(&runtime, baseline);
    let growths = [(); 3].map(|()| {
        let (resident_before, polls) = (resident(), runtime.metrics().polls());
        storm(&runtime);
        settle(&runtime, baseline);
        let polls = runtime.metrics().polls() - polls;
        // No wake-up storm at the release: a call is polled once, or twice if it let others go first.
        assert!(polls <= 4 * CALLS, "{polls} polls for {CALLS} calls; {:?}", runtime.metrics());
        resident().saturating_sub(resident_before)
    });
    assert!(growths.into_iter().min() < Some(2 * MIB), "each storm has added memory: {growths:?} bytes");
    let metrics = runtime.metrics();
    assert_eq!((metrics.calls_out(), metrics.calls_waiting()), (0, 0), "{metrics:?}");
    assert_eq!(metrics.threads() as u64, metrics.threads_started() - metrics.threads_ended(), "{metrics:?}");
}
