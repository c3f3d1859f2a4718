//! How is one measurement made?
//!
//! Each runs in a process of its own, so that the threads, the learned state and the accounts of one do not leak into
//! the next.

use std::collections::BTreeMap;
use std::env;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::catalogue::{Way, Workload};
use crate::console;
use crate::golang;
use crate::measurement::{Line, Measurement, Metric};
use crate::names::RuntimeName;
use crate::process::{Count, Process};
use crate::usage::switches_of;
use crate::workloads::READY;

/// Time for a process that has nothing to do to become quiet before it is watched.
const SETTLE: Duration = Duration::from_millis(500);
/// So long it is watched.
const WATCHED: Duration = Duration::from_secs(5);

/// One measurement that is to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) workload: &'static Workload,
    pub(crate) runtime: RuntimeName,
    pub(crate) processors: usize,
    /// Takes the place of the workload's own size.
    pub(crate) size: u64,
}

/// The programs that measure.
pub(crate) struct Bench {
    program: PathBuf,
    /// If Go takes part.
    go_program: Option<PathBuf>,
    /// If handover under a console takes part.
    console_program: Option<PathBuf>,
}

impl Bench {
    /// Builds what those who are wanted need.
    pub(crate) fn new(wanted: impl Iterator<Item = RuntimeName>) -> io::Result<Self> {
        let wanted: Vec<_> = wanted.collect();
        let if_wanted = |is_so: fn(RuntimeName) -> bool| wanted.iter().any(|runtime| is_so(*runtime)).then_some(());
        let go_program = if_wanted(RuntimeName::is_go).and_then(|()| build_go());
        let console_program = if_wanted(RuntimeName::is_console).and_then(|()| build_console());
        Ok(Self { program: env::current_exe()?, go_program, console_program })
    }

    /// Those of `runtimes` that can be measured here.
    pub(crate) fn able(&self, mut runtimes: Vec<RuntimeName>) -> Vec<RuntimeName> {
        runtimes.retain(|runtime| self.program_of(*runtime).is_some());
        runtimes
    }

    fn program_of(&self, runtime: RuntimeName) -> Option<&PathBuf> {
        match runtime {
            runtime if runtime.is_go() => self.go_program.as_ref(),
            runtime if runtime.is_console() => self.console_program.as_ref(),
            _ => Some(&self.program),
        }
    }

    /// Makes a measurement.
    ///
    /// # Errors
    ///
    /// If a process fails, hangs, or prints anything but lines of this measurement.
    pub(crate) fn measure(&self, job: &Job) -> io::Result<Vec<Line>> {
        let lines = match job.workload.way {
            Way::Alone => self.start(job, Count::Nothing)?.finish()?.lines,
            Way::Counted => {
                let ended = self.start(job, Count::Threads)?.finish()?;
                let peak = job.line(Metric::PeakThreads, ended.peak_threads);
                ended.lines.into_iter().chain([peak]).collect()
            }
            Way::Served(_) => {
                let mut server = self.start(job, Count::Nothing)?;
                let address = ready(&mut server)?;
                let mut load = Command::new(&self.program);
                load.args(["--load", job.workload.name, job.runtime.as_str(), &address, &job.size.to_string()]);
                Process::start(load, Count::Nothing)?.finish()?.lines
            }
            Way::Watched => {
                let mut idle = self.start(job, Count::Nothing)?;
                ready(&mut idle)?;
                vec![job.line(Metric::Switches, switches_while_watched(idle.id())?)]
            }
        };
        lines.iter().map(|line| job.own(line)).collect()
    }

    /// Starts the process that measures, or serves, or idles.
    fn start(&self, job: &Job, count: Count) -> io::Result<Process> {
        let program = self.program_of(job.runtime).ok_or_else(|| io::Error::other(format!("{} has no program", job.runtime)))?;
        let mut command = Command::new(program);
        command.args(["--child", job.workload.name, job.runtime.as_str()]);
        command.args([job.processors.to_string(), job.size.to_string()]);
        Process::start(command, count)
    }
}

impl Job {
    /// A line of this process's own making.
    fn line(&self, metric: Metric, value: u64) -> String {
        let measurement = Measurement::new(metric, value as f64);
        Line { workload: self.workload.name.to_owned(), runtime: self.runtime, measurement }.to_string()
    }

    /// A line that speaks of this measurement; any other is an error.
    fn own(&self, line: &str) -> io::Result<Line> {
        let parsed: Line = line.parse().map_err(io::Error::other)?;
        if parsed.workload != self.workload.name || parsed.runtime != self.runtime {
            return Err(io::Error::other(format!("`{line}` does not belong to {} {}", self.workload.name, self.runtime)));
        }
        Ok(parsed)
    }
}

/// Builds the Go program; if that cannot be, says so once, and Go is left out.
fn build_go() -> Option<PathBuf> {
    golang::build().inspect_err(|error| eprintln!("GO IS LEFT OUT: {error} (set HANDOVER_GO or PATH)")).ok()
}

/// Builds the program that is watched by a console; if that cannot be, says so once, and it is left out.
fn build_console() -> Option<PathBuf> {
    console::build().inspect_err(|error| eprintln!("HANDOVER UNDER A CONSOLE IS LEFT OUT: {error}")).ok()
}

/// Waits until a process is ready; the rest of what it says then.
fn ready(process: &mut Process) -> io::Result<String> {
    let line = process.next_line()?;
    let rest = line.strip_prefix(READY).ok_or_else(|| io::Error::other(format!("`{READY}` was expected, not `{line}`")))?;
    Ok(rest.trim().to_owned())
}

/// Context switches of all threads of a process within 5 s. One that was not there before counts from zero.
fn switches_while_watched(id: u32) -> io::Result<u64> {
    thread::sleep(SETTLE);
    let before: BTreeMap<_, _> = switches_of(id)?.into_iter().collect();
    thread::sleep(WATCHED);
    let after = switches_of(id)?;
    Ok(after.into_iter().map(|(thread, switches)| switches - before.get(&thread).unwrap_or(&0)).sum())
}
