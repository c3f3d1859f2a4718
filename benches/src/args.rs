//! What does the command line ask for?

use std::net::SocketAddr;

use crate::catalogue::{self, Workload};
use crate::names::RuntimeName;

/// The text of `--help`.
pub(crate) const HELP: &str = "\
Measures handover beside its peers: all in one run, by the same workloads, in turn.

usage: handover-benches [WORKLOAD ...] [--runtime R ...] [--rounds N] [--processors N]

  WORKLOAD ...      workloads to run (default: all; see --list)
  --runtime R ...   runtimes and variants to measure, separated by blanks or commas (default: all)
  --rounds N        rounds; in each, every runtime is measured once (default 5)
  --processors N    worker threads of each runtime (default 2)
  --list            show workloads and who takes part
  --help            show this

Prints `workload runtime metric value unit` for each measurement and, at the end, the medians as markdown tables.
Go takes part when `go` is on PATH, or $HANDOVER_GO names it. $HANDOVER_BENCH_DATA may name a directory for the files
that are read and synced; it should be on a disk (default: beside the program).
";

/// One of the things this program does.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Measure(Plan),
    List,
    Help,
    /// Measure one workload of one runtime in this process (started by `Measure`).
    Child {
        workload: String,
        runtime: RuntimeName,
        processors: usize,
        size: u64,
    },
    /// Ask a server (started by `Measure`).
    Load {
        workload: String,
        runtime: RuntimeName,
        address: SocketAddr,
        connections: usize,
    },
}

/// What is to be measured.
#[derive(Debug, PartialEq)]
pub(crate) struct Plan {
    /// Never empty.
    pub(crate) workloads: Vec<&'static Workload>,
    /// Empty for all.
    pub(crate) runtimes: Vec<RuntimeName>,
    pub(crate) rounds: usize,
    pub(crate) processors: usize,
}

/// Reads the arguments, the program's own name not among them.
///
/// # Errors
///
/// A message for the user: what was wrong and what is right.
pub(crate) fn parse(arguments: &[String]) -> Result<Command, String> {
    match arguments {
        [first, rest @ ..] if first == "--child" => child(rest),
        [first, rest @ ..] if first == "--load" => load(rest),
        _ if has(arguments, "--help") || has(arguments, "-h") => Ok(Command::Help),
        _ if has(arguments, "--list") => Ok(Command::List),
        _ => plan(arguments).map(Command::Measure),
    }
}

fn has(arguments: &[String], flag: &str) -> bool {
    arguments.iter().any(|argument| argument == flag)
}

fn plan(arguments: &[String]) -> Result<Plan, String> {
    let mut plan = Plan { workloads: Vec::new(), runtimes: Vec::new(), rounds: 5, processors: 2 };
    let mut arguments = arguments.iter().map(String::as_str).peekable();
    while let Some(argument) = arguments.next() {
        match argument {
            "--rounds" => plan.rounds = positive(argument, arguments.next())?,
            "--processors" => plan.processors = positive(argument, arguments.next())?,
            "--runtime" | "--runtimes" => {
                let names = arguments.next().ok_or("--runtime needs the name of a runtime after it")?;
                add_runtimes(&mut plan.runtimes, names)?;
                // More of them may follow, up to the next option or workload.
                while let Some(names) = arguments.next_if(|next| !next.starts_with('-') && catalogue::find(next).is_err()) {
                    add_runtimes(&mut plan.runtimes, names)?;
                }
            }
            option if option.starts_with('-') => {
                return Err(format!("unknown option `{option}`; see --help"));
            }
            workload => plan.workloads.push(catalogue::find(workload)?),
        }
    }
    complete(plan)
}

/// Fills in the default workloads and refuses a plan that measures nothing.
fn complete(mut plan: Plan) -> Result<Plan, String> {
    let takes_part = |workload: &Workload| !workload.select(&plan.runtimes).is_empty();
    if plan.workloads.is_empty() {
        plan.workloads = catalogue::ALL.iter().filter(|workload| takes_part(workload)).collect();
    }
    match plan.workloads.iter().find(|workload| !takes_part(workload)) {
        None => Ok(plan),
        Some(Workload { name, runtimes, .. }) => {
            let offered: Vec<_> = runtimes.iter().map(|runtime| runtime.as_str()).collect();
            Err(format!("no runtime asked for takes part in `{name}`; these do: {}", offered.join(", ")))
        }
    }
}

fn add_runtimes(runtimes: &mut Vec<RuntimeName>, names: &str) -> Result<(), String> {
    for name in names.split(',').filter(|name| !name.is_empty()) {
        runtimes.push(name.parse()?);
    }
    Ok(())
}

fn positive(option: &str, value: Option<&str>) -> Result<usize, String> {
    let value = value.ok_or_else(|| format!("{option} needs a number after it"))?;
    match value.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{option} needs a whole number of at least 1, not `{value}`")),
    }
}

fn child(arguments: &[String]) -> Result<Command, String> {
    let [workload, runtime, processors, size] = arguments else {
        return Err("--child needs WORKLOAD RUNTIME PROCESSORS SIZE".to_owned());
    };
    Ok(Command::Child {
        workload: workload.clone(),
        runtime: runtime.parse()?,
        processors: positive("--child", Some(processors))?,
        size: positive("--child", Some(size))? as u64,
    })
}

fn load(arguments: &[String]) -> Result<Command, String> {
    let [workload, runtime, address, connections] = arguments else {
        return Err("--load needs WORKLOAD RUNTIME ADDRESS CONNECTIONS".to_owned());
    };
    Ok(Command::Load {
        workload: workload.clone(),
        runtime: runtime.parse()?,
        address: address.parse().map_err(|error| format!("the address `{address}`: {error}"))?,
        connections: positive("--load", Some(connections))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        let arguments: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        parse(&arguments)
    }

    #[test]
    fn workloads_may_stand_before_and_after_the_runtimes() {
        let plan = Plan {
            workloads: ["storm", "mpsc"].map(|name| catalogue::find(name).expect(name)).to_vec(),
            runtimes: vec![RuntimeName::Handover, RuntimeName::Tokio, RuntimeName::Go],
            rounds: 3,
            processors: 2,
        };
        assert_eq!(parsed("storm --runtime handover,tokio go mpsc --rounds 3"), Ok(Command::Measure(plan)));
    }

    #[test]
    fn no_arguments_mean_all_workloads_and_five_rounds() {
        let Ok(Command::Measure(plan)) = parsed("") else { panic!("not a plan") };
        assert_eq!((plan.workloads.len(), plan.rounds, plan.processors), (catalogue::ALL.len(), 5, 2));
    }

    #[test]
    fn a_wrong_argument_is_named() {
        for (line, named) in [
            ("strom", "unknown workload `strom`"),
            ("storm --runtime tokoi", "unknown runtime `tokoi`"),
            ("storm --rounds 0", "--rounds needs a whole number of at least 1, not `0`"),
            ("storm --rounds", "--rounds needs a number"),
            ("--fast", "unknown option `--fast`"),
            ("queues --runtime go", "no runtime asked for takes part in `queues`"),
        ] {
            let error = parsed(line).expect_err(line);
            assert!(error.contains(named), "{line}: {error}");
        }
    }
}
