//! What does a person see who looks at the example with tokio-console? The unmodified program is driven in a terminal, and its screen is read.
//!
//! It needs `tmux` and `tokio-console` (`cargo install tokio-console --locked`) in the PATH; without them it says so, loudly, and tests nothing.

#[path = "support/row.rs"]
mod row;
#[path = "support/terminal.rs"]
mod terminal;

use std::process::{Child, Command, Stdio};

use row::Row;
use terminal::Terminal;

/// The example, killed at the end.
struct Application {
    /// Its standard input is a pipe that stays open, and that nobody writes.
    process: Child,
    port: u16,
}

impl Application {
    fn start() -> Self {
        let port = terminal::free_port();
        let process = Command::new(env!("CARGO_BIN_EXE_handover-console-example"))
            .arg("300")
            .env("TOKIO_CONSOLE_BIND", format!("127.0.0.1:{port}"))
            .env("RUST_LOG", "off")
            .stdin(Stdio::piped())
            .spawn()
            .expect("the example starts");
        Self { process, port }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.process.kill().and_then(|()| self.process.wait()).expect("the example can be ended");
    }
}

/// The first task of this name.
fn task<'a, 'b>(rows: &'b [Row<'a>], name: &str) -> Option<&'b Row<'a>> {
    rows.iter().find(|row| row.name == Some(name))
}

const NAMES: [&str; 13] = [
    "ticker",
    "self-waker",
    "lost-waker",
    "slow-query",
    "surprise",
    "computes",
    "echo-server",
    "echo-client",
    "echo",
    "listens",
    "asks-cat",
    "signals",
    "gives-up",
];

#[test]
fn the_console_shows_tasks_calls_warnings_timers_sockets_and_pipes() {
    if !terminal::is_here() {
        return;
    }
    let application = Application::start();
    let terminal = Terminal::open(application.port);
    tasks_have_names_kinds_states_and_counts(&terminal);
    calls_that_are_handed_off_have_rows(&terminal);
    warnings_name_the_tasks_that_deserve_them(&terminal);
    what_tasks_wait_for_are_resources(&terminal);
}

fn tasks_have_names_kinds_states_and_counts(terminal: &Terminal) {
    let screen = terminal.until("every task by its name", |screen| {
        let rows = Row::all(screen);
        NAMES.iter().all(|name| task(&rows, name).is_some_and(|row| row.kind == "task"))
    });
    let rows = Row::all(&screen);
    assert!(rows.iter().any(|row| row.kind == "block_on" && row.name.is_none()), "the root future:\n{screen}");
    assert!(task(&rows, "ticker").unwrap().line.contains("src/main.rs:"), "where it was spawned:\n{screen}");
    let seen = task(&rows, "ticker").unwrap().polls;
    let screen = terminal.until("more polls of the ticker, and of the one that wakes itself", |screen| {
        let rows = Row::all(screen);
        let polls = |name| task(&rows, name).map_or(0, |row| row.polls);
        polls("ticker") >= seen + 5 && polls("self-waker") > 5 * polls("ticker")
    });
    let rows = Row::all(&screen);
    let lost = task(&rows, "lost-waker").unwrap();
    assert_eq!((lost.state, lost.polls), ("⏸", 1), "polled once, and idle since:\n{screen}");
    terminal.until("a connection that is over, and one that is not", |screen| {
        let echo = |state| Row::all(screen).iter().any(|row| row.name == Some("echo") && row.state == state);
        echo("⏹") && echo("⏸")
    });
}

fn calls_that_are_handed_off_have_rows(terminal: &Terminal) {
    terminal.until("a call that is out, with the id of its task, which runs, and one that is over", |screen| {
        let rows = Row::all(screen);
        let Some(query) = task(&rows, "slow-query") else { return false };
        let call = |state| rows.iter().any(|row| row.kind == "blocking" && row.id == query.id && row.state == state);
        query.state == "▶" && call("▶") && call("⏹")
    });
}

fn warnings_name_the_tasks_that_deserve_them(terminal: &Terminal) {
    let screen = terminal.until("both warnings", |screen| {
        screen.contains("1 tasks have woken themselves over 50% of the time") && screen.contains("1 tasks have lost their wakers")
    });
    let rows = Row::all(&screen);
    let warned: Vec<_> = rows.iter().filter(|row| row.warns).filter_map(|row| row.name).collect();
    assert_eq!(warned, ["self-waker", "lost-waker"], "{screen}");
    // The oldest are on top: the root, which is selected, the ticker, and then this one.
    ["Down", "Down", "Enter"].into_iter().for_each(|key| terminal.press(key));
    terminal.until("the self-waker's page", |screen| {
        screen.contains("Name: self-waker")
            && screen.contains("This task has woken itself for more than 50% of its total wakeups")
            && screen.contains("Self Wakes:")
            && screen.contains("Woken:")
            && screen.contains("Poll Times Percentiles")
            && screen.contains("Sched Times Percentiles")
    });
    terminal.press("Escape");
    terminal.until("the list of tasks", |screen| screen.contains("Tasks ("));
}

fn what_tasks_wait_for_are_resources(terminal: &Terminal) {
    terminal.press("r");
    terminal.until("the list of resources", |screen| screen.contains("Resources ("));
    // The oldest first, among them all that live long.
    terminal.press("i");
    terminal.until("timers, both ends of a connection and what listens for more, pipes, and a listener for signals", |screen| {
        let rows = |of_type: &str, words: &[&str]| {
            let is_of = |line: &&str| line.contains(of_type) && words.iter().all(|word| line.contains(word));
            screen.lines().filter(is_of).count()
        };
        rows(" Interval ", &["Timer", "src/main.rs:"]) >= 1
            && rows(" Sleep ", &["Timer", "src/main.rs:", "duration=300000ms"]) == 1
            && rows(" Timeout ", &["Timer", "src/main.rs:", "duration=5000ms"]) >= 1
            && rows(" TcpListener ", &["socket", "fd="]) == 1
            && rows(" TcpStream ", &["socket", "fd="]) >= 2
            && rows(" Stdin ", &["pipe", "src/main.rs:", "fd="]) == 1
            && rows(" ChildStdin ", &["pipe", "fd="]) == 1
            && rows(" ChildStdout ", &["pipe", "fd="]) == 1
            && rows(" Signal ", &["signal", "src/main.rs:", "signal=SIGUSR1 (10)"]) == 1
    });
}
