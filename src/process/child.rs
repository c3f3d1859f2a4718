//! What can be done with a process that runs?

use std::io;
use std::process::{ExitStatus, Output};

use super::running::Running;
use super::stdio::{ChildStderr, ChildStdin, ChildStdout};
use super::{orphan, output};
use crate::runtime::Handle;

/// A process that was started by a [`Command`](super::Command).
///
/// Dropping it does not end the process, unless [`kill_on_drop`](super::Command::kill_on_drop) was set. In either case the runtime reaps it when it has ended: no zombie stays.
///
/// It belongs to the runtime in which it was started; its pipes too.
///
/// # Examples
///
/// ```
/// use futures::io::{AsyncReadExt, AsyncWriteExt};
/// use handover::process::{Command, Stdio};
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let mut child = Command::new("tr").args(["a-z", "A-Z"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
/// let mut stdin = child.stdin.take().expect("it is a pipe");
/// stdin.write_all(b"louder").await?;
/// drop(stdin);
///
/// let mut text = String::new();
/// child.stdout.take().expect("it is a pipe").read_to_string(&mut text).await?;
/// assert_eq!(text, "LOUDER");
/// assert!(child.wait().await?.success());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Child {
    /// `None` only in `Drop`.
    running: Option<Running>,
    kill_on_drop: bool,
    /// Where its standard input comes from, if that was set to `Stdio::piped()`.
    pub stdin: Option<ChildStdin>,
    /// Where its standard output goes, if that was set to `Stdio::piped()`.
    pub stdout: Option<ChildStdout>,
    /// Where its standard error goes, if that was set to `Stdio::piped()`.
    pub stderr: Option<ChildStderr>,
}

impl Child {
    /// Takes a process that was started just now.
    ///
    /// # Errors
    ///
    /// Those of epoll_ctl(2) on its pipes. Nobody would have it then, so it is killed, and reaped.
    pub(super) fn new(mut std: std::process::Child, handle: Handle, kill_on_drop: bool) -> io::Result<Self> {
        let (stdin, stdout, stderr) = (std.stdin.take(), std.stdout.take(), std.stderr.take());
        let reactor = handle.reactor().clone();
        let mut child = Self { running: Some(Running::new(std, handle)), kill_on_drop: true, stdin: None, stdout: None, stderr: None };
        child.stdin = stdin.map(|pipe| ChildStdin::register(pipe.into(), &reactor)).transpose()?;
        child.stdout = stdout.map(|pipe| ChildStdout::register(pipe.into(), &reactor)).transpose()?;
        child.stderr = stderr.map(|pipe| ChildStderr::register(pipe.into(), &reactor)).transpose()?;
        child.kill_on_drop = kill_on_drop;
        Ok(child)
    }

    fn running(&mut self) -> &mut Running {
        self.running.as_mut().expect("a `Child` has its process until it is dropped")
    }

    /// The process id. `None` once the end was waited for: the number may be another process's then.
    pub fn id(&self) -> Option<u32> {
        self.running.as_ref().and_then(Running::id)
    }

    /// Closes its standard input, if that is a pipe still held here, and waits for its end. Called again, it says the same again.
    ///
    /// # Errors
    ///
    /// Those of waitpid(2): `ECHILD` if somebody else has reaped it, or SIGCHLD is ignored in this program; if the runtime was shut down.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost but standard input: the status is kept.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        self.running().wait().await
    }

    /// How it ended, or `None` if it goes on.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.running().try_wait()
    }

    /// Sends SIGKILL and does not wait. Never to another process: nothing is sent to one that was waited for.
    ///
    /// # Errors
    ///
    /// Those of pidfd_send_signal(2) and kill(2): `EPERM` if the process has become another user's. One that has ended already is no error.
    pub fn start_kill(&mut self) -> io::Result<()> {
        self.running().kill()
    }

    /// Sends SIGKILL and waits for the end.
    ///
    /// # Errors
    ///
    /// Those of [`start_kill`](Self::start_kill) and [`wait`](Self::wait).
    ///
    /// # Cancel safety
    ///
    /// The signal is sent in the first poll.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::os::unix::process::ExitStatusExt;
    ///
    /// # #[handover::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut child = handover::process::Command::new("sleep").arg("600").spawn()?;
    /// child.kill().await?;
    /// assert_eq!(child.wait().await?.signal(), Some(9));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn kill(&mut self) -> io::Result<()> {
        self.start_kill()?;
        self.wait().await.map(drop)
    }

    /// Closes its standard input, reads all that comes from the pipes still held here, both at once, and waits for the end.
    ///
    /// If the child has started others that hold the pipes, it waits until they have closed them.
    ///
    /// # Errors
    ///
    /// Those of read(2) and of [`wait`](Self::wait).
    ///
    /// # Cancel safety
    ///
    /// The process is dropped with the future, and what was read is lost.
    pub async fn wait_with_output(mut self) -> io::Result<Output> {
        drop(self.stdin.take());
        let (stdout, stderr) = output::read_both(self.stdout.take(), self.stderr.take()).await?;
        let status = self.wait().await?;
        Ok(Output { status, stdout, stderr })
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        if self.kill_on_drop && running.id().is_some() {
            // There is nobody to tell in a drop. It fails only if the process has become another user's.
            let _ = running.kill();
        }
        if let Ok(None) = running.try_wait() {
            orphan::adopt(running);
        }
    }
}
