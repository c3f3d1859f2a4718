//! Measures handover beside its peers: all in one run, by the same workloads, each measurement in its own process.
//!
//! Start reading at [`driver`], which goes over the plan, and [`workloads`], which is what each process does. [`growth`]
//! goes over sizes instead and draws what it finds.

use std::env;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::process::{ExitCode, exit};
use std::thread;

use args::{Command, GrowthPlan, Plan};
use catalogue::Way;
use growth::series;
use measurement::Line;
use names::RuntimeName;
use workloads::Assignment;

mod args;
mod bench;
mod catalogue;
mod console;
mod data;
mod descriptors;
mod driver;
mod epoll;
mod golang;
mod growth;
mod load;
mod measurement;
mod names;
mod process;
mod random;
mod report;
mod runtimes;
mod sample;
mod usage;
mod workloads;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let command = match args::parse(&arguments) {
        Ok(command) => command,
        Err(error) => {
            eprintln!("handover-benches: {error}");
            return ExitCode::from(2);
        }
    };
    match run(command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("handover-benches: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> io::Result<ExitCode> {
    match command {
        Command::Help => write!(io::stdout(), "{}", args::HELP)?,
        Command::List => list()?,
        Command::Measure(plan) => return measure(&plan),
        Command::Grow(plan) => return grow(&plan),
        Command::Child { workload, runtime, processors, size } => {
            let way = catalogue::find(&workload).map_err(io::Error::other)?.way;
            if matches!(way, Way::Served(_) | Way::Watched) {
                end_with_parent();
            }
            if matches!(way, Way::Served(_)) {
                descriptors::allow(size)?;
            }
            Assignment { workload: &workload, runtime, processors, size }.run()?;
        }
        Command::Load { workload, runtime, address, connections } => load(workload, runtime, address, connections)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(plan: &Plan) -> io::Result<ExitCode> {
    let (lines, failures) = driver::measure(plan)?;
    if lines.is_empty() {
        return Err(io::Error::other("nothing has been measured"));
    }
    write!(io::stdout(), "\n{}", report::markdown(&lines))?;
    Ok(outcome(failures))
}

fn grow(plan: &GrowthPlan) -> io::Result<ExitCode> {
    growth::measure(plan).map(outcome)
}

fn outcome(failures: usize) -> ExitCode {
    if failures == 0 {
        return ExitCode::SUCCESS;
    }
    eprintln!("handover-benches: {failures} measurements have failed, see above");
    ExitCode::FAILURE
}

fn list() -> io::Result<()> {
    catalogue::ALL.iter().try_for_each(|workload| list_one(workload.name, workload.about, workload.runtimes))?;
    writeln!(io::stdout(), "\nseries (--grow):\n")?;
    series::ALL.iter().try_for_each(|series| list_one(series.name, series.about, &series.runtimes()))
}

fn list_one(name: &str, about: &str, runtimes: &[RuntimeName]) -> io::Result<()> {
    let runtimes: Vec<_> = runtimes.iter().map(|runtime| runtime.as_str()).collect();
    writeln!(io::stdout(), "{name:<18} {about}\n{:18} {}", "", runtimes.join(" "))
}

/// Ends this process when the pipe from its parent closes: a server or an idle process would stay for ever if its
/// parent were killed.
fn end_with_parent() {
    thread::spawn(|| {
        let rest = io::stdin().read_to_end(&mut Vec::new());
        exit(if rest.is_ok() { 0 } else { 1 });
    });
}

fn load(workload: String, runtime: RuntimeName, address: SocketAddr, connections: usize) -> io::Result<()> {
    let Way::Served(protocol) = catalogue::find(&workload).map_err(io::Error::other)?.way else {
        return Err(io::Error::other(format!("{workload} has no server")));
    };
    descriptors::allow(connections as u64)?;
    for measurement in load::run(protocol, address, connections)? {
        Line { workload: workload.clone(), runtime, measurement }.print()?;
    }
    Ok(())
}
