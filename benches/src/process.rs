//! How is a process of one measurement started, heard, watched and ended?

use std::io::{self, BufRead, BufReader, ErrorKind, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::usage::threads_of;

/// No measurement takes so long; a process that does hangs and is killed.
const LIMIT: Duration = Duration::from_secs(120);
/// How often threads are counted. From outside: the account of the process stays its own.
const COUNT_EVERY: Duration = Duration::from_millis(5);

/// Whether somebody counts the threads of the process while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    Threads,
    Nothing,
}

/// A running process, guarded by a thread that kills it when it hangs. Dropping it ends it.
pub(crate) struct Process {
    child: Arc<Mutex<Child>>,
    id: u32,
    output: Lines<BufReader<ChildStdout>>,
    /// Dropped to send the guard home.
    running: Option<Sender<()>>,
    guard: Option<JoinHandle<Guarded>>,
}

/// What the guard has seen.
#[derive(Debug, Default)]
struct Guarded {
    peak_threads: u64,
    killed: bool,
}

/// A process that has ended by itself and well.
#[derive(Debug)]
pub(crate) struct Ended {
    /// What it printed.
    pub(crate) lines: Vec<String>,
    /// The most threads seen; 0 if they were not counted.
    pub(crate) peak_threads: u64,
}

impl Process {
    /// Starts it. Its standard input stays open as long as it is wanted: servers end when it closes.
    pub(crate) fn start(mut command: Command, count: Count) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let id = child.id();
        let output = child.stdout.take().ok_or_else(|| io::Error::other("a piped stdout is there"))?;
        let child = Arc::new(Mutex::new(child));
        let (running, ended) = mpsc::channel();
        let guarded = Arc::clone(&child);
        let guard = thread::spawn(move || guard(&guarded, id, count, &ended));
        Ok(Self { child, id, output: BufReader::new(output).lines(), running: Some(running), guard: Some(guard) })
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Waits for its next line.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if it has ended.
    pub(crate) fn next_line(&mut self) -> io::Result<String> {
        let ended = || io::Error::new(ErrorKind::UnexpectedEof, "the process has ended too early");
        self.output.next().ok_or_else(ended)?
    }

    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// If it reports a failure by its exit status, or had to be killed.
    pub(crate) fn finish(mut self) -> io::Result<Ended> {
        let lines = self.output.by_ref().collect::<io::Result<_>>()?;
        let guarded = self.dismiss_guard();
        let status = self.child.lock().unwrap_or_else(PoisonError::into_inner).wait()?;
        if guarded.killed {
            return Err(io::Error::new(ErrorKind::TimedOut, format!("killed after {} s", LIMIT.as_secs())));
        }
        if !status.success() {
            return Err(io::Error::other(format!("the process ended with {status}")));
        }
        Ok(Ended { lines, peak_threads: guarded.peak_threads })
    }

    fn dismiss_guard(&mut self) -> Guarded {
        self.running = None;
        self.guard.take().map_or_else(Guarded::default, |guard| guard.join().expect("the guard does not panic"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.dismiss_guard();
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        // Both do nothing to a process that has been waited for.
        if let Err(error) = child.kill().and_then(|()| child.wait()) {
            eprintln!("cannot end process {}: {error}", self.id);
        }
    }
}

/// Counts, if so told, until the process is no longer wanted; kills it if that takes too long.
fn guard(child: &Mutex<Child>, id: u32, count: Count, ended: &Receiver<()>) -> Guarded {
    let mut guarded = Guarded::default();
    let start = Instant::now();
    loop {
        let left = LIMIT.saturating_sub(start.elapsed());
        if left.is_zero() {
            guarded.killed = child.lock().unwrap_or_else(PoisonError::into_inner).kill().is_ok();
            return guarded;
        }
        let pause = if count == Count::Threads { COUNT_EVERY } else { left };
        if ended.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            return guarded;
        }
        if count == Count::Threads {
            guarded.peak_threads = guarded.peak_threads.max(threads_of(id).unwrap_or(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::start(command, Count::Threads).expect("sh starts")
    }

    #[test]
    fn lines_of_a_process_that_ends_well_are_kept() {
        let mut process = shell("echo ready; echo one; echo two");
        assert_eq!(process.next_line().expect("its first line"), "ready");
        assert_eq!(process.finish().expect("its end").lines, ["one", "two"]);
    }

    #[test]
    fn a_failure_is_an_error() {
        let error = shell("exit 3").finish().expect_err("a failure");
        assert!(error.to_string().contains("exit status: 3"), "{error}");
    }

    #[test]
    fn a_process_that_is_dropped_is_gone() {
        let mut process = shell("echo ready; read wait");
        process.next_line().expect("its first line");
        let id = process.id();
        drop(process);
        assert_eq!(threads_of(id), None);
    }
}
