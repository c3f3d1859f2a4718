//! Does this test hang? Then it must say so, with the runtime's numbers, instead of being killed silently.

use std::io::{self, Write};
use std::process;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use handover::RuntimeMetrics;

/// Aborts the process with a message unless it is dropped in time.
pub(crate) struct Watchdog {
    /// Never sent on: the thread waits for the channel to close.
    _alive: mpsc::Sender<()>,
}

impl Watchdog {
    /// `what` is the sentence that the message begins with; `metrics` are printed as they stand when time is up.
    pub(crate) fn start(limit: Duration, what: impl Into<String>, metrics: Option<RuntimeMetrics>) -> Self {
        let (alive, closed) = mpsc::channel();
        let what = what.into();
        thread::spawn(move || {
            if closed.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                // Not `eprintln`, which the test harness catches and an abort then loses. If stderr is closed there is nobody to tell.
                let _ = writeln!(io::stderr(), "{what}: not over after {limit:?}\n{metrics:#?}\n{}", threads());
                process::abort();
            }
        });
        Self { _alive: alive }
    }
}

/// The threads of this process with their state, as proc(5) tells it.
fn threads() -> String {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return "the threads cannot be listed".to_owned() };
    let line = |task: std::fs::DirEntry| {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_else(|error| error.to_string());
        format!("{} in {}: {}", read("comm").trim(), read("wchan"), read("stat").trim())
    };
    tasks.flatten().map(line).collect::<Vec<_>>().join("\n")
}
