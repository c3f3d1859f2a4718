//! What does a person see who looks at the example with tokio-console? The unmodified program is driven in a terminal, and its screen is read.
//!
//! It needs `tmux` and `tokio-console` (`cargo install tokio-console --locked`) in the PATH; without them it says so, loudly, and tests nothing.

use std::io::{self, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long the screen may take to show something.
const PATIENCE: Duration = Duration::from_secs(40);

/// The example, killed at the end.
struct Application {
    process: Child,
    port: u16,
}

impl Application {
    fn start() -> Self {
        // Free a moment ago; the console's own default may be taken by an application that somebody looks at.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("there is a free port").port();
        let process = Command::new(env!("CARGO_BIN_EXE_handover-console-example"))
            .arg("300")
            .env("TOKIO_CONSOLE_BIND", format!("127.0.0.1:{port}"))
            .env("RUST_LOG", "off")
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

/// A terminal in which tokio-console runs: a tmux server of its own.
struct Terminal {
    server: String,
}

impl Terminal {
    fn open(application: &Application) -> Self {
        let terminal = Self { server: format!("handover-{}", application.process.id()) };
        let console = format!("tokio-console --lang en_US.UTF-8 http://127.0.0.1:{}", application.port);
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "190", "-y", "60", &console]);
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } =
            Command::new("tmux").args(["-u", "-L", &self.server]).args(arguments).output().expect("tmux runs");
        assert!(status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8_lossy(&stdout).into_owned()
    }

    fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    /// Waits until the screen is as it should be, and returns it.
    #[track_caller]
    fn until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.tmux(&["capture-pane", "-p"]);
            if is_so(&screen) {
                return screen;
            }
            assert!(Instant::now() < deadline, "the screen does not show {what}:\n{screen}");
            // The screen is drawn anew once a second.
            thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

fn is_there(program: &str, argument: &str) -> bool {
    Command::new(program).arg(argument).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// One line of the list of tasks.
#[derive(Debug)]
struct Row<'a> {
    warns: bool,
    id: u64,
    state: &'a str,
    name: Option<&'a str>,
    polls: u64,
    kind: &'a str,
    line: &'a str,
}

impl<'a> Row<'a> {
    /// `│⚠ 1   2049 ⏸      self-waker      7s   10ms    9ms     7s 735   task     src/main.rs:31:5 ...`
    fn read(line: &'a str) -> Option<Self> {
        let words: Vec<_> = line.trim_matches('│').trim_start_matches(">>").split_whitespace().collect();
        let state = words.iter().position(|word| ["▶", "⏸", "⏹", "⏫"].contains(word))?;
        let kind = words.iter().position(|word| ["task", "blocking", "block_on"].contains(word))?;
        // After the state: the name, if there is one; total, busy, scheduled, idle; polls.
        let name = (kind == state + 7).then(|| words[state + 1]);
        Some(Self {
            warns: words[0] == "⚠",
            id: words.get(state.checked_sub(1)?)?.parse().ok()?,
            state: words[state],
            name,
            polls: words[kind - 1].parse().ok()?,
            kind: words[kind],
            line,
        })
    }

    fn all(screen: &'a str) -> Vec<Self> {
        screen.lines().filter_map(Self::read).collect()
    }
}

/// The first task of this name.
fn task<'a, 'b>(rows: &'b [Row<'a>], name: &str) -> Option<&'b Row<'a>> {
    rows.iter().find(|row| row.name == Some(name))
}

const NAMES: [&str; 9] = ["ticker", "self-waker", "lost-waker", "slow-query", "surprise", "computes", "echo-server", "echo-client", "echo"];

#[test]
fn the_console_shows_tasks_calls_warnings_timers_and_sockets() {
    if !is_there("tmux", "-V") || !is_there("tokio-console", "--version") {
        // Not `eprintln`, which the test harness catches.
        let said =
            io::stderr().write_all(b"\n!!! NOT TESTED: what tokio-console shows. It takes `tmux` and `tokio-console` in the PATH.\n\n");
        said.expect("somebody reads this");
        return;
    }
    let application = Application::start();
    let terminal = Terminal::open(&application);
    tasks_have_names_kinds_states_and_counts(&terminal);
    calls_that_are_handed_off_have_rows(&terminal);
    warnings_name_the_tasks_that_deserve_them(&terminal);
    timers_and_sockets_are_resources(&terminal);
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
    });
    terminal.press("Escape");
    terminal.until("the list of tasks", |screen| screen.contains("Tasks ("));
}

fn timers_and_sockets_are_resources(terminal: &Terminal) {
    terminal.press("r");
    terminal.until("the list of resources", |screen| screen.contains("Resources ("));
    // The oldest first, among them all that live long.
    terminal.press("i");
    terminal.until("a timer, the listener and both ends of a connection", |screen| {
        let rows = |of_type: &str, words: &[&str]| {
            let is_of = |line: &&str| line.contains(of_type) && words.iter().all(|word| line.contains(word));
            screen.lines().filter(is_of).count()
        };
        rows(" Sleep ", &["Timer", "src/main.rs:", "duration=100ms"]) >= 1
            && rows(" TcpListener ", &["socket", "fd="]) == 1
            && rows(" TcpStream ", &["socket", "fd="]) >= 2
    });
}
