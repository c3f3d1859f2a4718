//! What does the command line ask for?

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::catalogue::{self, Workload};
use crate::growth::series::{self, Series};
use crate::names::RuntimeName;

/// The text of `--help`.
pub(crate) const HELP: &str = "\
Measures handover beside its peers: all in one run, by the same workloads, in turn.

usage: handover-benches [WORKLOAD ...] [--runtime R ...] [--rounds N] [--processors N]
       handover-benches --grow [SERIES ...] [--runtime R ...] [--rounds N] [--processors N] [--out DIR]

  WORKLOAD ...      workloads to run (default: all; see --list)
  --runtime R ...   runtimes and variants to measure, separated by blanks or commas (default: all)
  --rounds N        rounds; in each, every runtime is measured once (default 5)
  --processors N    worker threads of each runtime (default 2)
  --list            show workloads, series and who takes part
  --help            show this

  --grow            measure how cost grows, and draw it
  SERIES ...        series to run: processors, tasks, connections, timers (default: all)
  --out DIR         where each series leaves SERIES.svg and SERIES.csv (default: benches/plots in the sources)

The series `processors` goes over numbers of worker threads by itself; --processors is for the others.

Prints `workload runtime metric value unit` for each measurement and, at the end, the medians as markdown tables.
Go takes part when `go` is on PATH, or $HANDOVER_GO names it. $HANDOVER_BENCH_DATA may name a directory for the files
that are read and synced; it should be on a disk (default: beside the program).
";

/// One of the things this program does.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Measure(Plan),
    Grow(GrowthPlan),
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

/// What is to be measured over a range, and drawn.
#[derive(Debug, PartialEq)]
pub(crate) struct GrowthPlan {
    /// Never empty.
    pub(crate) series: Vec<&'static Series>,
    /// Empty for all.
    pub(crate) runtimes: Vec<RuntimeName>,
    pub(crate) rounds: usize,
    /// Of the series that do not vary them.
    pub(crate) processors: usize,
    pub(crate) out: PathBuf,
}

/// Where drawings go by default.
const DRAWINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/plots");

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
        _ if has(arguments, "--grow") => growth_plan(arguments).map(Command::Grow),
        _ => plan(arguments).map(Command::Measure),
    }
}

fn has(arguments: &[String], flag: &str) -> bool {
    arguments.iter().any(|argument| argument == flag)
}

fn plan(arguments: &[String]) -> Result<Plan, String> {
    let words = Words::read(arguments, |word| catalogue::find(word).is_ok())?;
    if words.out.is_some() {
        return Err("--out says where drawings go, and there are none without --grow".to_owned());
    }
    let workloads = words.subjects.into_iter().map(catalogue::find).collect::<Result<_, _>>()?;
    complete(Plan { workloads, runtimes: words.runtimes, rounds: words.rounds, processors: words.processors })
}

fn growth_plan(arguments: &[String]) -> Result<GrowthPlan, String> {
    let words = Words::read(arguments, |word| series::find(word).is_ok())?;
    let mut chosen = words.subjects.into_iter().map(series::find).collect::<Result<Vec<_>, _>>()?;
    let takes_part = |series: &Series| series.runtimes().iter().any(|name| words.runtimes.is_empty() || words.runtimes.contains(name));
    if chosen.is_empty() {
        chosen = series::ALL.iter().filter(|series| takes_part(series)).collect();
    }
    match chosen.iter().find(|series| !takes_part(series)) {
        Some(series) => return Err(nobody_takes_part(series.name, &series.runtimes())),
        None if chosen.is_empty() => return Err("no runtime asked for takes part in any series; see --list".to_owned()),
        None => {}
    }
    Ok(GrowthPlan {
        series: chosen,
        runtimes: words.runtimes,
        rounds: words.rounds,
        processors: words.processors,
        out: words.out.unwrap_or_else(|| PathBuf::from(DRAWINGS)),
    })
}

/// The words of a plan, its subjects not yet looked up.
struct Words<'a> {
    subjects: Vec<&'a str>,
    runtimes: Vec<RuntimeName>,
    rounds: usize,
    processors: usize,
    out: Option<PathBuf>,
}

impl<'a> Words<'a> {
    fn read(arguments: &'a [String], is_subject: impl Fn(&str) -> bool) -> Result<Self, String> {
        let mut words = Self { subjects: Vec::new(), runtimes: Vec::new(), rounds: 5, processors: 2, out: None };
        let mut arguments = arguments.iter().map(String::as_str).peekable();
        while let Some(argument) = arguments.next() {
            match argument {
                "--grow" => {}
                "--rounds" => words.rounds = positive(argument, arguments.next())?,
                "--processors" => words.processors = positive(argument, arguments.next())?,
                "--out" => words.out = Some(arguments.next().ok_or("--out needs a directory after it")?.into()),
                "--runtime" | "--runtimes" => {
                    let names = arguments.next().ok_or("--runtime needs the name of a runtime after it")?;
                    add_runtimes(&mut words.runtimes, names)?;
                    // More of them may follow, up to the next option or subject.
                    while let Some(names) = arguments.next_if(|next| !next.starts_with('-') && !is_subject(next)) {
                        add_runtimes(&mut words.runtimes, names)?;
                    }
                }
                option if option.starts_with('-') => {
                    return Err(format!("unknown option `{option}`; see --help"));
                }
                subject => words.subjects.push(subject),
            }
        }
        Ok(words)
    }
}

/// Fills in the default workloads and refuses a plan that measures nothing.
fn complete(mut plan: Plan) -> Result<Plan, String> {
    let takes_part = |workload: &Workload| !workload.select(&plan.runtimes).is_empty();
    if plan.workloads.is_empty() {
        plan.workloads = catalogue::ALL.iter().filter(|workload| takes_part(workload)).collect();
    }
    match plan.workloads.iter().find(|workload| !takes_part(workload)) {
        None => Ok(plan),
        Some(Workload { name, runtimes, .. }) => Err(nobody_takes_part(name, runtimes)),
    }
}

fn nobody_takes_part(name: &str, offered: &[RuntimeName]) -> String {
    let offered: Vec<_> = offered.iter().map(|runtime| runtime.as_str()).collect();
    format!("no runtime asked for takes part in `{name}`; these do: {}", offered.join(", "))
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
    fn growth_is_asked_for_by_series() {
        let plan = GrowthPlan {
            series: ["tasks", "timers"].map(|name| series::find(name).expect(name)).to_vec(),
            runtimes: vec![RuntimeName::Handover, RuntimeName::Go],
            rounds: 1,
            processors: 4,
            out: PathBuf::from("here"),
        };
        let line = "tasks --runtime handover go timers --rounds 1 --grow --processors 4 --out here";
        assert_eq!(parsed(line), Ok(Command::Grow(plan)));
    }

    #[test]
    fn growth_means_all_series_in_which_somebody_takes_part() {
        let names = |line| match parsed(line) {
            Ok(Command::Grow(plan)) => plan.series.iter().map(|series| series.name).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(names("--grow"), ["processors", "tasks", "connections", "timers"]);
        assert_eq!(names("--grow --runtime epoll"), ["connections"]);
    }

    #[test]
    fn a_wrong_argument_is_named() {
        for (line, named) in [
            ("strom", "unknown workload `strom`"),
            ("storm --runtime tokoi", "unknown runtime `tokoi`"),
            ("storm --rounds 0", "--rounds needs a whole number of at least 1, not `0`"),
            ("storm --rounds", "--rounds needs a number"),
            ("--fast", "unknown option `--fast`"),
            ("--grow storm", "unknown series `storm`; known are processors, tasks"),
            ("--grow timers --runtime epoll", "no runtime asked for takes part in `timers`; these do: handover, tokio"),
            ("--grow --runtime std", "no runtime asked for takes part in any series"),
            ("--grow --out", "--out needs a directory"),
            ("timers --out here", "none without --grow"),
            ("queues --runtime go", "no runtime asked for takes part in `queues`"),
        ] {
            let error = parsed(line).expect_err(line);
            assert!(error.contains(named), "{line}: {error}");
        }
    }
}
