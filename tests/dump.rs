//! What does a dump say of each state a task can be in, and does it answer when nothing else does?

#[path = "support/latch.rs"]
mod latch;
#[path = "support/log.rs"]
mod log;
#[path = "support/long_calls.rs"]
mod long_calls;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::io::Read;
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use handover::Hint;
use handover::dump::{Activity, Dump, State, Task, Wait};
use handover::net::TcpListener;
use handover::runtime::{Builder, Runtime};
use handover::task::Id;
use latch::Latch;
use log::Log;
use tracing::Level;
use watchdog::Watchdog;

const LIMIT: Duration = Duration::from_secs(60);

fn runtime(builder: Builder) -> (Runtime, Watchdog) {
    let runtime = builder.build().unwrap();
    let watchdog = Watchdog::start(LIMIT, "dump", Some(runtime.metrics()));
    (runtime, watchdog)
}

/// The dump in which `holds` holds; the watchdog ends a wait for one that never comes.
fn dump_when(runtime: &Runtime, holds: impl Fn(&Dump) -> bool) -> Dump {
    loop {
        let dump = runtime.handle().dump();
        if holds(&dump) {
            return dump;
        }
        thread::yield_now();
    }
}

fn task_when(runtime: &Runtime, id: Id, holds: impl Fn(&Task) -> bool) -> Task {
    let dump = dump_when(runtime, |dump| dump.task(id).is_some_and(&holds));
    dump.task(id).expect("it was there").clone()
}

#[test]
fn a_waiting_task_names_its_timer() {
    let (runtime, _watchdog) = runtime(Builder::new().processors(1));
    let task = runtime.spawn(async { handover::time::sleep(Duration::from_secs(500)).await });
    let line = line!() - 1;
    let seen = task_when(&runtime, task.id(), |task| !task.waits_for.is_empty());
    assert_eq!(seen.state, State::Waiting);
    assert!(
        matches!(seen.waits_for[..], [Wait::Timer(left)] if left <= Duration::from_secs(500) && left > Duration::from_secs(430)),
        "{seen:?}"
    );
    assert_eq!((seen.spawned_at.file(), seen.spawned_at.line()), (file!(), line));
    assert!(seen.to_string().contains("waiting for a timer due in "), "{seen}");
}

#[test]
fn a_waiting_task_names_its_descriptor_and_direction() {
    let (runtime, _watchdog) = runtime(Builder::new().processors(1));
    let (send, fd) = mpsc::channel();
    let task = runtime.spawn(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        send.send(listener.as_raw_fd()).unwrap();
        listener.accept().await.map(drop)
    });
    let fd = fd.recv().unwrap();
    let seen = task_when(&runtime, task.id(), |task| task.state == State::Waiting);
    assert_eq!(seen.waits_for, [Wait::Readable(fd)]);
    assert_eq!(runtime.handle().dump().tasks.len(), 1);
}

#[test]
fn a_task_that_waits_for_two_things_names_both() {
    let (runtime, _watchdog) = runtime(Builder::new().processors(1));
    let task = runtime.spawn(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        handover::time::timeout(Duration::from_secs(500), listener.accept()).await.map(drop)
    });
    let seen = task_when(&runtime, task.id(), |task| task.waits_for.len() == 2);
    assert!(seen.waits_for.iter().any(|wait| matches!(wait, Wait::Readable(_))), "{seen:?}");
    assert!(seen.waits_for.iter().any(|wait| matches!(wait, Wait::Timer(_))), "{seen:?}");
}

#[test]
fn a_task_that_waits_for_another_task_names_it() {
    let (runtime, _watchdog) = runtime(Builder::new().processors(1));
    let other = runtime.spawn(std::future::pending::<()>());
    let id = other.id();
    let task = runtime.spawn(async { other.await.map(drop) });
    // A dump may have looked at the other one before the handle was polled.
    let seen = task_when(&runtime, task.id(), |task| task.state == State::Waiting && !task.waits_for.is_empty());
    assert_eq!(seen.waits_for, [Wait::Task(id)]);
    assert!(seen.to_string().contains(&format!(": waiting for task {id}, for ")), "{seen}");
    let waited_for = task_when(&runtime, id, |task| task.state == State::Waiting);
    assert!(waited_for.to_string().contains(": waiting to be woken, for "), "{waited_for}");
}

#[test]
fn a_task_that_waits_for_many_names_eight_and_counts_the_others() {
    let (runtime, _watchdog) = runtime(Builder::new().processors(1));
    let others: Vec<_> = (0..11).map(|_| runtime.spawn(std::future::pending::<()>())).collect();
    let mut ids: Vec<_> = others.iter().map(|other| other.id()).collect();
    // Each is polled with the task's own waker.
    let task = runtime.spawn(futures::future::select_all(others));
    let seen = task_when(&runtime, task.id(), |task| task.state == State::Waiting && task.waits_for.len() == 11);
    let mut named: Vec<_> = seen.waits_for.iter().map(|wait| if let Wait::Task(id) = wait { *id } else { panic!("{seen}") }).collect();
    ids.sort();
    named.sort();
    assert_eq!(named, ids);
    assert!(seen.to_string().contains(" or 3 others, for "), "{seen}");
}

#[test]
fn a_task_that_gives_up_waiting_for_another_is_not_said_to_wait_for_it() {
    let (runtime, _watchdog) = runtime(Builder::new().processors(1));
    let other = runtime.spawn(std::future::pending::<()>());
    let gives_up = async {
        let _ = handover::time::timeout(Duration::from_millis(1), other).await;
        std::future::pending::<()>().await;
    };
    let task = runtime.spawn(gives_up);
    let seen = task_when(&runtime, task.id(), |task| task.state == State::Waiting && task.waits_for.is_empty());
    assert!(seen.to_string().contains(": waiting to be woken, for "), "{seen}");
}

/// A waker that is replaced or dropped while it is read would be freed memory, and a task that is shown as another's.
#[test]
fn dumps_race_handles_that_come_go_and_change_tasks() {
    let (runtime, _watchdog) = runtime(Builder::new().processors(2));
    let (stop, churned) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (stops, churns) = (Arc::clone(&stop), Arc::clone(&churned));
    let churn = runtime.spawn(async move {
        while !stops.load(Ordering::Relaxed) {
            let mut handle = handover::spawn(std::future::pending::<()>());
            // From one task to the next, each of which polls it once, with its own waker.
            for _ in 0..4 {
                let polled = handover::spawn(async move {
                    assert!(futures::poll!(&mut handle).is_pending());
                    [handle]
                });
                [handle] = polled.await.unwrap();
            }
            handle.abort();
            churns.fetch_add(1, Ordering::Relaxed);
        }
    });
    while churned.load(Ordering::Relaxed) < 2_000 {
        drop(runtime.handle().dump());
    }
    stop.store(true, Ordering::Relaxed);
    block_on(churn).unwrap();
}

#[test]
fn a_task_in_a_call_names_thread_call_site_and_how_long() {
    for hint in [Hint::Short, Hint::Long] {
        let (runtime, _watchdog) = runtime(Builder::new().processors(1));
        let release = Latch::default();
        let waits = release.clone();
        let started = Instant::now();
        let task = runtime.spawn(async move {
            let line = line!() + 1;
            handover::blocking(|| assert!(waits.wait_for(1, LIMIT))).hint(hint).await;
            line
        });
        let seen = task_when(&runtime, task.id(), |task| task.elapsed.is_some_and(|elapsed| elapsed > Duration::from_millis(30)));
        assert!(seen.elapsed <= Some(started.elapsed()), "{hint:?}: {seen}");
        let State::InCall { thread, at } = seen.state else { panic!("{hint:?}: {seen}") };
        let dump = runtime.handle().dump();
        let holder = dump.threads.iter().find(|one| one.tid == thread).expect("its thread is in the list");
        assert_eq!((holder.task, holder.activity, holder.call), (Some(task.id()), Activity::InCall, Some(at)), "{hint:?}");
        assert_eq!(dump.held_up().first().map(|one| one.tid), Some(thread), "{hint:?}: {dump}");
        assert_eq!(holder.kernel_state, Some('S'), "{hint:?}: {dump}");
        release.step();
        let line = block_on(task).unwrap();
        assert_eq!((at.file(), at.line()), (file!(), line), "{hint:?}");
    }
}

#[test]
fn a_task_s_polls_are_counted() {
    let (runtime, _watchdog) = runtime(Builder::new().processors(2));
    let task = runtime.spawn(async {
        for _ in 0..41 {
            handover::yield_now().await;
        }
        std::future::pending::<()>().await;
    });
    let seen = task_when(&runtime, task.id(), |task| task.state == State::Waiting);
    assert_eq!(seen.polls, 42, "{seen}");
}

#[test]
fn a_call_within_a_call_does_not_hide_where_the_outer_one_stands() {
    let (runtime, _watchdog) = runtime(Builder::new().processors(1));
    let release = Latch::default();
    let waits = release.clone();
    let task = runtime.spawn(async move {
        let line = line!() + 1;
        handover::blocking(|| {
            handover::block_in_place(|| {});
            assert!(waits.wait_for(1, LIMIT));
        })
        .await;
        line
    });
    let seen = task_when(&runtime, task.id(), |task| task.elapsed.is_some_and(|elapsed| elapsed > Duration::from_millis(30)));
    let State::InCall { at, .. } = seen.state else { panic!("{seen}") };
    release.step();
    assert_eq!((at.file(), at.line()), (file!(), block_on(task).unwrap()), "{seen}");
}

#[test]
fn a_task_that_computes_runs_on_its_thread_and_those_behind_it_are_queued() {
    let (runtime, _watchdog) = runtime(Builder::new().processors(1).handoff_after(Duration::from_secs(50)));
    let (stop, began) = (Arc::new(AtomicBool::new(false)), Latch::default());
    let (stops, begins) = (Arc::clone(&stop), began.clone());
    let busy = runtime.spawn(async move {
        let behind = vec![handover::spawn(async {})];
        begins.step();
        while !stops.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
        behind
    });
    assert!(began.wait_for(1, LIMIT));
    let dump = runtime.handle().dump();
    let seen = dump.task(busy.id()).expect("it runs");
    let State::Running { thread: Some(thread) } = seen.state else { panic!("{dump}") };
    assert_eq!(dump.processors[0].thread, Some(thread), "{dump}");
    assert_eq!((dump.queued(), dump.processors[0].queued), (1, 1), "{dump}");
    assert_eq!(dump.tasks.iter().filter(|task| task.state == State::Queued).count(), 1, "{dump}");
    assert!(!dump.is_wedged());
    stop.store(true, Ordering::Relaxed);
    block_on(futures::future::join_all(block_on(busy).unwrap()));
    dump_when(&runtime, |dump| dump.tasks.is_empty() && dump.processors[0].is_idle);
}

#[test]
fn a_call_that_is_not_admitted_says_so() {
    let (runtime, _watchdog) = runtime(Builder::new().processors(1).max_blocking_threads(1));
    let release = Latch::default();
    let _out = long_calls::long_calls(&runtime, 1, &release, LIMIT);
    // Given calls that wait for a place; one is let in each second, in which none returns.
    let call = |release: Latch| async move { handover::blocking(|| assert!(release.wait_for(1, LIMIT))).hint(Hint::Long).await };
    let waiting: Vec<_> = (0..50).map(|_| runtime.spawn(call(release.clone()))).collect();
    let waits = |dump: &Dump, ahead| dump.tasks.iter().filter(|task| task.waits_for == [Wait::Admission(ahead)]).count();
    // Then each says how many are before it.
    let dump = dump_when(&runtime, |dump| (0..40).all(|ahead| waits(dump, ahead) == 1));
    assert!(dump.calls_out >= 1 && dump.max_calls_out == 1, "{dump}");
    release.step();
    waiting.into_iter().for_each(|task| block_on(task).unwrap());
}

#[test]
fn a_task_is_shown_by_its_name_and_a_traced_one_with_what_it_waits_for() {
    let log = Log::collect(Level::TRACE);
    let (runtime, _watchdog) = runtime(Builder::new().processors(1).trace_tasks(true));
    let sleep = async { handover::time::sleep(Duration::from_secs(500)).await };
    let task = runtime.block_on(async { handover::task::Builder::new().name("sleeper").spawn(sleep) }).unwrap();
    let seen = task_when(&runtime, task.id(), |task| !task.waits_for.is_empty());
    assert!(!log.with("waker.clone").is_empty(), "its wakers are not traced, so this test shows nothing of them");
    assert_eq!(seen.name.as_deref(), Some("sleeper"));
    assert!(seen.to_string().contains(" \"sleeper\" spawned at "), "{seen}");
}

#[test]
fn the_idle_runtime_shows_its_spares_and_its_poller() {
    let (runtime, _watchdog) = runtime(Builder::new().processors(2));
    let does = |dump: &Dump, activity| dump.threads.iter().filter(|thread| thread.activity == activity).count();
    let dump = dump_when(&runtime, |dump| does(dump, Activity::Polling) == 1 && does(dump, Activity::Spare) >= 1);
    assert!(dump.held_up().is_empty() && dump.tasks.is_empty());
}

#[test]
fn tasks_that_come_and_go_meanwhile_do_not_hide_the_others() {
    let (runtime, _watchdog) = runtime(Builder::new().processors(2));
    // Given many that stay, old ones and new ones, and many that end all the time.
    let stay = || (0..5_000).map(|_| runtime.spawn(std::future::pending::<()>()).id()).collect::<Vec<_>>();
    let (mut staying, stop) = (stay(), Arc::new(AtomicBool::new(false)));
    let stops = Arc::clone(&stop);
    let churn = runtime.spawn(async move {
        while !stops.load(Ordering::Relaxed) {
            let tasks: Vec<_> = (0..3_000).map(|_| handover::spawn(handover::yield_now())).collect();
            futures::future::join_all(tasks).await;
        }
    });
    staying.extend(stay());
    // When it is dumped again and again, then none of those that stay is missing, and none is there twice.
    for _ in 0..20 {
        let dump = runtime.handle().dump();
        assert!(dump.tasks.is_sorted_by(|a, b| a.id < b.id));
        assert_eq!(staying.iter().filter(|id| dump.task(**id).is_none()).count(), 0);
    }
    stop.store(true, Ordering::Relaxed);
    block_on(churn).unwrap();
    dump_when(&runtime, |dump| dump.tasks.len() == staying.len());
}

/// Every thread that there may be is in a poll that blocks without saying so; tasks wait, and nothing of the runtime can run them.
fn wedge(runtime: &Runtime, release: &Latch) -> u32 {
    let block = |_| {
        let release = release.clone();
        runtime.spawn(async move { assert!(release.wait_for(1, LIMIT)) });
    };
    (0..8).for_each(block);
    line!() - 3
}

#[test]
fn a_wedged_runtime_still_answers_and_names_the_culprits() {
    let (runtime, _watchdog) = runtime(Builder::new().processors(2).max_blocking_threads(1));
    let release = Latch::default();
    let line = wedge(&runtime, &release);
    let dump = dump_when(&runtime, Dump::is_wedged);
    let text = dump.to_string();
    assert!(text.contains("WEDGED"), "{text}");
    assert_eq!(dump.held_up().len(), dump.threads.len(), "{text}");
    for thread in dump.held_up() {
        let at = thread.spawned_at.expect("it runs a task");
        assert_eq!((at.file(), at.line()), (file!(), line), "{text}");
        assert!(matches!(thread.kernel_state, Some('S')), "{text}");
    }
    assert_eq!(dump.queued() + dump.threads.len(), 8, "{text}");
    release.step();
    dump_when(&runtime, |dump| dump.tasks.is_empty());
}

#[test]
fn a_runtime_that_has_ended_has_nothing_to_show() {
    let (runtime, _watchdog) = runtime(Builder::new().processors(1));
    let handle = runtime.handle().clone();
    runtime.spawn(std::future::pending::<()>());
    drop(runtime);
    let dump = handle.dump();
    assert!(dump.is_closing && dump.tasks.is_empty() && dump.threads.is_empty(), "{dump}");
}

// ---- by signal ---------------------------------------------------------------------------------------------------------

const CHILD: &str = "HANDOVER_TEST_WEDGED_CHILD";

/// The part of the next test that runs in a process of its own: it wedges its runtime, says so on stdout, and waits to be killed.
#[test]
fn wedged_child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let (runtime, _watchdog) = runtime(Builder::new().processors(2).max_blocking_threads(1));
    let _dumps = runtime.handle().dump_on_signal(libc::SIGUSR1).unwrap();
    wedge(&runtime, &Latch::default());
    dump_when(&runtime, Dump::is_wedged);
    println!("wedged");
    loop {
        thread::park();
    }
}

#[test]
fn a_signal_makes_a_wedged_process_write_its_dump_to_stderr() {
    let _watchdog = Watchdog::start(LIMIT, "a dump by signal", None);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["wedged_child", "--exact", "--nocapture"]).env(CHILD, "1");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_text(child.stdout.as_mut().unwrap(), "wedged\n");
    let killed = Command::new("kill").args(["-USR1", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let text = wait_for_text(child.stderr.as_mut().unwrap(), "queued\n");
    assert!(text.contains("WEDGED") && text.contains(&format!("spawned at {}", file!())), "{text}");
    child.kill().unwrap();
    child.wait().unwrap();
}

fn wait_for_text(from: &mut impl Read, text: &str) -> String {
    let (mut seen, mut buffer) = (String::new(), [0; 4096]);
    while !seen.contains(text) {
        let read = from.read(&mut buffer).unwrap();
        assert!(read > 0, "it ended after {seen:?}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    seen
}

#[test]
fn a_signal_that_cannot_be_handled_is_an_error_that_names_it() {
    let (runtime, _watchdog) = runtime(Builder::new().processors(1));
    for signal in [libc::SIGKILL, libc::SIGSEGV, 0, 4711] {
        let error = runtime.handle().dump_on_signal(signal).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains(&signal.to_string()), "{error}");
    }
    let dumps = runtime.handle().dump_on_signal(libc::SIGUSR2).unwrap();
    drop(dumps);
}
