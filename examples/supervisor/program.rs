//! How is one command kept running, and how is it ended?

use std::io;
use std::pin::pin;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use futures::future::{Either, select};
use handover::process::{Child, Command, Stdio};
use handover::time::{sleep, timeout};

use crate::lines;
use crate::stop::Stop;

/// The longest pause between two starts.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A command that ran for so long is not one that fails at once: its pauses begin anew.
const RAN_WELL: Duration = Duration::from_secs(10);
/// How long the rest of the output is waited for: somebody whom the command left behind may hold the pipe for ever.
const REST: Duration = Duration::from_secs(1);

/// A command and the name of its lines.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) command: String,
}

/// How patient the supervisor is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) grace: Duration,
    pub(crate) first_pause: Duration,
    pub(crate) restarts: Option<u64>,
}

impl Program {
    /// Runs it over and over. True if it ended because it was told to.
    pub(crate) async fn supervise(self, limits: Limits, stop: Stop) -> bool {
        let mut pause = limits.first_pause;
        for restarts in 0.. {
            let started = Instant::now();
            match self.run(limits.grace, &stop).await {
                Ok(End::Stopped(status)) => {
                    eprintln!("supervisor: {} was stopped: {status}", self.name);
                    return true;
                }
                Ok(End::ByItself(status)) => eprintln!("supervisor: {} has ended: {status}", self.name),
                Err(error) => eprintln!("supervisor: {}: {error}", self.name),
            }
            if limits.restarts == Some(restarts) {
                eprintln!("supervisor: {} is not restarted any more", self.name);
                return false;
            }
            pause = if started.elapsed() >= RAN_WELL { limits.first_pause } else { pause };
            if let Either::Left(_) = select(stop.asked.clone(), sleep(pause)).await {
                return true;
            }
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
        unreachable!("there are more numbers than restarts")
    }

    /// Runs it once.
    async fn run(&self, grace: Duration, stop: &Stop) -> io::Result<End> {
        // In a group of its own: Ctrl-C at the terminal is for the supervisor, and what the command starts can be ended with it.
        let mut command = Command::new("sh");
        command.args(["-c", &self.command]).process_group(0).kill_on_drop(true);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let outputs = [self.print(child.stdout.take()), self.print(child.stderr.take())];

        let ended = match select(pin!(child.wait()), stop.asked.clone()).await {
            Either::Left((status, _)) => Some(status?),
            Either::Right(_) => None,
        };
        let end = match ended {
            Some(status) => End::ByItself(status),
            None => End::Stopped(end_group(child, grace, stop).await?),
        };
        for output in outputs {
            // Whoever comes late is printed as well, if it comes before all is over.
            let _late = timeout(REST, output).await;
        }
        Ok(end)
    }

    fn print(&self, pipe: Option<impl futures::io::AsyncRead + Unpin + Send + 'static>) -> handover::task::JoinHandle<()> {
        let name = self.name.clone();
        handover::spawn(async move {
            let Some(pipe) = pipe else { return };
            if let Err(error) = lines::print(&name, pipe).await {
                eprintln!("supervisor: the output of {name}: {error}");
            }
        })
    }
}

/// How a run ended.
enum End {
    ByItself(ExitStatus),
    Stopped(ExitStatus),
}

/// SIGTERM to the command and all that it has started, then SIGKILL to those that are left.
async fn end_group(mut child: Child, grace: Duration, stop: &Stop) -> io::Result<ExitStatus> {
    let Some(group) = child.id().and_then(|pid| i32::try_from(pid).ok()) else { return child.wait().await };
    send(group, libc::SIGTERM);
    let out_of_patience = select(Box::pin(sleep(grace)), stop.at_once.clone());
    let in_time = matches!(select(pin!(child.wait()), out_of_patience).await, Either::Left(_));
    if !in_time {
        send(group, libc::SIGKILL);
    }
    let status = child.wait().await;
    // Whom it has left behind. The group keeps its number for them; if there is nobody, the number has been free for some microseconds, and the system hands numbers out in turn.
    send(group, libc::SIGKILL);
    status
}

fn send(group: libc::pid_t, signal: libc::c_int) {
    // SAFETY: kill(2) takes numbers. If the group is empty, nobody is to be told.
    unsafe { libc::kill(-group, signal) };
}
