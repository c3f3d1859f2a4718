//! Does the example `handoff` show what it promises?

#[path = "support/example.rs"]
mod example;

use std::process::Command;

const TASKS: [u64; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];

#[test]
fn blocking_tasks_overlap_on_two_processors_and_the_heartbeat_goes_on() {
    let output = Command::new(example::path("handoff")).arg("--quick").output().expect("the example runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{stderr}");
    let text = String::from_utf8(output.stdout).expect("the table is text");
    let lines: Vec<Line> = text.lines().filter(|line| line.starts_with(' ') && !line.contains("tasks")).map(Line::read).collect();

    assert_eq!(lines.iter().map(|line| line.tasks).collect::<Vec<_>>(), TASKS, "{text}");
    for line in &lines {
        // An eighth of what is possible, for a machine that does other things as well; two threads without hand-off
        // would reach 200 calls of 10 ms per second, whatever the number of tasks.
        assert!(line.calls_per_second >= line.tasks * 100 / 8, "{text}");
        // Without hand-off the heartbeat would be late by a whole call and more.
        assert!(line.late_p50_us < 10_000, "{text}");
    }
    for explained in ["late: how late", "threads: the most", "hand-offs: calls"] {
        assert!(text.contains(explained), "{explained}\n{text}");
    }
    assert!(text.lines().last().is_some_and(|line| line.starts_with("What to read from it: ")), "{text}");
    let last = lines.last().expect("the table has lines");
    assert!(last.threads >= 64, "calls that overlap have a thread each\n{text}");
    assert!(lines.iter().map(|line| line.handoffs).sum::<u64>() > 0, "{text}");
}

#[test]
fn an_unknown_argument_is_refused() {
    let output = Command::new(example::path("handoff")).arg("--fast").output().expect("the example runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr.contains("--fast") && stderr.contains("Usage: handoff [--quick]"), "{stderr}");
}

/// A line of the table.
struct Line {
    tasks: u64,
    calls_per_second: u64,
    late_p50_us: u64,
    threads: u64,
    handoffs: u64,
}

impl Line {
    fn read(line: &str) -> Self {
        let numbers: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [tasks, calls_per_second, _of_ideal, late_p50_us, _late_p99_us, threads, handoffs] = numbers[..] else {
            panic!("expected seven numbers in {line:?}");
        };
        Self { tasks, calls_per_second, late_p50_us, threads, handoffs }
    }
}
