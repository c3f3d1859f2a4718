//! What if two runtimes meet? Scenario 45 of the list in README.md.

#[path = "support/watchdog.rs"]
mod watchdog;

use std::time::Duration;

use handover::runtime::{Builder, Handle, Runtime};
use watchdog::Watchdog;

fn runtime(name: &str) -> (Runtime, Watchdog) {
    let runtime = Builder::new().processors(1).thread_name(name).build().unwrap();
    let watchdog = Watchdog::start(Duration::from_secs(30), format!("runtime {name}"), Some(runtime.metrics()));
    (runtime, watchdog)
}

fn thread_name() -> String {
    std::thread::current().name().unwrap_or_default().to_owned()
}

#[test]
fn tasks_of_two_runtimes_wake_each_other() {
    const ROUNDS: u32 = 20_000;
    let ((one, _watchdog), (two, _other_watchdog)) = (runtime("one"), runtime("two"));
    let (ping, mut pings) = futures::channel::mpsc::unbounded();
    let (pong, mut pongs) = futures::channel::mpsc::unbounded();
    let echo = two.spawn(async move {
        let mut served = 0;
        while let Ok(n) = pings.recv().await {
            assert_eq!(thread_name(), "two");
            pong.unbounded_send(n).unwrap();
            served += 1;
        }
        served
    });
    one.block_on(async {
        for n in 0..ROUNDS {
            ping.unbounded_send(n).unwrap();
            assert_eq!(pongs.recv().await, Ok(n));
            assert_eq!(thread_name(), "one");
        }
        drop(ping);
        assert_eq!(echo.await.unwrap(), ROUNDS);
    });
}

#[test]
fn one_runtime_blocks_on_the_other_inside_its_task_and_its_call() {
    let ((one, _watchdog), (two, _other_watchdog)) = (runtime("one"), runtime("two"));
    let second = two.handle().clone();
    let names = one.block_on(async {
        let in_task = second.block_on(async { thread_name() });
        let in_call = handover::blocking(|| second.block_on(async { handover::blocking(thread_name).await })).await;
        (in_task, in_call, thread_name())
    });
    assert_eq!(names, ("two".to_owned(), "two".to_owned(), "one".to_owned()));
}

#[test]
fn each_waits_for_the_other_to_and_fro() {
    let ((one, _watchdog), (two, _other_watchdog)) = (runtime("one"), runtime("two"));
    fn to_and_fro(handles: [Handle; 2], depth: u32) -> u32 {
        if depth == 0 {
            return 0;
        }
        let [here, there] = handles;
        here.clone().block_on(async move { to_and_fro([there, here], depth - 1) + 1 })
    }
    assert_eq!(to_and_fro([one.handle().clone(), two.handle().clone()], 10), 10);
}

#[test]
fn an_entered_runtime_is_the_one_that_spawns() {
    let ((one, _watchdog), (two, _other_watchdog)) = (runtime("one"), runtime("two"));
    let second = two.handle().clone();
    let names = one.block_on(async {
        let task = {
            let _entered = second.enter();
            handover::spawn(async { thread_name() })
        };
        let own = handover::spawn(async { thread_name() });
        (task.await.unwrap(), own.await.unwrap())
    });
    assert_eq!(names, ("two".to_owned(), "one".to_owned()));
}

#[test]
fn a_runtime_ends_while_the_other_waits_for_its_task() {
    let ((one, _watchdog), (two, _other_watchdog)) = (runtime("one"), runtime("two"));
    let never = two.spawn(std::future::pending::<()>());
    let waiting = one.spawn(never);
    drop(two);
    let result = one.block_on(waiting).unwrap();
    assert!(result.unwrap_err().is_cancelled());
}
