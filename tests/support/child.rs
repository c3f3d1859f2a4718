//! How does one test of this binary run in a process of its own?

use std::env;
use std::process::{Command, Output};

/// This binary, to be started for the test `name` alone.
pub(crate) fn command(name: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("a test knows its own path"));
    command.args([name, "--exact", "--nocapture"]);
    command
}

/// Panics with what the child printed unless it ended well and did run the test.
#[track_caller]
pub(crate) fn assert_passed(output: &Output) {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "the child ended with {}:\n{text}", output.status);
}
