//! Which program is started, and how?

use std::ffi::OsStr;
use std::fmt;
use std::future::Future;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, CommandArgs, CommandEnvs, ExitStatus, Output, Stdio};
use std::sync::Arc;

use handover_blocking::{fork, replace};

use super::{Child, orphan};
use crate::named_error::named;
use crate::runtime::Handle;

/// Builds a process and starts it: the standard library's builder of this name, with async [`status`](Self::status) and [`output`](Self::output), and a [`Child`] that is waited for without a thread.
///
/// Its methods mean what they mean there. A builder may start any number of processes.
///
/// # Examples
///
/// ```
/// use handover::process::Command;
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let output = Command::new("echo").arg("hello").output().await?;
/// assert_eq!(output.stdout, b"hello\n");
///
/// assert!(!Command::new("false").status().await?.success());
///
/// let error = Command::new("nosuchprogram").spawn().unwrap_err();
/// assert!(error.to_string().starts_with("cannot start `nosuchprogram`"));
/// # Ok(())
/// # }
/// ```
///
/// Two of them, one reading what the other writes:
///
/// ```
/// use handover::process::{Command, Stdio};
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let mut lines = Command::new("printf").arg("b\\na\\n").stdout(Stdio::piped()).spawn()?;
/// let sorted = Command::new("sort").stdin(Stdio::try_from(lines.stdout.take().unwrap())?).output().await?;
/// assert_eq!(sorted.stdout, b"a\nb\n");
/// lines.wait().await?;
/// # Ok(())
/// # }
/// ```
pub struct Command {
    std: process::Command,
    kill_on_drop: bool,
    /// Whether standard output and error were set, or have the default of each way to start.
    is_stdout_set: bool,
    is_stderr_set: bool,
    is_stdin_set: bool,
    /// Set once the standard library must use fork(2) instead of posix_spawn(3), which looks after signals by itself.
    fork_signals: Option<Arc<fork::ForkSignals>>,
}

impl Command {
    /// The program of this name, or at this path, without arguments. A name without a slash is looked for in `PATH`.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self::wrap(process::Command::new(program))
    }

    fn wrap(std: process::Command) -> Self {
        Self { std, kill_on_drop: false, is_stdout_set: false, is_stderr_set: false, is_stdin_set: false, fork_signals: None }
    }

    /// Adds an argument.
    pub fn arg(&mut self, argument: impl AsRef<OsStr>) -> &mut Self {
        self.std.arg(argument);
        self
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(&mut self, arguments: impl IntoIterator<Item = A>) -> &mut Self {
        self.std.args(arguments);
        self
    }

    /// Sets argument 0, which is the program's name otherwise.
    pub fn arg0(&mut self, argument: impl AsRef<OsStr>) -> &mut Self {
        self.std.arg0(argument);
        self
    }

    /// Sets a variable of the child's environment, which otherwise is a copy of ours.
    pub fn env(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        self.note_path(name.as_ref());
        self.std.env(name, value);
        self
    }

    /// Sets variables of the child's environment.
    pub fn envs<N: AsRef<OsStr>, V: AsRef<OsStr>>(&mut self, variables: impl IntoIterator<Item = (N, V)>) -> &mut Self {
        for (name, value) in variables {
            self.env(name, value);
        }
        self
    }

    /// Leaves a variable out of the child's environment.
    pub fn env_remove(&mut self, name: impl AsRef<OsStr>) -> &mut Self {
        self.note_path(name.as_ref());
        self.std.env_remove(name);
        self
    }

    /// Starts the child's environment empty: it gets what is set after this.
    pub fn env_clear(&mut self) -> &mut Self {
        self.note_path(OsStr::new("PATH"));
        self.std.env_clear();
        self
    }

    /// Sets the child's working directory. A relative path to the program may or may not be taken from there: give an absolute one.
    pub fn current_dir(&mut self, directory: impl AsRef<Path>) -> &mut Self {
        self.std.current_dir(directory);
        self
    }

    /// Sets where standard input comes from. Default: from ours; with [`output`](Self::output) from `/dev/null`.
    pub fn stdin(&mut self, from: impl Into<Stdio>) -> &mut Self {
        self.is_stdin_set = true;
        self.std.stdin(from);
        self
    }

    /// Sets where standard output goes. Default: to ours; with [`output`](Self::output) into a pipe.
    pub fn stdout(&mut self, to: impl Into<Stdio>) -> &mut Self {
        self.is_stdout_set = true;
        self.std.stdout(to);
        self
    }

    /// Sets where standard error goes. Default: to ours; with [`output`](Self::output) into a pipe.
    pub fn stderr(&mut self, to: impl Into<Stdio>) -> &mut Self {
        self.is_stderr_set = true;
        self.std.stderr(to);
        self
    }

    /// Whether the process is killed when its [`Child`] is dropped (or the future of [`status`](Self::status) or [`output`](Self::output)). Default: no, it goes on.
    pub fn kill_on_drop(&mut self, kill_on_drop: bool) -> &mut Self {
        self.kill_on_drop = kill_on_drop;
        self
    }

    /// Sets the child's user id, setuid(2); it loses all supplementary groups if this process may do that.
    pub fn uid(&mut self, id: u32) -> &mut Self {
        self.fork_signals();
        self.std.uid(id);
        self
    }

    /// Sets the child's group id, setgid(2).
    pub fn gid(&mut self, id: u32) -> &mut Self {
        self.fork_signals();
        self.std.gid(id);
        self
    }

    /// Sets the child's process group, setpgid(2); 0 makes a new one, with the child's own number. Ctrl-C at the terminal goes to the group of the foreground only.
    pub fn process_group(&mut self, group: i32) -> &mut Self {
        self.std.process_group(group);
        self
    }

    /// Runs `f` in the child between fork and exec, after user, group and working directory are set, with the signals as the program will have them. It costs a fork(2), which copies the page tables, where otherwise vfork(2)
    /// does it.
    ///
    /// # Safety
    ///
    /// As for the standard library's function of this name: the child has one thread, and whatever another thread held at the time of the fork is held for ever. So `f` may call async-signal-safe functions only,
    /// signal-safety(7): nothing that allocates, locks or panics.
    #[allow(unsafe_code, reason = "the standard library's function of this name is unsafe")]
    pub unsafe fn pre_exec(&mut self, f: impl FnMut() -> io::Result<()> + Send + Sync + 'static) -> &mut Self {
        self.fork_signals();
        // SAFETY: the caller answers for `f`.
        unsafe { self.std.pre_exec(f) };
        self
    }

    /// From now on the standard library forks. Asked for before any other closure, so that no handler runs beside those.
    #[allow(unsafe_code, reason = "the standard library's function for closures in the child is unsafe")]
    fn fork_signals(&mut self) {
        if self.fork_signals.is_none() {
            let signals = Arc::new(fork::ForkSignals::default());
            let in_child = Arc::clone(&signals);
            // SAFETY: `put_right_in_child` is made for this: it makes system calls and neither allocates nor waits.
            unsafe { self.std.pre_exec(move || in_child.put_right_in_child()) };
            self.fork_signals = Some(signals);
        }
    }

    /// The standard library forks as well when the child is looked for in another `PATH` than ours.
    fn note_path(&mut self, variable: &OsStr) {
        if variable == "PATH" {
            self.fork_signals();
        }
    }

    /// Starts the process. A declared blocking call, which takes as long as the kernel needs to load the program.
    ///
    /// # Errors
    ///
    /// Those of execve(2), with the program (and the working directory, if one was set) in the message; no descriptors or processes left; outside a runtime.
    #[track_caller]
    pub fn spawn(&mut self) -> io::Result<Child> {
        let handle = Handle::try_current().map_err(io::Error::other)?;
        orphan::sweep();
        let (std, signals) = (&mut self.std, self.fork_signals.as_deref());
        let start = || match signals {
            Some(signals) => signals.blocked(|| std.spawn()),
            None => std.spawn(),
        };
        let started = crate::block_in_place(|| crate::env::reading(|| fork::with_ordinary_sleep(start)));
        Child::new(named(started, || format!("cannot start {}", self.name()))?, handle, self.kill_on_drop)
    }

    /// Starts the process and waits for its end. It starts in this call, not in the first poll.
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn) and [`Child::wait`].
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the process goes on, or is killed if [`kill_on_drop`](Self::kill_on_drop) is set.
    #[track_caller]
    pub fn status(&mut self) -> impl Future<Output = io::Result<ExitStatus>> + Send + use<> {
        let child = self.spawn();
        async {
            let mut child = child?;
            // Pipes that nobody can reach would be waited for on both sides.
            drop((child.stdout.take(), child.stderr.take()));
            child.wait().await
        }
    }

    /// Starts the process, gathers all that it writes, and waits for its end. It starts in this call, not in the first poll.
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn) and [`Child::wait_with_output`].
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the process goes on, with nobody to read from its pipes, or is killed if [`kill_on_drop`](Self::kill_on_drop) is set.
    #[track_caller]
    pub fn output(&mut self) -> impl Future<Output = io::Result<Output>> + Send + use<> {
        let child = self.spawn_for_output();
        async { child?.wait_with_output().await }
    }

    /// With the defaults of `output`, which the next start has no longer.
    #[track_caller]
    fn spawn_for_output(&mut self) -> io::Result<Child> {
        let defaults = (!self.is_stdin_set, !self.is_stdout_set, !self.is_stderr_set);
        self.set_defaults(defaults, Stdio::null, Stdio::piped);
        let child = self.spawn();
        self.set_defaults(defaults, Stdio::inherit, Stdio::inherit);
        child
    }

    fn set_defaults(&mut self, (stdin, stdout, stderr): (bool, bool, bool), from: fn() -> Stdio, to: fn() -> Stdio) {
        if stdin {
            self.std.stdin(from());
        }
        if stdout {
            self.std.stdout(to());
        }
        if stderr {
            self.std.stderr(to());
        }
    }

    /// See [`exec`](super::exec).
    #[track_caller]
    pub(super) fn replace_process(&mut self) -> io::Error {
        let std = &mut self.std;
        let exec = || fork::keeping_sigpipe(|| fork::with_ordinary_sleep(|| Err::<(), _>(std.exec())));
        let failed = crate::block_in_place(|| replace::replacing_process(|| crate::env::reading(exec)));
        named(failed, || format!("cannot replace this process by {}", self.name())).expect_err("it came back")
    }

    /// For messages: the program, and the working directory that may be what is missing.
    fn name(&self) -> String {
        let program = self.get_program().display();
        match self.get_current_dir() {
            Some(directory) => format!("`{program}` in `{}`", directory.display()),
            None => format!("`{program}`"),
        }
    }

    /// The program.
    pub fn get_program(&self) -> &OsStr {
        self.std.get_program()
    }

    /// The arguments, without the program.
    pub fn get_args(&self) -> CommandArgs<'_> {
        self.std.get_args()
    }

    /// The variables that were set, and (with `None`) taken away.
    pub fn get_envs(&self) -> CommandEnvs<'_> {
        self.std.get_envs()
    }

    /// The working directory, if one was set.
    pub fn get_current_dir(&self) -> Option<&Path> {
        self.std.get_current_dir()
    }

    /// Whether the process is killed when its [`Child`] is dropped.
    pub fn get_kill_on_drop(&self) -> bool {
        self.kill_on_drop
    }

    /// The standard library's builder inside.
    pub fn as_std(&self) -> &process::Command {
        &self.std
    }
}

impl From<process::Command> for Command {
    /// Takes over what was built so far. Such a builder may hold closures for the child, so its processes are forked, as after [`pre_exec`](Self::pre_exec). Whether standard input, output and error were
    /// set cannot be seen: for [`output`](Self::output) they count as not set.
    fn from(std: process::Command) -> Self {
        let mut command = Self::wrap(std);
        command.fork_signals();
        command
    }
}

impl fmt::Debug for Command {
    /// As a shell would take it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.std.fmt(f)
    }
}
