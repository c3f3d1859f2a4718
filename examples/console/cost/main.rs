//! What does it cost to be watched by tokio-console?
//!
//! `benches` starts this program for its variants `handover-console-idle` (console-subscriber's layer, and nobody attached) and `handover-console` (a client attached, in a process of its own as the real one). It runs
//! the workloads of `benches`, from the same sources:
//!
//! ```text
//! cargo run --release -p handover-benches -- syscall_fast spawn_many ping_pong --runtime handover,handover-traced,handover-console-idle,handover-console
//! ```

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use measurement::{Line, Measurement};
use names::RuntimeName;

mod client;
mod layer;
#[allow(dead_code, reason = "others ask for more")]
#[path = "../../../benches/src/measurement.rs"]
mod measurement;
#[allow(dead_code, reason = "others ask for more")]
#[path = "../../../benches/src/names.rs"]
mod names;
mod runtimes;
#[allow(dead_code, reason = "others ask for more")]
#[path = "../../../benches/src/sample.rs"]
mod sample;
mod workloads;

use runtimes::{Runtime, Traced};
use workloads::{channel, syscall, tasks};

fn main() -> io::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--child", workload, runtime, processors, size] => {
            let runtime = runtime.parse().map_err(invalid)?;
            Assignment { workload, runtime, processors: number(processors)?, size: number(size)? }.run()
        }
        ["--attach", address] => client::attach(address.parse().map_err(invalid)?),
        _ => Err(invalid("usage: cost --child WORKLOAD RUNTIME PROCESSORS SIZE; `cargo run --release -p handover-benches` starts it")),
    }
}

fn number<N: TryFrom<u64>>(text: &str) -> io::Result<N> {
    let number: u64 = text.parse().map_err(|error| invalid(format!("`{text}`: {error}")))?;
    N::try_from(number).map_err(|_| invalid(format!("`{text}` is too large")))
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

/// One measurement to be made by this process; as that of `benches`.
struct Assignment<'a> {
    workload: &'a str,
    runtime: RuntimeName,
    processors: usize,
    size: u64,
}

impl Assignment<'_> {
    fn run(&self) -> io::Result<()> {
        // Before the runtime, or its first tasks have nobody to tell.
        let address: SocketAddr = layer::install()?;
        let _client = match self.runtime {
            RuntimeName::HandoverConsole => Some(client::start(address)?),
            RuntimeName::HandoverConsoleIdle => None,
            other => return Err(invalid(format!("{other} is not under a console"))),
        };
        match self.workload {
            "syscall_fast" => self.report(syscall::fast::<Traced>()),
            "syscall_yield" => self.report(syscall::yielding::<Traced>()),
            "spawn_many" => self.report(tasks::spawn_many::<Traced>()),
            "spawn_wait" => self.report(tasks::spawn_wait::<Traced>(self.size)),
            "spawn_remote" => self.report(tasks::spawn_remote::<Traced>()),
            "yield_many" => self.report(tasks::yield_many::<Traced>(self.size)),
            "ping_pong" => self.report(tasks::ping_pong::<Traced>()),
            "chained_spawn" => self.report(tasks::chained_spawn::<Traced>()),
            "mpsc" => self.report(channel::mpsc::<Traced>()),
            other => Err(invalid(format!("`{other}` is not measured under a console"))),
        }
    }

    fn report(&self, workload: impl Future<Output = io::Result<Vec<Measurement>>> + Send + 'static) -> io::Result<()> {
        let measured = Traced::run(self.processors, workload)??;
        measured
            .into_iter()
            .try_for_each(|measurement| Line { workload: self.workload.to_owned(), runtime: self.runtime, measurement }.print())
    }
}
