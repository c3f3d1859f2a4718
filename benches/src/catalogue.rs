//! Which workloads are there, and who takes part in each?

use crate::load::Protocol;
use crate::names::RuntimeName::{self, *};

/// A workload and those who run it.
#[derive(Debug, PartialEq)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// One line for `--list`.
    pub(crate) about: &'static str,
    pub(crate) runtimes: &'static [RuntimeName],
    pub(crate) way: Way,
    /// How many tasks, sleeps or connections; 1 where the workload itself says how many.
    pub(crate) size: u64,
}

/// How a workload becomes measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A process runs it and prints them.
    Alone,
    /// The same, while its threads are counted from outside.
    Counted,
    /// A process serves, and the load generator, another process, asks it.
    Served(Protocol),
    /// A process has nothing to do; its context switches are counted from outside.
    Watched,
}

/// All workloads in the order in which they are run and shown.
pub(crate) const ALL: &[Workload] = &[
    workload("syscall_fast", "getppid in one task, one call after the other", CALLS, Way::Alone),
    workload("syscall_yield", "the same with a yield after each call", CALLS, Way::Alone),
    workload("pread_4k_1", "4 KiB preads from the page cache, 1 task", PREADS, Way::Alone),
    workload("pread_4k_8", "4 KiB preads from the page cache, 8 tasks", PREADS, Way::Alone),
    workload("file_read_seq_8k", "a 64 MiB file from start to end, 8 KiB a read", READS, Way::Alone),
    workload("file_read_seq_64k", "a 64 MiB file from start to end, 64 KiB a read", READS, Way::Alone),
    workload("walk", "a tree of 100,000 files in 100 directories, every entry asked for its type", TREES_AND_COPIES, Way::Alone),
    workload("io_copy", "a 64 MiB file into a TCP connection whose other end throws it away", TREES_AND_COPIES, Way::Alone),
    workload("handoff", "after an idle gap 8 tasks enter 10 ms calls and 8 others are ready", HANDOFFS, Way::Alone),
    workload("storm", "256 tasks in 50 ms blocking sleeps beside a 1 ms heartbeat", STORMS, Way::Counted),
    workload("storm_short", "64 tasks in 1 ms blocking sleeps beside a 1 ms heartbeat", STORMS, Way::Counted),
    workload("mix20", "64 tasks: a 1 ms call, a yield, 20 us of computing, a yield", STORMS, Way::Counted),
    workload("mix100", "64 tasks: a 1 ms call, a yield, 100 us of computing, a yield", STORMS, Way::Counted),
    workload("undeclared", "8 tasks in plain 30 ms thread::sleeps beside the heartbeat", UNDECLARED, Way::Counted),
    workload("fsync_wal", "32 tasks append 4 KiB and fdatasync, each to its own file", STORMS, Way::Counted),
    workload("spawn_true_1", "1,000 processes that do nothing, one after the other", PROCESSES, Way::Alone),
    workload("spawn_true_8", "the same, shared out among 8 tasks", PROCESSES, Way::Alone).sized(8),
    workload("spawn_many", "10,000 tasks at a time from within; the last one signals", TASKS, Way::Alone),
    workload("spawn_wait", "200,000 tasks at once from within; the last one signals", TASKS, Way::Alone).sized(200_000),
    workload("spawn_remote", "10,000 tasks at a time from a thread outside", TASKS, Way::Alone),
    workload("yield_many", "200 tasks yield 1,000 times each", TASKS, Way::Alone).sized(200),
    workload("ping_pong", "1,000 pairs of tasks exchange a message each way", TASKS, Way::Alone),
    workload("chained_spawn", "a task spawns the next, 1,000 deep", TASKS, Way::Alone),
    workload("mpsc", "5 producers and 1 consumer on a bounded channel", TASKS, Way::Alone),
    workload("tcp_echo_64", "64 connections, 64 bytes there and back", SERVERS, ECHO).sized(64),
    workload("tcp_echo_512", "512 connections, 64 bytes there and back", SERVERS, ECHO).sized(512),
    workload("mixed", "8 echo connections while 64 tasks loop over 1 ms calls", MIXED, ECHO).sized(8),
    workload("http", "64 keep-alive connections ask GET / (hyper 1; Go: net/http)", SERVERS, HTTP).sized(64),
    workload("timers", "200,000 sleeps with random deadlines within a second", TIMERS, Way::Alone).sized(200_000),
    workload("sleep_1ms", "one sleep of 1 ms after the other, else idle", SLEEPS, Way::Alone),
    workload("mem_task", "memory of 100,000 idle tasks", TIMERS, Way::Alone).sized(100_000),
    workload("idle", "nothing to do for 5 s", TIMERS, Way::Watched),
    workload("idle_timer", "nothing to do for 5 s but one timer, an hour away", TIMERS, Way::Watched),
    workload("ticker", "a task sleeps 10 ms, 500 times", SLEEPS, Way::Alone),
    workload("queues", "run queues: the owner pushes 128 and pops 128", QUEUES, Way::Alone),
    workload("queues_thief", "run queues: the same beside one thief", QUEUES, Way::Alone),
];

const CALLS: &[RuntimeName] = &[
    Handover,
    HandoverBip,
    HandoverRecorded,
    HandoverScraped,
    HandoverTraced,
    HandoverConsoleIdle,
    HandoverConsole,
    Tokio,
    TokioBip,
    Smol,
    Go,
    GoRaw,
    Std,
];
const PREADS: &[RuntimeName] = &[Handover, HandoverBip, Tokio, TokioBip, TokioInline, Smol, Go, Std];
const READS: &[RuntimeName] = &[Handover, Tokio, TokioBip, TokioInline, TokioFs, Smol, Go, Std];
const TREES_AND_COPIES: &[RuntimeName] = &[Handover, TokioFs, Smol, Std];
const HANDOFFS: &[RuntimeName] = &[Handover, HandoverBip, Tokio, TokioBip, Smol, Go, Std];
const STORMS: &[RuntimeName] = &[Handover, HandoverBip, Tokio, TokioBip, Smol, Go, Std];
const UNDECLARED: &[RuntimeName] = &[Handover, TokioInline, SmolInline, GoRaw, Std];
const PROCESSES: &[RuntimeName] = &[Handover, Tokio, Smol, Std];
const TASKS: &[RuntimeName] =
    &[Handover, HandoverRecorded, HandoverScraped, HandoverTraced, HandoverConsoleIdle, HandoverConsole, Tokio, TokioCt, Smol, Go];
const SERVERS: &[RuntimeName] = &[Handover, Tokio, Smol, Go, Epoll];
const MIXED: &[RuntimeName] = &[Handover, Tokio, Smol, Go];
const TIMERS: &[RuntimeName] = &[Handover, Tokio, Smol, Go];
const SLEEPS: &[RuntimeName] = &[Handover, Tokio, Smol, Go, Std];
const QUEUES: &[RuntimeName] = &[Handover, Crossbeam, St3];

const ECHO: Way = Way::Served(Protocol::Echo);
const HTTP: Way = Way::Served(Protocol::Http);

const fn workload(name: &'static str, about: &'static str, runtimes: &'static [RuntimeName], way: Way) -> Workload {
    Workload { name, about, runtimes, way, size: 1 }
}

/// The workload of this name.
///
/// # Errors
///
/// A message that names all workloads, if there is none.
pub(crate) fn find(name: &str) -> Result<&'static Workload, String> {
    ALL.iter().find(|workload| workload.name == name).ok_or_else(|| {
        let known: Vec<_> = ALL.iter().map(|workload| workload.name).collect();
        format!("unknown workload `{name}`; known are {}", known.join(", "))
    })
}

impl Workload {
    const fn sized(self, size: u64) -> Self {
        Self { size, ..self }
    }

    /// Who takes part when the user asked for `wanted`; all do if that is empty, but for those under a console, whose program takes minutes to build. A name means its runtime, and where
    /// that takes part by variants only (`tokio` in `undeclared`), those.
    pub(crate) fn select(&self, wanted: &[RuntimeName]) -> Vec<RuntimeName> {
        let asked_for = |offered: RuntimeName| {
            (wanted.is_empty() && !offered.is_console())
                || wanted.contains(&offered)
                || wanted.iter().any(|name| name.as_str() == offered.family() && !self.runtimes.contains(name))
        };
        self.runtimes.iter().copied().filter(|offered| asked_for(*offered)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_its_variants_only_where_it_does_not_take_part_itself() {
        let undeclared = find("undeclared").expect("is in the catalogue");
        assert_eq!(undeclared.select(&[Tokio]), [TokioInline]);
        let storm = find("storm").expect("is in the catalogue");
        assert_eq!(storm.select(&[Tokio]), [Tokio]);
        assert_eq!(storm.select(&[]), storm.runtimes);
    }

    #[test]
    fn those_under_a_console_take_part_only_if_they_are_named() {
        let spawns = find("spawn_many").expect("is in the catalogue");
        assert!(!spawns.select(&[]).contains(&HandoverConsole));
        assert_eq!(spawns.select(&[HandoverConsole]), [HandoverConsole]);
    }

    #[test]
    fn names_are_unique() {
        for (index, workload) in ALL.iter().enumerate() {
            assert!(ALL[..index].iter().all(|earlier| earlier.name != workload.name), "{} twice", workload.name);
        }
    }
}
