//! How does a test run the example `notes`? As a process of its own, with a directory of its own.

use crate::client::{self, Response};
use crate::example;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

/// A new, empty directory for a test.
pub(crate) fn directory(test: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("notes-{test}"));
    if directory.exists() {
        std::fs::remove_dir_all(&directory).expect("what an earlier run left can be removed");
    }
    std::fs::create_dir_all(directory.join("files")).expect("a directory can be made");
    directory
}

/// The example with arguments under which it ends by itself.
pub(crate) fn run_to_end(arguments: &[&str]) -> Output {
    Command::new(example::path("notes")).args(arguments).output().expect("the example runs")
}

/// A running example, killed on drop.
pub(crate) struct Server {
    child: Child,
    pub(crate) addr: SocketAddr,
}

impl Server {
    /// Starts the example on 2 processors and a free port, over `notes.db` and `files` in `directory`.
    pub(crate) fn start(directory: &Path) -> Self {
        Self::start_with(&directory.join("notes.db"), &directory.join("files"))
    }

    pub(crate) fn start_with(db: &Path, dir: &Path) -> Self {
        let mut command = Command::new(example::path("notes"));
        command.args(["--addr", "127.0.0.1:0", "--processors", "2", "--db"]).arg(db);
        command.arg("--dir").arg(dir);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the example runs");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("stdout is a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("the example says where it listens");
        let addr = line.trim().strip_prefix("notes: listening on http://").and_then(|addr| addr.parse().ok());
        Self { child, addr: addr.unwrap_or_else(|| panic!("expected an address, got {line:?}")) }
    }

    pub(crate) fn get(&self, target: &str) -> Response {
        self.request("GET", target, "", b"")
    }

    pub(crate) fn request(&self, method: &str, target: &str, extra: &str, body: &[u8]) -> Response {
        client::request(self.addr, method, target, extra, body)
    }

    pub(crate) fn post(&self, title: &str, body: &str) -> Response {
        let note = serde_json::json!({ "title": title, "body": body }).to_string();
        self.request("POST", "/notes", client::JSON, note.as_bytes())
    }

    /// The value of a line of `/metrics`.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let metrics = self.get("/metrics");
        let value = metrics.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or_else(|| panic!("there is no {name} in {}", metrics.text()))
    }

    /// Returns when so many requests are in flight, not counting the one that asks.
    pub(crate) fn wait_for_requests_in_flight(&self, count: u64) {
        while self.metric("notes_requests_in_flight") < count + 1 {}
    }

    pub(crate) fn signal(&self, signal: libc::c_int) {
        let pid = libc::pid_t::try_from(self.child.id()).expect("a process id fits");
        // SAFETY: kill(2) touches no memory, and the process is our child, not waited for yet, so that the id is its own.
        let result = unsafe { libc::kill(pid, signal) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    }

    /// Waits for the end; gives the status and what was said on stderr.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let mut stderr = String::new();
        self.child.stderr.take().expect("stderr is a pipe").read_to_string(&mut stderr).expect("stderr is text");
        (self.child.wait().expect("the example ends"), stderr)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Only a test that has failed comes here with a running example; there is nothing to do about an error.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}
