//! Does `Builder::on_stall` get the report, whatever the hook does? Scenario 14 of the list in README.md, as a value.

#[path = "support/watchdog.rs"]
mod watchdog;

use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use futures::executor::block_on;
use handover::runtime::{Builder, Runtime, Stall};
use watchdog::Watchdog;

const NEVER: Duration = Duration::from_secs(20);
const HANDOFF_AFTER: Duration = Duration::from_millis(10);
const BLOCKED_FOR: Duration = Duration::from_millis(60);

fn runtime(hook: impl Fn(&Stall) + Send + Sync + 'static) -> (Runtime, Watchdog) {
    let runtime = Builder::new().processors(1).handoff_after(HANDOFF_AFTER).on_stall(hook).build().unwrap();
    let watchdog = Watchdog::start(NEVER * 2, "waiting for a report of a stall", Some(runtime.metrics()));
    (runtime, watchdog)
}

fn collector() -> (impl Fn(&Stall) + Send + Sync + 'static, Receiver<Stall>) {
    let (reports, received) = mpsc::channel();
    (move |stall: &Stall| reports.send(stall.clone()).unwrap(), received)
}

#[test]
fn a_report_names_the_task_and_what_it_does() {
    let (hook, received) = collector();
    let (runtime, _watchdog) = runtime(hook);
    let task = runtime.spawn(async { std::thread::sleep(BLOCKED_FOR) });
    let (id, line) = (task.id().as_u64(), line!() - 1);
    block_on(task).unwrap();
    let stall = received.recv_timeout(NEVER).unwrap();
    assert_eq!((stall.task, stall.spawned_at.file(), stall.spawned_at.line()), (id, file!(), line));
    assert!((HANDOFF_AFTER..BLOCKED_FOR * 2).contains(&stall.blocked_for), "{stall:?}");
    assert!(stall.thread > 0, "{stall:?}");
    // Where the kernel lets it be read, it is the sleep; in many containers it does not.
    assert!(stall.wait_channel.as_deref().is_none_or(|channel| channel.contains("sleep")), "{stall:?}");
}

#[test]
fn a_hook_that_blocks_holds_up_nothing_but_the_next_report() {
    let (release, released) = mpsc::channel::<()>();
    let (hook, received) = collector();
    let released = std::sync::Mutex::new(released);
    let (runtime, _watchdog) = runtime(move |stall| {
        released.lock().unwrap().recv_timeout(NEVER).unwrap();
        hook(stall);
    });
    let stalls = [runtime.spawn(async { std::thread::sleep(BLOCKED_FOR) }), runtime.spawn(async { std::thread::sleep(BLOCKED_FOR) })];
    // Given both are blocked and the hook is, then others run.
    assert_eq!(block_on(runtime.spawn(async { 7 })).unwrap(), 7);
    let ids = stalls.map(|task| {
        let id = task.id().as_u64();
        block_on(task).unwrap();
        id
    });
    release.send(()).unwrap();
    release.send(()).unwrap();
    let mut reported = [received.recv_timeout(NEVER).unwrap().task, received.recv_timeout(NEVER).unwrap().task];
    reported.sort_unstable();
    assert_eq!(reported, ids);
}

#[test]
fn a_hook_that_panics_gets_the_next_report() {
    let (hook, received) = collector();
    let (runtime, _watchdog) = runtime(move |stall| {
        hook(stall);
        panic!("a hook of the test");
    });
    block_on(runtime.spawn(async { std::thread::sleep(BLOCKED_FOR) })).unwrap();
    received.recv_timeout(NEVER).unwrap();
    block_on(runtime.spawn(async { std::thread::sleep(BLOCKED_FOR) })).unwrap();
    received.recv_timeout(NEVER).unwrap();
}
