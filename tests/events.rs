//! Which `tracing` events tell of the slow paths, with which fields, and in which order?
//!
//! A binary of its own: the subscriber is the whole process's.

#[path = "support/log.rs"]
mod log;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::collections::HashMap;
use std::sync::LazyLock;
use std::sync::mpsc;
use std::time::Duration;

use futures::executor::block_on;
use handover::Hint;
use handover::runtime::{Builder, Runtime};
use log::Log;
use tracing::Level;
use watchdog::Watchdog;

static LOG: LazyLock<Log> = LazyLock::new(|| Log::collect(Level::DEBUG));

/// The value of a field in a line of the log.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split(' ').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

fn number(line: &str, name: &str) -> u64 {
    field(line, name).and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("`{line}` has no number {name}"))
}

fn runtime(processors: usize) -> (Runtime, Watchdog) {
    LazyLock::force(&LOG);
    let runtime = Builder::new().processors(processors).build().unwrap();
    let watchdog = Watchdog::start(Duration::from_secs(60), "events", Some(runtime.metrics()));
    (runtime, watchdog)
}

/// Makes a call that lasts until another task of a runtime with one processor has run.
async fn call_overtaken_by_a_task(hint: Option<Hint>) {
    let (release, released) = mpsc::channel();
    let other = handover::spawn(async move { release.send(()).expect("the call waits for it") });
    let mut call = handover::blocking(move || released.recv().expect("the task sends"));
    if let Some(hint) = hint {
        call = call.hint(hint);
    }
    call.await;
    other.await.expect("the other task ends");
}

/// Ends a runtime with one processor. A handle is ready a moment before the last poll of its task ends, and a shutdown would take the processor of that; another task runs only after it.
fn end_after_its_polls(runtime: Runtime) {
    block_on(runtime.spawn(async {})).unwrap();
    drop(runtime);
}

#[test]
fn a_call_that_is_overtaken_tells_of_the_retake_the_hand_off_and_its_return() {
    let (runtime, _watchdog) = runtime(1);
    let task = runtime.spawn(async {
        let id = handover::task::id();
        call_overtaken_by_a_task(Some(Hint::Short)).await;
        id
    });
    let task = format!("task={} ", block_on(task).unwrap());
    end_after_its_polls(runtime);
    let lines = LOG.with(&task);
    let [retake, back] = &*lines else { panic!("a retake and a return, and nothing else, tell of {task}: {lines:?}") };
    assert!(retake.contains("message=retake ") && back.contains("message=call_return "), "{lines:?}");
    assert_eq!((number(retake, "processor"), field(retake, "reason")), (0, Some("\"work_waits\"")));
    assert_eq!(field(retake, "thread"), field(back, "thread"));
    assert!([retake, back].iter().all(|line| line.contains("call=tests/events.rs:")), "{lines:?}");
    assert!(retake.contains("spawned_at=tests/events.rs:"), "{retake}");
    assert!(number(back, "duration") >= number(retake, "unmoved"), "{lines:?}");
    assert_eq!(field(back, "retaken"), Some("true"));
    assert!(
        LOG.with("message=handoff ")
            .iter()
            .any(|line| number(line, "delay") < 10_000_000_000 && field(line, "thread") != field(retake, "thread"))
    );
}

#[test]
fn a_call_that_gave_its_processor_away_tells_of_its_return_alone() {
    let (runtime, _watchdog) = runtime(1);
    let task = runtime.spawn(async {
        call_overtaken_by_a_task(Some(Hint::Long)).await;
        handover::task::id()
    });
    let task = format!("task={} ", block_on(task).unwrap());
    end_after_its_polls(runtime);
    let lines = LOG.with(&task);
    let [back] = &*lines else { panic!("one return tells of {task}: {lines:?}") };
    assert!(back.contains("message=call_return ") && field(back, "retaken") == Some("false"), "{back}");
}

#[test]
fn threads_tell_of_their_start_and_end_and_a_runtime_of_its_shutdown() {
    let (runtime, _watchdog) = runtime(2);
    block_on(runtime.spawn(async {})).unwrap();
    drop(runtime);
    let (started, ended) = (LOG.with("message=thread_start "), LOG.with("message=thread_end "));
    assert!(started.len() >= 2, "{started:?}");
    assert!(ended.iter().any(|line| field(line, "thread") == field(&started[0], "thread")), "{ended:?}");
    assert!(LOG.with("message=shutdown ").iter().any(|line| number(line, "threads") <= 8));
}

#[test]
fn a_call_that_waits_for_the_cap_tells_so() {
    LazyLock::force(&LOG);
    let runtime = Builder::new().processors(1).max_blocking_threads(1).build().unwrap();
    let _watchdog = Watchdog::start(Duration::from_secs(60), "the cap", Some(runtime.metrics()));
    let (release, released) = mpsc::channel();
    let out = runtime.spawn(async move { handover::blocking(move || released.recv()).hint(Hint::Long).await });
    while runtime.metrics().calls_out() == 0 {
        std::thread::yield_now();
    }
    let waits = runtime.spawn(async { handover::blocking(|| ()).hint(Hint::Long).await });
    while LOG.with("message=cap_wait ").is_empty() {
        std::thread::yield_now();
    }
    release.send(()).unwrap();
    block_on(out).unwrap().unwrap();
    block_on(waits).unwrap();
    let line = LOG.with("message=cap_wait ").remove(0);
    assert_eq!((number(&line, "out"), number(&line, "waiting"), number(&line, "limit")), (1, 1, 1));
    assert!(line.contains("call=tests/events.rs:"), "{line}");
}

#[test]
fn a_retake_is_told_before_its_return_whoever_is_quicker() {
    let (runtime, _watchdog) = runtime(2);
    let tasks: Vec<_> = (0..64)
        .map(|n| {
            runtime.spawn(async move {
                for k in 0..50_u64 {
                    // About as long as the monitor takes for its second look: returns and tellings race.
                    let time = Duration::from_micros(20 + (n * 7 + k * 13) % 80);
                    handover::blocking(|| std::thread::sleep(time)).hint(Hint::Short).await;
                    handover::yield_now().await;
                }
            })
        })
        .collect();
    tasks.into_iter().for_each(|task| block_on(task).unwrap());
    drop(runtime);
    let mut out: HashMap<String, bool> = HashMap::new();
    let mut retakes = 0;
    for line in LOG.with("message=") {
        let is_retake = line.contains("message=retake ");
        let is_return = line.contains("message=call_return ") && field(&line, "retaken") == Some("true");
        if !(is_retake || is_return) {
            continue;
        }
        let thread = field(&line, "thread").expect("both name the thread").to_owned();
        let was_out = out.insert(thread, is_retake).unwrap_or(false);
        assert_ne!(was_out, is_retake, "retakes and returns of a thread take turns: {line}");
        retakes += u32::from(is_retake);
    }
    assert!(retakes > 100, "{retakes} retakes in 3,200 calls");
}
