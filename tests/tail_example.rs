//! Does the example `tail` show what is written, whatever becomes of the file, and from a FIFO at the same time?

#[path = "support/example.rs"]
mod example;
#[path = "support/scratch.rs"]
mod scratch;

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// Only a failure takes as long.
const LIMIT: Duration = Duration::from_secs(30);

/// The example at work; it ends with this.
struct Tail {
    child: Child,
    lines: Receiver<String>,
}

impl Tail {
    fn start(paths: &[&Path]) -> Self {
        let mut command = Command::new(example::path("tail"));
        let mut child = command.args(paths).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the example starts");
        let stdout = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    /// The next line that is no heading is this one.
    #[track_caller]
    fn expect(&self, expected: &str) {
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|error| panic!("`{expected}` was not shown: {error}"));
            if !line.starts_with("==> ") {
                return assert_eq!(line, expected);
            }
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.child.kill().expect("it runs, or has not been waited for");
        self.child.wait().expect("it has ended");
        let mut said = String::new();
        self.child.stderr.take().expect("it is a pipe").read_to_string(&mut said).expect("it is text");
        eprintln!("tail said: {said}");
    }
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).expect("the file is there or made");
    file.write_all(text.as_bytes()).expect("it takes a line");
}

fn fifo(path: PathBuf) -> PathBuf {
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo runs").success());
    path
}

#[test]
fn a_file_and_a_fifo_are_followed_at_once() {
    let directory = scratch::scratch("tail-both");
    let (log, events) = (directory.join("log"), fifo(directory.join("events")));
    append(&log, &(1..=12).map(|line| format!("old {line}\n")).collect::<String>());
    let tail = Tail::start(&[&log, &events]);
    // Given the last ten lines, which are shown at the start ...
    (3..=12).for_each(|line| tail.expect(&format!("old {line}")));
    // ... when either is written to, then it is shown; a FIFO's writers come and go.
    for round in 0..20 {
        append(&log, &format!("file {round}\n"));
        tail.expect(&format!("file {round}"));
        fs::write(&events, format!("fifo {round}\n")).expect("the example reads it");
        tail.expect(&format!("fifo {round}"));
    }
}

#[test]
fn a_file_that_is_cut_is_read_from_its_start() {
    let log = scratch::scratch("tail-cut").join("log");
    append(&log, "a long line before the cut\n");
    let tail = Tail::start(&[&log]);
    tail.expect("a long line before the cut");
    for round in 0..5 {
        fs::write(&log, format!("{round}\n")).expect("it is emptied and written");
        // Both are shorter than what was before, so that it shows that the file was cut.
        tail.expect(&format!("{round}"));
        append(&log, "and a long line before the next cut\n");
        tail.expect("and a long line before the next cut");
    }
}

#[test]
fn a_file_that_is_moved_or_deleted_is_followed_by_the_next_of_its_name() {
    let directory = scratch::scratch("tail-rotated");
    let (log, old) = (directory.join("log"), directory.join("log.1"));
    append(&log, "first\n");
    let tail = Tail::start(&[&log]);
    tail.expect("first");
    for round in 0..5 {
        fs::rename(&log, &old).expect("it is moved");
        // Who writes has not noticed yet.
        append(&old, "to the old one\n");
        tail.expect("to the old one");
        append(&log, &format!("new {round}\n"));
        tail.expect(&format!("new {round}"));
        fs::remove_file(&log).expect("it is deleted");
        append(&log, &format!("newer {round}\n"));
        tail.expect(&format!("newer {round}"));
    }
}

#[test]
fn a_file_that_is_not_there_is_waited_for() {
    let directory = scratch::scratch("tail-late");
    let (log, events) = (directory.join("log"), fifo(directory.join("events")));
    let tail = Tail::start(&[&events, &log]);
    // The example runs once it shows this.
    fs::write(&events, "it runs\n").expect("the example reads it");
    tail.expect("it runs");
    append(&log, "late\n");
    tail.expect("late");
}

#[test]
fn what_cannot_be_followed_is_refused() {
    let directory = scratch::scratch("tail-refused");
    let below = directory.join("missing/log");
    for (paths, code, said) in [
        (vec![], 2, "Usage: tail PATH ...".to_owned()),
        (vec![&directory], 1, format!("`{}` is a directory", directory.display())),
        (vec![&below], 1, format!("cannot watch `{}`", directory.join("missing").display())),
    ] {
        let output = Command::new(example::path("tail")).args(&paths).output().expect("the example runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(&said), "{stderr}");
    }
}
