//! How does a task run other programs?
//!
//! [`Command`] is the standard library's builder. Starting a process is a declared blocking call; its pipes and its end wait in the runtime's reactor. On Linux the end is told by a pidfd, pidfd_open(2); where there is none, by
//! SIGCHLD.
//!
//! # What the child gets from its parent
//!
//! - Descriptors: standard input, output and error, and those that others have opened without `O_CLOEXEC`; nothing of the runtime's.
//! - Signals: the default action for each that has a handler here, and for SIGPIPE. What is ignored here is ignored there. The mask is that of the calling thread; worker threads have that of the thread that built the
//!   runtime, so mostly nothing is blocked. While the process is forked no handler runs in the child.
//! - The environment, which [`env::set_var`](crate::env::set_var) does not change meanwhile.
//! - The timer slack that the program had before it had a runtime, prctl(2).
//!
//! `PR_SET_PDEATHSIG` (in a [`pre_exec`](Command::pre_exec)) sends its signal when the *thread* that started the child ends, and worker threads end when nobody needs them: start such a child on a thread that stays.

mod child;
mod command;
mod orphan;
mod output;
mod running;
mod stdio;

pub use child::Child;
pub use command::Command;
pub use std::process::{ExitStatus, Output, Stdio, id};
pub use stdio::{ChildStderr, ChildStdin, ChildStdout};

use std::io;

/// Replaces this process by the program of `command`. Comes back only if that fails. See execve(2).
///
/// All threads end where they stand: nothing is dropped, nothing flushed, no task is cancelled. The descriptors that are closed on exec are closed; all of this crate's are. No thread of a runtime is started
/// meanwhile: the kernel would refuse it while the call is on, and a failed call would leave a runtime short of threads.
///
/// # Errors
///
/// Always: those of execve(2), with the program in the message. As with the standard library's function of this name, the process may then already have the working directory, the standard descriptors and the user that
/// `command` asked for.
///
/// # Examples
///
/// ```no_run
/// use handover::process::{self, Command};
///
/// // The service starts itself anew, with the same arguments.
/// let error = process::exec(Command::new("/proc/self/exe").args(std::env::args_os().skip(1)));
/// eprintln!("{error}");
/// ```
#[must_use = "if it comes back, it has failed"]
#[track_caller]
pub fn exec(command: &mut Command) -> io::Error {
    command.replace_process()
}

/// Ends this process, with all its threads, in calls or not.
///
/// As the standard library's `exit`: no destructor of a value runs, neither on this stack nor in tasks. What the C library was told to run at the end is run, on this thread, while the others go on (`atexit(3)`; libraries in
/// C++ destroy their global objects); buffered output of `print!` is written, unless another thread is writing. Then exit_group(2) ends all threads at once. Only such a function could keep it from ending; a
/// declared call, so that it may wait for tasks.
///
/// Who wants none of that, after a fork for example, calls `_exit(2)`.
///
/// # Examples
///
/// ```no_run
/// # #[handover::main]
/// # async fn main() {
/// # let requests_in_flight = 0;
/// handover::signal::ctrl_c().await.expect("a descriptor");
/// handover::process::exit(if requests_in_flight == 0 { 0 } else { 1 });
/// # }
/// ```
#[track_caller]
pub fn exit(code: i32) -> ! {
    crate::block_in_place(|| std::process::exit(code))
}
