//! Does the example `supervisor` keep commands running, and end all of them in time?

#[path = "support/example.rs"]
mod example;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use watchdog::Watchdog;

/// A running supervisor.
struct Supervisor {
    child: Child,
    lines: BufReader<ChildStdout>,
    _watchdog: Watchdog,
}

impl Supervisor {
    fn start(arguments: &[&str]) -> Self {
        let watchdog = Watchdog::start(Duration::from_secs(100), "the supervisor", None);
        let mut command = Command::new(example::path("supervisor"));
        let mut child = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the example runs");
        let lines = BufReader::new(child.stdout.take().expect("it is a pipe"));
        Self { child, lines, _watchdog: watchdog }
    }

    fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("lines are text");
        line.trim_end().to_owned()
    }

    fn signal(&self, signal: libc::c_int) {
        // SAFETY: kill(2) takes numbers, and the process is our child, not waited for yet.
        assert_eq!(unsafe { libc::kill(self.child.id() as libc::pid_t, signal) }, 0);
    }

    /// What was left of both outputs, and the status.
    fn ended(mut self) -> (String, String, ExitStatus) {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.lines.read_to_string(&mut stdout).expect("lines are text");
        self.child.stderr.take().expect("it is a pipe").read_to_string(&mut stderr).expect("messages are text");
        (stdout, stderr, self.child.wait().expect("it ends"))
    }
}

#[test]
fn commands_are_restarted_with_pauses_until_they_may_not_be_any_more() {
    let supervisor = Supervisor::start(&["--pause", "1", "--restarts", "3", "one=echo out; echo err >&2; exit 3", "two=printf half"]);
    let (stdout, stderr, status) = supervisor.ended();
    assert_eq!(status.code(), Some(1), "{stderr}");
    let count = |line: &str| stdout.lines().filter(|other| *other == line).count();
    // Once, and three times again.
    assert_eq!((count("one: out"), count("one: err"), count("two: half"), stdout.lines().count()), (4, 4, 4, 12), "{stdout}");
    assert_eq!(stderr.matches("one has ended: exit status: 3").count(), 4, "{stderr}");
    assert_eq!(stderr.matches("is not restarted any more").count(), 2, "{stderr}");
}

#[test]
fn all_end_on_either_signal_and_may_say_good_bye() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let polite = "polite=trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 600 & wait; done";
        let mut supervisor = Supervisor::start(&[polite, "plain=echo up; exec sleep 600"]);
        let mut up = [supervisor.next_line(), supervisor.next_line()];
        up.sort();
        assert_eq!(up, ["plain: up", "polite: up"]);
        supervisor.signal(signal);
        let (stdout, stderr, status) = supervisor.ended();
        assert!(status.success(), "{stderr}");
        assert_eq!(stdout, "polite: bye\n");
        assert!(stderr.contains("polite was stopped: exit status: 0") && stderr.contains("plain was stopped: signal: 15"), "{stderr}");
    }
}

#[test]
fn who_does_not_end_is_killed_after_the_grace_or_a_second_ctrl_c() {
    // It ignores SIGTERM, and so does what it starts.
    let stubborn = "stubborn=trap '' TERM; echo up; sleep 600; echo never";
    for grace in ["0", "3600"] {
        let mut supervisor = Supervisor::start(&["--grace", grace, stubborn]);
        assert_eq!(supervisor.next_line(), "stubborn: up");
        supervisor.signal(libc::SIGTERM);
        if grace != "0" {
            // The two could be heard as one if the second came before the first was heard; it comes until it is.
            while supervisor.child.try_wait().expect("it is our child").is_none() {
                supervisor.signal(libc::SIGINT);
                std::thread::yield_now();
            }
        }
        let (stdout, stderr, status) = supervisor.ended();
        assert!(status.success() && stdout.is_empty(), "{stdout}{stderr}");
        assert!(stderr.contains("stubborn was stopped: signal: 9"), "{stderr}");
    }
}

#[test]
fn a_command_line_that_cannot_be_understood_is_refused() {
    for (arguments, message) in [
        (&[][..], "nothing to run: expected NAME=COMMAND"),
        (&["true"], "`true` is no program"),
        (&["--grace", "soon", "a=b"], "cannot parse argument \"soon\""),
        (&["--loud", "a=b"], "--loud"),
    ] {
        let (stdout, stderr, status) = Supervisor::start(arguments).ended();
        assert_eq!(status.code(), Some(2));
        assert!(stdout.is_empty() && stderr.contains(message) && stderr.contains("Usage: supervisor"), "{stderr}");
    }
}
