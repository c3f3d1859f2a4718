//! What is on the screen of a person who looks at an application with tokio-console? The unmodified program runs in a terminal of tmux.

use std::io::{self, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long the screen may take to show something.
const PATIENCE: Duration = Duration::from_secs(40);

/// Whether there are `tmux` and `tokio-console` (`cargo install tokio-console --locked`) in the PATH. Without them nothing is tested, and that is said loudly.
pub(crate) fn is_here() -> bool {
    let is_here = is_there("tmux", "-V") && is_there("tokio-console", "--version");
    if !is_here {
        // Not `eprintln`, which the test harness catches.
        let said =
            io::stderr().write_all(b"\n!!! NOT TESTED: what tokio-console shows. It takes `tmux` and `tokio-console` in the PATH.\n\n");
        said.expect("somebody reads this");
    }
    is_here
}

fn is_there(program: &str, argument: &str) -> bool {
    Command::new(program).arg(argument).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Free a moment ago; the console's own default may be taken by an application that somebody looks at.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("there is a free port").port()
}

/// A terminal in which tokio-console runs: a tmux server of its own.
pub(crate) struct Terminal {
    server: String,
}

impl Terminal {
    /// Shows the application that a console finds at this port.
    pub(crate) fn open(port: u16) -> Self {
        // The port is this test's alone, and so is the server's name.
        let terminal = Self { server: format!("handover-{port}") };
        let console = format!("tokio-console --lang en_US.UTF-8 http://127.0.0.1:{port}");
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "190", "-y", "60", &console]);
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } =
            Command::new("tmux").args(["-u", "-L", &self.server]).args(arguments).output().expect("tmux runs");
        assert!(status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8_lossy(&stdout).into_owned()
    }

    pub(crate) fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    /// Waits until the screen is as it should be, and returns it.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
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
