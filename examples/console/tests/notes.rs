//! What does a person see who looks at the service of `examples/notes` with tokio-console while somebody asks for something slow?
//!
//! It needs `tmux` and `tokio-console` (`cargo install tokio-console --locked`) in the PATH; without them it says so, loudly, and tests nothing.

#[allow(dead_code, reason = "the other test reads more of it")]
#[path = "support/row.rs"]
mod row;
#[allow(dead_code, reason = "the other test presses keys")]
#[path = "support/terminal.rs"]
mod terminal;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use row::Row;
use terminal::Terminal;

/// The service, killed at the end.
struct Service {
    process: Child,
    address: String,
    console_port: u16,
}

impl Service {
    fn start() -> Self {
        let console_port = terminal::free_port();
        let database = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("notes-{console_port}.db"));
        let mut process = Command::new(env!("CARGO_BIN_EXE_notes"))
            .args(["--addr", "127.0.0.1:0", "--processors", "2", "--db"])
            .arg(database)
            .env("TOKIO_CONSOLE_BIND", format!("127.0.0.1:{console_port}"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the service starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("it is a pipe")).read_line(&mut line).expect("it says where it listens");
        let address =
            line.trim().strip_prefix("notes: listening on http://").unwrap_or_else(|| panic!("expected an address, got {line:?}"));
        Self { address: address.to_owned(), process, console_port }
    }

    /// Its answer, when it has ended the connection.
    fn get(&self, target: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        write!(stream, "GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.process.kill().and_then(|()| self.process.wait()).expect("the service can be ended");
    }
}

/// The line of the call in `slow` of `examples/notes/service.rs`.
fn place_of_the_fault() -> String {
    let source = include_str!("../../notes/service.rs");
    let line = source.lines().position(|line| line.contains("handover::blocking(|| std::thread::sleep(time))"));
    format!("../notes/service.rs:{}:", line.expect("the fault is planted there") + 1)
}

#[test]
fn a_slow_query_is_found_by_the_line_that_makes_it() {
    if !terminal::is_here() {
        return;
    }
    let service = Service::start();
    let terminal = Terminal::open(service.console_port);
    terminal.until("the service, which waits for a connection", |screen| {
        Row::all(screen).iter().any(|row| row.kind == "block_on" && row.state == "⏸")
    });
    thread::scope(|scope| {
        let slow = scope.spawn(|| service.get("/slow?ms=4000"));
        let fault = place_of_the_fault();
        terminal.until("the call that is out, by its line, and its task, which runs", |screen| {
            let rows = Row::all(screen);
            let Some(call) = rows.iter().find(|row| row.kind == "blocking" && row.line.contains(&fault)) else { return false };
            let task = rows.iter().find(|row| row.kind == "task" && row.id == call.id);
            call.state != "⏹" && task.is_some_and(|task| task.state == "▶" && task.line.contains("../notes/server.rs:"))
        });
        assert!(slow.join().expect("it is answered").contains("\"slept_ms\":4000"));
    });
    terminal.until("its end", |screen| {
        let rows = Row::all(screen);
        rows.iter().any(|row| row.kind == "blocking" && row.line.contains(&place_of_the_fault()) && row.state == "⏹")
    });
}
