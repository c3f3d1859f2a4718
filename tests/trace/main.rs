//! Does a recording show what happened, in files that others can read?

#[path = "../support/scratch.rs"]
mod scratch;
#[path = "../support/watchdog.rs"]
mod watchdog;

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use handover::Hint;
use handover::runtime::{Builder, Runtime};
use handover::trace::{Profile, Trace};
use scratch::scratch;
use watchdog::Watchdog;

const NEVER: Duration = Duration::from_secs(30);

fn runtime(builder: Builder) -> (Runtime, Watchdog) {
    let runtime = builder.processors(2).build().unwrap();
    let watchdog = Watchdog::start(NEVER * 2, "recording", Some(runtime.metrics()));
    (runtime, watchdog)
}

/// Short calls, calls that are overtaken, calls that are known to be long, wake-ups, thefts: until the runtime ends.
fn load(runtime: &Runtime) {
    for n in 0..6_u64 {
        runtime.spawn(async move {
            loop {
                handover::blocking(std::process::id).await;
                let child = handover::spawn(async { handover::task::yield_now().await });
                handover::blocking(|| std::thread::sleep(Duration::from_millis(n))).await;
                handover::blocking(|| std::thread::sleep(Duration::from_micros(300))).hint(Hint::Long).await;
                handover::time::sleep(Duration::from_micros(500)).await;
                child.await.unwrap();
            }
        });
    }
}

/// Has `trace` read by Google's own definitions of the format.
fn check(trace: &Trace, name: &str) -> Option<String> {
    let path = scratch(name).join("trace.pftrace");
    trace.write_to(&path).unwrap();
    check_file(&path)
}

fn check_file(path: &Path) -> Option<String> {
    let has_definitions = Command::new("python3").args(["-c", "import perfetto.protos.perfetto.trace.perfetto_trace_pb2"]).output();
    if !has_definitions.is_ok_and(|output| output.status.success()) {
        // Not `eprintln`, which the test harness catches. If stderr is closed there is nobody to tell.
        let _ =
            writeln!(std::io::stderr(), "SKIPPED: no python3 with the package `perfetto` (pip install perfetto): the trace was not read");
        return None;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/trace/check.py");
    let output = Command::new("python3").arg(script).arg(path).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    Some(text)
}

#[test]
fn a_recording_is_a_perfetto_trace() {
    let (runtime, _watchdog) = runtime(Builder::new());
    load(&runtime);
    let trace = runtime.record(Duration::from_millis(200)).unwrap();
    assert_eq!(trace.lost_events(), 0);
    let Some(found) = check(&trace, "perfetto") else { return };
    for name in [
        "poll tests/trace/main.rs:",
        "call tests/trace/main.rs:",
        "handed off",
        "on its processor",
        "takes processor",
        "wakes",
        "spawns",
        "parked",
    ] {
        assert!(found.contains(&format!("name: {name}")), "{name} is missing:\n{found}");
    }
}

fn compute(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

#[test]
fn a_recording_that_loses_events_is_one_too() {
    let (runtime, _watchdog) = runtime(Builder::new().flight_recorder(true));
    runtime.block_on(async {
        for _ in 0..40_000 {
            // Not so quick that it would be merged.
            handover::spawn(async { compute(Duration::from_micros(3)) }).await.unwrap();
        }
    });
    let trace = runtime.handle().last_events().unwrap();
    assert!(trace.lost_events() > 0, "{trace:?}");
    let Some(found) = check(&trace, "lost") else { return };
    assert!(found.contains("events were overwritten"), "{found}");
}

#[test]
fn a_call_that_was_out_before_the_recording_is_in_it() {
    let (runtime, _watchdog) = runtime(Builder::new());
    let (out, is_out) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let call = runtime.spawn(async move {
        handover::blocking(move || {
            out.send(()).unwrap();
            released.recv_timeout(NEVER).unwrap();
        })
        .await;
    });
    is_out.recv_timeout(NEVER).unwrap();
    let duration = Duration::from_millis(30);
    let trace = runtime.record(duration).unwrap();
    release.send(()).unwrap();
    block_on(call).unwrap();
    let folded = trace.folded(Profile::Blocking);
    let nanos: u64 = folded.trim().rsplit(' ').next().unwrap().parse().unwrap();
    assert!(folded.starts_with("task tests/trace/main.rs:") && folded.contains(";call tests/trace/main.rs:"), "{folded}");
    assert!(nanos >= duration.as_nanos() as u64 * 9 / 10, "{folded}");
}

#[test]
fn profiles_name_the_call_the_task_and_the_delay() {
    let (runtime, _watchdog) = runtime(Builder::new());
    load(&runtime);
    let trace = runtime.record(Duration::from_millis(100)).unwrap();
    let blocking = trace.folded(Profile::Blocking);
    assert!(blocking.lines().all(|line| line.starts_with("task tests/trace/main.rs:") && line.contains(";call ")), "{blocking}");
    let latency = trace.folded(Profile::SchedulingLatency);
    assert!(latency.contains(";woken by tests/trace/main.rs:") && latency.contains(";woken from outside or by the reactor "), "{latency}");
    let delay = trace.folded(Profile::HandoffDelay);
    assert!(delay.contains("long_call;task tests/trace/main.rs:"), "{delay}");
    for text in [blocking, latency, delay] {
        assert!(text.lines().all(|line| line.rsplit_once(' ').is_some_and(|(_, nanos)| nanos.parse::<u64>().is_ok())), "{text}");
    }
    assert!(!trace.pprof(Profile::Blocking).is_empty());
}

#[test]
fn two_recordings_at_once_see_the_same() {
    let (runtime, _watchdog) = runtime(Builder::new());
    load(&runtime);
    let handle = runtime.handle().clone();
    let other = std::thread::spawn(move || handle.record(Duration::from_millis(50)).unwrap());
    let trace = runtime.record(Duration::from_millis(50)).unwrap();
    assert!(trace.events() > 0 && other.join().unwrap().events() > 0);
}

#[test]
fn a_recording_in_a_task_leaves_its_processor_to_others() {
    let runtime = Builder::new().processors(1).build().unwrap();
    let _watchdog = Watchdog::start(NEVER * 2, "recording in a task", Some(runtime.metrics()));
    let trace = runtime.block_on(async {
        let handle = handover::runtime::Handle::current();
        let recorder = handover::spawn_blocking(move || handle.record(Duration::from_millis(50)));
        handover::spawn(async { handover::blocking(|| ()).await }).await.unwrap();
        recorder.await.unwrap().unwrap()
    });
    assert!(trace.folded(Profile::Blocking).contains("call tests/trace/main.rs:"), "{}", trace.folded(Profile::Blocking));
}

#[test]
fn a_recording_ends_with_the_runtime() {
    let (runtime, _watchdog) = runtime(Builder::new());
    let handle = runtime.handle().clone();
    let (begun, has_begun) = mpsc::channel();
    let recorder = std::thread::spawn(move || {
        begun.send(()).unwrap();
        let start = Instant::now();
        (handle.record(NEVER), start.elapsed())
    });
    has_begun.recv_timeout(NEVER).unwrap();
    drop(runtime);
    let (trace, took) = recorder.join().unwrap();
    assert!(trace.is_ok() && took < NEVER / 2, "{trace:?} after {took:?}");
}

#[test]
fn what_cannot_be_recorded_is_refused() {
    let (runtime, _watchdog) = runtime(Builder::new());
    let error = runtime.record(Duration::ZERO).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().starts_with("the duration to record is zero"), "{error}");
    let error = runtime.handle().last_events().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("Builder::flight_recorder"), "{error}");
    let trace = runtime.record(Duration::from_millis(1)).unwrap();
    let error = trace.write_to("/nowhere/at all").unwrap_err();
    assert!(error.kind() == ErrorKind::NotFound && error.to_string().contains("/nowhere/at all"), "{error}");
}

#[test]
fn a_stall_writes_what_went_before_and_calls_the_hook() {
    let directory = scratch("stall");
    let (reports, received) = mpsc::channel();
    let hook = move |stall: &handover::runtime::Stall| reports.send(stall.task).unwrap();
    let (runtime, _watchdog) = runtime(Builder::new().trace_on_stall(&directory).on_stall(hook));
    let task = runtime.spawn(async { std::thread::sleep(Duration::from_millis(60)) });
    // The hook is called after the file is written.
    assert_eq!(received.recv_timeout(NEVER).unwrap(), task.id().as_u64());
    block_on(task).unwrap();
    let files: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let name = files[0].file_name().unwrap().to_string_lossy().into_owned();
    assert!(name.starts_with("handover-") && name.contains("-stall-") && name.ends_with(".pftrace"), "{name}");
    let Some(found) = check_file(&files[0]) else { return };
    assert!(found.contains("stall: blocks without saying so") && found.contains("without a processor"), "{found}");
}

#[test]
fn a_signal_writes_what_went_before_while_every_processor_is_stuck() {
    let directory = scratch("signal");
    let (runtime, _watchdog) = runtime(Builder::new().max_blocking_threads(1).trace_on_signal(&directory));
    let (release, stuck): (Vec<_>, Vec<_>) = (0..8)
        .map(|_| {
            let (release, released) = mpsc::channel::<()>();
            let (entered, has_entered) = mpsc::channel();
            let task = runtime.spawn(async move {
                entered.send(()).unwrap();
                // Undeclared.
                released.recv_timeout(NEVER).unwrap();
            });
            ((release, has_entered), task)
        })
        .unzip();
    release[0].1.recv_timeout(NEVER).unwrap();
    let raise = || signal_hook::low_level::raise(signal_hook::consts::SIGUSR2).unwrap();
    raise();
    await_files(&directory, 1);
    raise();
    let files = await_files(&directory, 2);
    let name = files[0].file_name().unwrap().to_string_lossy().into_owned();
    assert!(name.contains("-signal-") && name.ends_with(".pftrace"), "{name}");
    release.iter().for_each(|(release, _)| release.send(()).unwrap());
    stuck.into_iter().for_each(|task| block_on(task).unwrap());
    drop(runtime);
    check_file(&files[0]);
}

/// The files that another thread writes into `directory`, once there are so many.
fn await_files(directory: &Path, count: usize) -> Vec<PathBuf> {
    let end = Instant::now() + NEVER;
    loop {
        let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        let files: Vec<_> = files.filter(|path| path.extension().is_some_and(|extension| extension == "pftrace")).collect();
        if files.len() == count {
            return files;
        }
        assert!(Instant::now() < end && files.len() < count, "{count} traces are expected, there are {files:?}");
        std::thread::yield_now();
    }
}
