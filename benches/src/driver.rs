//! How does a plan become lines of measurements?
//!
//! Each measurement runs in a process of its own, so that the threads, the learned state and the accounts of one do not
//! leak into the next. Within a workload the rounds go over all runtimes in turn, each round starting with another
//! one: whatever drifts on the machine drifts for all.

use std::collections::BTreeMap;
use std::env;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::args::Plan;
use crate::catalogue::{Way, Workload};
use crate::data;
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

/// Measures what the plan says, prints each line as it comes, and gives all of them, with the number of measurements
/// that failed. A failed one is reported on stderr and does not stop the others.
pub(crate) fn measure(plan: &Plan) -> io::Result<(Vec<Line>, usize)> {
    // Made here once, so that no child makes it while it is measured.
    data::pages()?;
    let bench = Bench::new(plan)?;
    let (mut lines, mut failures) = (Vec::new(), 0);
    for workload in &plan.workloads {
        let runtimes = bench.runtimes(plan, workload);
        for round in 0..plan.rounds {
            for runtime in in_turn(&runtimes, round) {
                match bench.measure(workload, runtime) {
                    Ok(measured) => lines.extend(measured),
                    Err(error) => {
                        eprintln!("FAILED {} {runtime}: {error}", workload.name);
                        failures += 1;
                    }
                }
            }
        }
    }
    Ok((lines, failures))
}

/// All of them, starting one further each round.
fn in_turn(runtimes: &[RuntimeName], round: usize) -> impl Iterator<Item = RuntimeName> {
    runtimes.iter().copied().cycle().skip(round % runtimes.len().max(1)).take(runtimes.len())
}

/// What all measurements of a run have in common.
struct Bench {
    processors: usize,
    program: PathBuf,
    /// If Go takes part.
    go_program: Option<PathBuf>,
}

impl Bench {
    fn new(plan: &Plan) -> io::Result<Self> {
        let mut wanted = plan.workloads.iter().flat_map(|workload| workload.select(&plan.runtimes));
        let is_go_wanted = wanted.any(RuntimeName::is_go);
        let go_program = if is_go_wanted { build_go() } else { None };
        Ok(Self { processors: plan.processors, program: env::current_exe()?, go_program })
    }

    fn runtimes(&self, plan: &Plan, workload: &Workload) -> Vec<RuntimeName> {
        let mut runtimes = workload.select(&plan.runtimes);
        runtimes.retain(|runtime| !runtime.is_go() || self.go_program.is_some());
        runtimes
    }

    fn measure(&self, workload: &Workload, runtime: RuntimeName) -> io::Result<Vec<Line>> {
        let lines = match workload.way {
            Way::Alone => self.start(workload, runtime, Count::Nothing)?.finish()?.lines,
            Way::Counted => {
                let ended = self.start(workload, runtime, Count::Threads)?.finish()?;
                let peak = line(workload, runtime, Metric::PeakThreads, ended.peak_threads);
                ended.lines.into_iter().chain([peak]).collect()
            }
            Way::Served { .. } => {
                let mut server = self.start(workload, runtime, Count::Nothing)?;
                let address = ready(&mut server)?;
                let mut load = Command::new(&self.program);
                load.args(["--load", workload.name, runtime.as_str(), &address]);
                Process::start(load, Count::Nothing)?.finish()?.lines
            }
            Way::Watched => {
                let mut idle = self.start(workload, runtime, Count::Nothing)?;
                ready(&mut idle)?;
                vec![line(workload, runtime, Metric::Switches, switches_while_watched(idle.id())?)]
            }
        };
        lines.iter().map(|line| printed(line, workload, runtime)).collect()
    }

    /// Starts the process that measures, or serves, or idles.
    fn start(&self, workload: &Workload, runtime: RuntimeName, count: Count) -> io::Result<Process> {
        let program = if runtime.is_go() { self.go_program.as_ref() } else { None };
        let mut command = Command::new(program.unwrap_or(&self.program));
        command.args(["--child", workload.name, runtime.as_str(), &self.processors.to_string()]);
        Process::start(command, count)
    }
}

/// Builds the Go program; if that cannot be, says so once, and Go is left out.
fn build_go() -> Option<PathBuf> {
    golang::build().inspect_err(|error| eprintln!("GO IS LEFT OUT: {error} (set HANDOVER_GO or PATH)")).ok()
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

/// A line of this process's own making.
fn line(workload: &Workload, runtime: RuntimeName, metric: Metric, value: u64) -> String {
    let measurement = Measurement::new(metric, value as f64);
    Line { workload: workload.name.to_owned(), runtime, measurement }.to_string()
}

/// Prints a line that speaks of this measurement; any other is an error.
fn printed(line: &str, workload: &Workload, runtime: RuntimeName) -> io::Result<Line> {
    let parsed: Line = line.parse().map_err(io::Error::other)?;
    if parsed.workload != workload.name || parsed.runtime != runtime {
        return Err(io::Error::other(format!("`{line}` does not belong to {} {runtime}", workload.name)));
    }
    parsed.print()?;
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_starts_with_another_runtime() {
        let runtimes = [RuntimeName::Handover, RuntimeName::Tokio, RuntimeName::Go];
        let second: Vec<_> = in_turn(&runtimes, 1).collect();
        assert_eq!(second, [RuntimeName::Tokio, RuntimeName::Go, RuntimeName::Handover]);
        assert_eq!(in_turn(&runtimes, 3).collect::<Vec<_>>(), runtimes);
        assert_eq!(in_turn(&[], 3).count(), 0);
    }
}
