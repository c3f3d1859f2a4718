//! The idea in ten seconds: a heartbeat beside 1, 2, 4 ... 256 tasks that block their threads, on 2 processors.
//!
//! ```text
//! cargo run --release --example handoff            # --quick takes two seconds
//! ```
//!
//! Each task makes one blocking call of 10 ms after another, inline. With two threads the third task would wait for the
//! first two, and so would the heartbeat, a timer every millisecond. Here the calls per second grow with the tasks,
//! and the heartbeat stays on time.

use handover::runtime::Handle;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const TASKS: [usize; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/// One blocking call.
const CALL: Duration = Duration::from_millis(10);

/// The heartbeat's period.
const BEAT: Duration = Duration::from_millis(1);

/// How long one line of the table takes: nine of them make ten seconds, or two.
const LINE: Duration = Duration::from_millis(1_100);
const QUICK_LINE: Duration = Duration::from_millis(200);

#[handover::main(processors = 2)]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let time = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => LINE,
        ["--quick"] => QUICK_LINE,
        _ => {
            eprintln!("handoff: unexpected arguments {arguments:?}\nUsage: handoff [--quick]");
            return ExitCode::from(2);
        }
    };
    println!("tasks in {} ms calls, 2 processors; a heartbeat every {} ms", CALL.as_millis(), BEAT.as_millis());
    println!("late: how late the {} ms heartbeat was (p50: half of the beats, p99: 99 of 100 beats at most so late)", BEAT.as_millis());
    println!("threads: the most there were at a beat; hand-offs: calls during which another thread could run the other tasks");
    println!(
        "{:>5} {:>10} {:>10} {:>12} {:>12} {:>8} {:>9}",
        "tasks", "calls/s", "of ideal", "late p50 us", "late p99 us", "threads", "hand-offs"
    );
    for (done, tasks) in TASKS.into_iter().enumerate() {
        progress(&format!("{tasks} tasks, line {} of {}", done + 1, TASKS.len()));
        let line = measure(tasks, time).await;
        progress("");
        println!("{line}");
    }
    println!(
        "What to read from it: calls/s grows with the tasks far beyond the 200 that two threads could make, \
         and the heartbeat stays on time, because a thread that blocks hands its processor to another."
    );
    ExitCode::SUCCESS
}

/// Runs `tasks` blocking tasks and the heartbeat for `time`; gives a line of the table.
async fn measure(tasks: usize, time: Duration) -> String {
    let metrics = Handle::current().metrics();
    let handoffs_before = metrics.handoffs();
    let start = Instant::now();
    let end = start + time;
    let heartbeat = handover::spawn(heartbeat(end));
    let callers: Vec<_> = (0..tasks).map(|_| handover::spawn(calls(end))).collect();
    let mut calls = 0;
    for caller in callers {
        calls += caller.await.expect("a caller does not panic");
    }
    let per_second = f64::from(calls) / start.elapsed().as_secs_f64();
    let Heard { late, threads } = heartbeat.await.expect("the heartbeat does not panic");

    let ideal = tasks as f64 / CALL.as_secs_f64();
    format!(
        "{tasks:>5} {per_second:>10.0} {:>8.0} % {:>12} {:>12} {:>8} {:>9}",
        100.0 * per_second / ideal,
        percentile(&late, 50).as_micros(),
        percentile(&late, 99).as_micros(),
        threads,
        metrics.handoffs() - handoffs_before,
    )
}

/// Makes blocking calls until `end` and counts them.
async fn calls(end: Instant) -> u32 {
    let mut calls = 0;
    while Instant::now() < end {
        handover::blocking(|| std::thread::sleep(CALL)).await;
        calls += 1;
    }
    calls
}

/// What the heartbeat found out.
struct Heard {
    /// How late each beat was, in order of size.
    late: Vec<Duration>,
    /// The most worker threads at a beat.
    threads: usize,
}

/// Waits for a timer again and again until `end`.
async fn heartbeat(end: Instant) -> Heard {
    let metrics = Handle::current().metrics();
    let (mut late, mut threads) = (Vec::new(), 0);
    while late.is_empty() || Instant::now() < end {
        let due = Instant::now() + BEAT;
        handover::time::sleep_until(due).await;
        late.push(due.elapsed());
        threads = threads.max(metrics.threads());
    }
    late.sort_unstable();
    Heard { late, threads }
}

/// The value that `percent` of the `sorted` values do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

/// Shows what is going on to a person at a terminal, and takes it away again.
fn progress(text: &str) {
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() {
        // A terminal that has gone away is nobody's loss.
        let _ = write!(terminal, "\r\x1b[K{text}").and_then(|()| terminal.flush());
    }
}
