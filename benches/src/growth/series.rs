//! Over what does cost grow, and what is measured along the way?

use crate::bench::Job;
use crate::catalogue;
use crate::measurement::Metric;
use crate::names::RuntimeName::{self, *};

/// Measurements at a few places along one axis; one drawing.
#[derive(Debug, PartialEq)]
pub(crate) struct Series {
    pub(crate) name: &'static str,
    /// One line for `--list`, and the title.
    pub(crate) about: &'static str,
    pub(crate) varied: Varied,
    /// The places, ascending.
    pub(crate) at: &'static [u64],
    pub(crate) studies: &'static [Study],
}

/// What differs from place to place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Varied {
    Processors,
    /// The size of the workload.
    Size,
}

/// A workload that is measured at each place of a series.
#[derive(Debug, PartialEq)]
pub(crate) struct Study {
    /// What lines and tables call it.
    pub(crate) name: &'static str,
    /// The workload's name in the catalogue; the two differ where that one tells a size.
    workload: &'static str,
    runtimes: &'static [RuntimeName],
    pub(crate) panels: &'static [Panel],
}

/// One of a workload's metrics, drawn.
#[derive(Debug, PartialEq)]
pub(crate) struct Panel {
    pub(crate) metric: Metric,
    pub(crate) title: &'static str,
    /// What the values are, with their unit.
    pub(crate) axis: &'static str,
}

/// All series in the order in which they are run.
pub(crate) const ALL: &[Series] = &[
    Series {
        name: "processors",
        about: "cost and speed by number of processors",
        varied: Varied::Processors,
        at: &[1, 2, 4, 8, 16],
        studies: &[
            study("spawn_many", RUNTIMES, &[panel(Metric::NsPerTask, "10,000 tasks spawned and waited for", "ns per task")]),
            study("ping_pong", RUNTIMES, &[panel(Metric::NsPerPair, "1,000 pairs, a message each way", "ns per pair")]),
            study("yield_many", RUNTIMES, &[panel(Metric::NsPerYield, "200 tasks that yield", "ns per yield")]),
            study("tcp_echo_64", RUNTIMES, &[panel(Metric::ReqsPerS, "64 echo connections", "requests per second")]),
        ],
    },
    Series {
        name: "tasks",
        about: "cost of a task by number of tasks",
        varied: Varied::Size,
        at: &[1_000, 10_000, 100_000, 1_000_000],
        studies: &[
            study("spawn_wait", RUNTIMES, &[panel(Metric::NsPerTask, "all spawned, then waited for", "ns per task")]),
            study("yield_many", RUNTIMES, &[panel(Metric::NsPerYield, "all yield again and again", "ns per yield")]),
            study("mem_task", RUNTIMES, &[panel(Metric::BytesPerTask, "all idle", "bytes per task")]),
        ],
    },
    Series {
        name: "connections",
        about: "an echo server by number of connections",
        varied: Varied::Size,
        at: &[10, 100, 1_000, 10_000],
        studies: &[Study {
            name: "tcp_echo",
            workload: "tcp_echo_64",
            runtimes: SERVERS,
            panels: &[
                panel(Metric::ReqsPerS, "requests answered", "requests per second"),
                panel(Metric::LatP99, "latency, 99th percentile", "latency in us"),
            ],
        }],
    },
    Series {
        name: "timers",
        about: "sleeps of up to a second by number of sleeps",
        varied: Varied::Size,
        at: &[1_000, 10_000, 100_000, 1_000_000],
        studies: &[study(
            "timers",
            RUNTIMES,
            &[
                panel(Metric::CpuPerSleep, "CPU time", "CPU us per sleep"),
                panel(Metric::LateP99, "lateness, 99th percentile", "lateness in us"),
            ],
        )],
    },
];

const RUNTIMES: &[RuntimeName] = &[Handover, Tokio, Smol, Go];
const SERVERS: &[RuntimeName] = &[Handover, Tokio, Smol, Go, Epoll];

const fn study(workload: &'static str, runtimes: &'static [RuntimeName], panels: &'static [Panel]) -> Study {
    Study { name: workload, workload, runtimes, panels }
}

const fn panel(metric: Metric, title: &'static str, axis: &'static str) -> Panel {
    Panel { metric, title, axis }
}

/// The series of this name.
///
/// # Errors
///
/// A message that names all series, if there is none.
pub(crate) fn find(name: &str) -> Result<&'static Series, String> {
    ALL.iter().find(|series| series.name == name).ok_or_else(|| {
        let known: Vec<_> = ALL.iter().map(|series| series.name).collect();
        format!("unknown series `{name}`; known are {}", known.join(", "))
    })
}

impl Series {
    /// All who take part, in the order of the tables.
    pub(crate) fn runtimes(&self) -> Vec<RuntimeName> {
        let takes_part = |name: &RuntimeName| self.studies.iter().any(|study| study.runtimes.contains(name));
        RuntimeName::ALL.iter().copied().filter(takes_part).collect()
    }

    /// The measurement of a study at one place. `processors` are for a series that does not vary them.
    pub(crate) fn job(&self, study: &Study, runtime: RuntimeName, at: u64, processors: usize) -> Job {
        let workload = catalogue::find(study.workload).expect("a study names a workload of the catalogue");
        match self.varied {
            Varied::Processors => Job { workload, runtime, processors: at as usize, size: workload.size },
            Varied::Size => Job { workload, runtime, processors, size: at },
        }
    }
}

impl Study {
    /// Who takes part when the user asked for `wanted`; all do if that is empty.
    pub(crate) fn select(&self, wanted: &[RuntimeName]) -> Vec<RuntimeName> {
        self.runtimes.iter().copied().filter(|offered| wanted.is_empty() || wanted.contains(offered)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_study_is_of_a_workload_in_which_its_runtimes_take_part() {
        for study in ALL.iter().flat_map(|series| series.studies) {
            let workload = catalogue::find(study.workload).expect(study.name);
            assert!(study.runtimes.iter().all(|runtime| workload.runtimes.contains(runtime)), "{}", study.name);
        }
    }

    #[test]
    fn either_the_processors_vary_or_the_size() {
        let processors = find("processors").expect("a series");
        let job = processors.job(&processors.studies[0], Handover, 8, 2);
        assert_eq!((job.processors, job.size), (8, job.workload.size));
        let tasks = find("tasks").expect("a series");
        let job = tasks.job(&tasks.studies[0], Handover, 1_000, 2);
        assert_eq!((job.processors, job.size), (2, 1_000));
    }
}
