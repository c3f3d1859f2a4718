//! What does a process of one measurement do?
//!
//! Each workload is written once, in the words of [`crate::runtimes`]; here a pair of names becomes that code with that
//! runtime put in.

use std::io;
use std::net::SocketAddr;

use crate::load::Protocol;
use crate::measurement::{Line, Measurement};
use crate::names::RuntimeName;
use crate::runtimes::epoll;
use crate::runtimes::handover::{Handover, HandoverBip, HandoverRecorded, HandoverScraped, HandoverTraced};
use crate::runtimes::smol::{Smol, SmolInline};
use crate::runtimes::threads::Threads;
use crate::runtimes::tokio::{Tokio, TokioBip, TokioCt, TokioFs, TokioInline};
use crate::runtimes::{Net, Runtime};

mod channel;
mod copy;
mod crowd;
mod file;
mod handoff;
mod heartbeat;
mod idle;
mod memory;
mod processes;
mod queues;
mod server;
mod spin;
mod storm;
mod syscall;
mod tasks;
mod timers;
mod wal;
mod walk;

/// One measurement to be made by this process.
pub(crate) struct Assignment<'a> {
    pub(crate) workload: &'a str,
    pub(crate) runtime: RuntimeName,
    pub(crate) processors: usize,
    /// How many tasks, sleeps or connections, for a workload that lets others say so.
    pub(crate) size: u64,
}

/// Runs `$body` with `$R` standing for the type of the named runtime, out of those listed.
macro_rules! with_runtime {
    ($assignment:expr, $R:ident of [$($name:ident),+] => $body:expr) => {
        match $assignment.runtime {
            $(RuntimeName::$name => { type $R = with_runtime!(@type $name); $body })+
            _ => return Err($assignment.not_offered()),
        }
    };
    (@type Std) => { Threads };
    (@type $name:ident) => { $name };
}

impl Assignment<'_> {
    /// Carries it out and prints the measurements. A server does not return.
    ///
    /// # Errors
    ///
    /// What went wrong in the workload, or that the runtime takes no part in it.
    pub(crate) fn run(&self) -> io::Result<()> {
        match self.workload {
            "syscall_fast" | "syscall_yield" | "pread_4k_1" | "pread_4k_8" | "handoff" | "storm" | "storm_short" | "mix20" | "mix100"
            | "fsync_wal" => self.blocking(),
            "undeclared" => self.undeclared(),
            "file_read_seq_8k" => self.files(8 << 10),
            "file_read_seq_64k" => self.files(64 << 10),
            "spawn_true_1" | "spawn_true_8" => self.processes(),
            "walk" => with_runtime!(self, R of [Handover, TokioFs, Smol, Std] => self.report::<R>(walk::measure::<R>())),
            "io_copy" => with_runtime!(self, R of [Handover, TokioFs, Smol, Std] => self.report::<R>(copy::measure::<R>())),
            "spawn_many" | "spawn_wait" | "spawn_remote" | "yield_many" | "ping_pong" | "chained_spawn" | "mpsc" => self.tasks(),
            "tcp_echo_64" | "tcp_echo_512" | "mixed" | "http" => self.serve(),
            "timers" | "sleep_1ms" | "mem_task" | "idle" | "idle_timer" | "ticker" => self.time(),
            "queues" | "queues_thief" => self.queues(),
            _ => Err(self.not_offered()),
        }
    }

    fn blocking(&self) -> io::Result<()> {
        with_runtime!(self, R of [Handover, HandoverBip, HandoverRecorded, HandoverScraped, HandoverTraced, Tokio, TokioBip, TokioInline, Smol, Std] => match self.workload {
            "syscall_fast" => self.report::<R>(syscall::fast::<R>()),
            "syscall_yield" => self.report::<R>(syscall::yielding::<R>()),
            "pread_4k_1" => self.report::<R>(file::pread::<R>()),
            "pread_4k_8" => self.report::<R>(file::preads::<R>()),
            "handoff" => self.report::<R>(handoff::measure::<R>()),
            "storm" => self.report::<R>(storm::long::<R>()),
            "storm_short" => self.report::<R>(storm::short::<R>()),
            "mix20" => self.report::<R>(storm::mixed::<R>(20)),
            "mix100" => self.report::<R>(storm::mixed::<R>(100)),
            "fsync_wal" => self.report::<R>(wal::measure::<R>()),
            _ => Err(self.not_offered()),
        })
    }

    fn undeclared(&self) -> io::Result<()> {
        with_runtime!(self, R of [Handover, TokioInline, SmolInline, Std] => self.report::<R>(storm::undeclared::<R>()))
    }

    fn files(&self, bytes_per_read: usize) -> io::Result<()> {
        with_runtime!(self, R of [Handover, Tokio, TokioBip, TokioInline, TokioFs, Smol, Std] => {
            self.report::<R>(file::sequential::<R>(bytes_per_read))
        })
    }

    fn processes(&self) -> io::Result<()> {
        with_runtime!(self, R of [Handover, Tokio, Smol, Std] => self.report::<R>(processes::spawn_true::<R>(self.size)))
    }

    fn tasks(&self) -> io::Result<()> {
        with_runtime!(self, R of [Handover, HandoverRecorded, HandoverScraped, HandoverTraced, Tokio, TokioCt, Smol] => match self.workload {
            "spawn_many" => self.report::<R>(tasks::spawn_many::<R>()),
            "spawn_wait" => self.report::<R>(tasks::spawn_wait::<R>(self.size)),
            "spawn_remote" => self.report::<R>(tasks::spawn_remote::<R>()),
            "yield_many" => self.report::<R>(tasks::yield_many::<R>(self.size)),
            "ping_pong" => self.report::<R>(tasks::ping_pong::<R>()),
            "chained_spawn" => self.report::<R>(tasks::chained_spawn::<R>()),
            "mpsc" => self.report::<R>(channel::mpsc::<R>()),
            _ => Err(self.not_offered()),
        })
    }

    fn time(&self) -> io::Result<()> {
        with_runtime!(self, R of [Handover, Tokio, Smol, Std] => match self.workload {
            "timers" => self.report::<R>(timers::many::<R>(self.size)),
            "sleep_1ms" => self.report::<R>(timers::sleep_1ms::<R>()),
            "ticker" => self.report::<R>(timers::ticker::<R>()),
            "mem_task" => self.report::<R>(memory::per_task::<R>(self.size)),
            "idle" => self.report::<R>(idle::nothing::<R>()),
            "idle_timer" => self.report::<R>(idle::far_timer::<R>()),
            _ => Err(self.not_offered()),
        })
    }

    fn serve(&self) -> io::Result<()> {
        if self.runtime == RuntimeName::Epoll {
            let protocol = if self.workload == "http" { Protocol::Http } else { Protocol::Echo };
            return epoll::serve(protocol, announce);
        }
        with_runtime!(self, R of [Handover, Tokio, Smol] => self.serve_on::<R>())
    }

    fn serve_on<R: Net>(&self) -> io::Result<()> {
        let served = match self.workload {
            "http" => R::run(self.processors, server::http::<R>(announce))?,
            "mixed" => R::run(self.processors, server::echo_beside_calls::<R>(announce))?,
            _ => R::run(self.processors, server::echo::<R>(announce))?,
        };
        served.map(|never| match never {})
    }

    fn queues(&self) -> io::Result<()> {
        let measured = match (self.runtime, self.workload) {
            (RuntimeName::Crossbeam, "queues") => queues::alone::<queues::Crossbeam>(),
            (RuntimeName::Crossbeam, _) => queues::beside_a_thief::<queues::Crossbeam>(),
            (RuntimeName::St3, "queues") => queues::alone::<queues::St3>(),
            (RuntimeName::Handover, "queues") => queues::alone::<queues::Own>(),
            (RuntimeName::Handover, _) => queues::beside_a_thief::<queues::Own>(),
            (RuntimeName::St3, _) => queues::beside_a_thief::<queues::St3>(),
            _ => return Err(self.not_offered()),
        };
        self.print(&[measured])
    }

    /// Runs a workload on its runtime and prints what it measured.
    fn report<R: Runtime>(&self, workload: impl Future<Output = io::Result<Vec<Measurement>>> + Send + 'static) -> io::Result<()> {
        let measured = R::run(self.processors, workload)??;
        self.print(&measured)
    }

    fn print(&self, measured: &[Measurement]) -> io::Result<()> {
        measured.iter().try_for_each(|measurement| {
            let workload = self.workload.to_owned();
            Line { workload, runtime: self.runtime, measurement: *measurement }.print()
        })
    }

    fn not_offered(&self) -> io::Error {
        io::Error::other(format!("{} takes no part in {}", self.runtime, self.workload))
    }
}

/// Tells the parent where a server listens.
fn announce(address: SocketAddr) {
    println!("{READY} {address}");
}

/// The first word of a process that is watched or asked from outside, once it is ready.
pub(crate) const READY: &str = "ready";
