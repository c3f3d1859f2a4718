//! How is a dump read by people?

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use super::{Activity, Dump, State, Task, Thread, Wait};

/// With three digits.
struct Time(Duration);

impl Display for Time {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        let (value, unit) = match self.0.as_micros() {
            0..1_000 => (seconds * 1e6, "us"),
            1_000..1_000_000 => (seconds * 1e3, "ms"),
            _ => (seconds, "s"),
        };
        let decimals = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
        write!(f, "{value:.decimals$} {unit}")
    }
}

/// As precisely as a wait is known: tenths of a second.
struct Waited(Duration);

impl Display for Waited {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        let (value, unit) = match self.0.as_secs() {
            0..100 if self.0.as_millis() < 100 => return f.write_str("less than 0.1 s"),
            0..100 => return write!(f, "{seconds:.1} s"),
            100..6_000 => (seconds / 60.0, "min"),
            6_000..360_000 => (seconds / 3_600.0, "h"),
            _ => (seconds / 86_400.0, "d"),
        };
        let decimals = usize::from(value < 100.0);
        write!(f, "{value:.decimals$} {unit}")
    }
}

impl Display for Dump {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write_summary(f)?;
        writeln!(f, "processors")?;
        for (number, processor) in self.processors.iter().enumerate() {
            write!(f, "  {number}: ")?;
            match processor.thread {
                Some(tid) => write!(f, "held by thread {tid}")?,
                None if processor.is_idle => f.write_str("idle")?,
                None => f.write_str("changes hands")?,
            }
            writeln!(f, ", {} queued", processor.queued)?;
        }
        writeln!(f, "threads")?;
        self.threads.iter().try_for_each(|thread| writeln!(f, "  {thread}"))?;
        writeln!(f, "tasks")?;
        self.tasks.iter().try_for_each(|task| writeln!(f, "  {task}"))
    }
}

impl Dump {
    fn write_summary(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { tasks, threads, max_threads, calls_out, calls_waiting, max_calls_out, .. } = self;
        let state = if self.is_closing { ", shutting down" } else { "" };
        writeln!(
            f,
            "handover: {} tasks, {} queued ({} injected, {} returners); {} of at most {max_threads} threads; {calls_out} calls out (limit {max_calls_out}), {calls_waiting} waiting{state}",
            tasks.len(),
            self.queued(),
            self.injected,
            self.returners,
            threads.len(),
        )?;
        let held_up = self.held_up();
        if self.is_wedged() {
            writeln!(f, "WEDGED: no thread is left to run the tasks that wait; every one is held up")?;
        }
        if !held_up.is_empty() {
            writeln!(f, "held up, longest first")?;
        }
        held_up.iter().try_for_each(|thread| writeln!(f, "  {thread}"))
    }
}

impl Display for Thread {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "thread {}", self.tid)?;
        if let Some(processor) = self.processor {
            write!(f, " (processor {processor})")?;
        }
        f.write_str(match self.activity {
            Activity::Starting => " starts",
            Activity::Spare => " is a spare",
            Activity::Polling => " waits for timers and sockets",
            Activity::Scheduling => " is between tasks",
            Activity::Running => " runs",
            Activity::InCall => " is in a call",
        })?;
        if let Some(call) = self.call {
            write!(f, " at {call} of")?;
        }
        if let (Some(task), Some(spawned_at)) = (self.task, self.spawned_at) {
            write!(f, " task {task} spawned at {spawned_at}")?;
        }
        if let Some(elapsed) = self.elapsed {
            write!(f, ", for {}", Time(elapsed))?;
        }
        match (self.kernel_state, &self.wait_channel) {
            (Some('R'), _) | (None, None) => Ok(()),
            (_, Some(channel)) => write!(f, ", blocked in {channel}"),
            (Some(_), None) => write!(f, ", blocked"),
        }
    }
}

impl Display for Task {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        write!(f, " spawned at {}: ", self.spawned_at)?;
        if self.is_cancelled {
            f.write_str("aborted, ")?;
        }
        write!(f, "{}", self.state)?;
        if self.state == State::Waiting && self.waits_for.is_empty() {
            f.write_str(" to be woken")?;
        }
        for (n, wait) in self.named_waits().enumerate() {
            write!(f, " {} {wait}", if n == 0 { "for" } else { "or" })?;
        }
        match self.elapsed {
            Some(elapsed) if self.state == State::Waiting => write!(f, ", for {}", Waited(elapsed)),
            Some(elapsed) => write!(f, ", for {}", Time(elapsed)),
            None => Ok(()),
        }
    }
}

impl Display for State {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running { thread: Some(thread) } => write!(f, "running on thread {thread}"),
            Self::Running { thread: None } => f.write_str("running"),
            Self::InCall { thread, at } => write!(f, "in the call at {at} on thread {thread}"),
            Self::Queued => f.write_str("queued"),
            Self::Waiting => f.write_str("waiting"),
            Self::Over => f.write_str("over"),
        }
    }
}

impl Display for Wait {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Readable(fd) => write!(f, "descriptor {fd} to be readable"),
            Self::Writable(fd) => write!(f, "descriptor {fd} to be writable"),
            Self::Ready(fd) => write!(f, "descriptor {fd} to be readable or writable"),
            Self::Timer(left) => write!(f, "a timer due in {}", Time(*left)),
            Self::Task(id) => write!(f, "task {id}"),
            Self::Admission(ahead) => write!(f, "a place among the calls that are out, behind {ahead} others"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits() {
        let text = |micros| Time(Duration::from_micros(micros)).to_string();
        assert_eq!(
            [text(1), text(1_500), text(12_340), text(123_400), text(61_000_000)],
            ["1.00 us", "1.50 ms", "12.3 ms", "123 ms", "61.0 s"]
        );
    }

    #[test]
    fn waits_have_the_digits_that_are_known() {
        let text = |millis| Waited(Duration::from_millis(millis)).to_string();
        assert_eq!([text(0), text(99), text(100), text(2_540)], ["less than 0.1 s", "less than 0.1 s", "0.1 s", "2.5 s"]);
        assert_eq!([text(99_900), text(100_000), text(5_940_000)], ["99.9 s", "1.7 min", "99.0 min"]);
        assert_eq!([text(6_000_000), text(360_000_000), text(17_280_000_000)], ["1.7 h", "4.2 d", "200 d"]);
    }
}
