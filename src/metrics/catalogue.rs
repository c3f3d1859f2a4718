//! Which metrics are published, under which names?
//!
//! The one list of them: the text for Prometheus, the `metrics` facade and docs/metrics.md are made of it. The names follow Prometheus' rules: base units, `_total` for counters.

use super::RuntimeMetrics;
use super::durations::DurationHistogram;

/// All series of one name.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// One sentence, without characters that any format would have to escape.
    pub(super) help: &'static str,
    pub(super) series: Vec<Series>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One number, or one histogram.
pub(super) struct Series {
    pub(super) label: Option<(&'static str, Label)>,
    pub(super) value: Value,
}

/// A label's value; none needs escaping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Label {
    Word(&'static str),
    Number(usize),
}

pub(super) enum Value {
    Count(u64),
    Seconds(f64),
    Durations(Box<DurationHistogram>),
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<usize> for Value {
    fn from(count: usize) -> Self {
        Self::Count(count as u64)
    }
}

impl From<DurationHistogram> for Value {
    fn from(durations: DurationHistogram) -> Self {
        Self::Durations(Box::new(durations))
    }
}

fn one(name: &'static str, kind: Kind, help: &'static str, value: impl Into<Value>) -> Family {
    Family { name, kind, help, series: vec![Series { label: None, value: value.into() }] }
}

fn by<V: Into<Value>>(
    name: &'static str,
    kind: Kind,
    help: &'static str,
    label: &'static str,
    values: impl IntoIterator<Item = (&'static str, V)>,
) -> Family {
    let series = values.into_iter().map(|(word, value)| Series { label: Some((label, Label::Word(word))), value: value.into() });
    Family { name, kind, help, series: series.collect() }
}

fn each_processor<V: Into<Value>>(
    name: &'static str,
    kind: Kind,
    help: &'static str,
    metrics: &RuntimeMetrics,
    value: impl Fn(usize) -> V,
) -> Family {
    let series = (0..metrics.num_workers())
        .map(|processor| Series { label: Some(("processor", Label::Number(processor))), value: value(processor).into() });
    Family { name, kind, help, series: series.collect() }
}

/// All of them, with the numbers of now.
pub(super) fn families(metrics: &RuntimeMetrics) -> Vec<Family> {
    [processors(metrics), tasks(metrics), threads(metrics), calls(metrics), handoffs(metrics), samples(metrics)]
        .into_iter()
        .flatten()
        .collect()
}

fn processors(metrics: &RuntimeMetrics) -> Vec<Family> {
    use Kind::{Counter, Gauge};
    vec![
        one("handover_processors", Gauge, "Processors: how many tasks may run at the same time.", metrics.num_workers()),
        each_processor("handover_processor_polls_total", Counter, "Polls of tasks that began on this processor.", metrics, |processor| {
            metrics.worker_poll_count(processor)
        }),
        each_processor(
            "handover_processor_steals_total",
            Counter,
            "Times that this processor took tasks from another one.",
            metrics,
            |processor| metrics.worker_steal_operations(processor),
        ),
        each_processor("handover_processor_queue_depth", Gauge, "Tasks that wait on this processor.", metrics, |processor| {
            metrics.worker_local_queue_depth(processor)
        }),
    ]
}

fn tasks(metrics: &RuntimeMetrics) -> Vec<Family> {
    use Kind::{Counter, Gauge};
    let local: usize = (0..metrics.num_workers()).map(|processor| metrics.worker_local_queue_depth(processor)).sum();
    let depths = [("inject", metrics.global_queue_depth()), ("local", local)];
    vec![
        one("handover_tasks_alive", Gauge, "Tasks that are not over.", metrics.num_alive_tasks()),
        one("handover_tasks_spawned_total", Counter, "Tasks spawned.", metrics.spawned_tasks_count()),
        by("handover_queue_depth", Gauge, "Tasks that wait to be polled, in the inject queue or on processors.", "queue", depths),
        one("handover_polls_total", Counter, "Polls of tasks.", metrics.polls()),
        one("handover_steals_total", Counter, "Times that a processor took tasks from another one.", metrics.steals()),
        one("handover_stolen_tasks_total", Counter, "Tasks that changed processors that way.", metrics.stolen_tasks()),
    ]
}

fn threads(metrics: &RuntimeMetrics) -> Vec<Family> {
    use Kind::{Counter, Gauge};
    vec![
        by("handover_threads", Gauge, "Worker threads by what they do.", "state", metrics.threads_by_state()),
        one("handover_threads_started_total", Counter, "Worker threads started.", metrics.threads_started()),
        one("handover_threads_ended_total", Counter, "Worker threads that have ended.", metrics.threads_ended()),
        one("handover_thread_spawn_failures_total", Counter, "Threads that the system refused.", metrics.thread_spawn_failures()),
        one("handover_parks_total", Counter, "Times that a worker thread parked as a spare.", metrics.parks()),
        one("handover_monitor_kicks_total", Counter, "Times that the monitor was woken out of a doze.", metrics.monitor_kicks()),
    ]
}

fn calls(metrics: &RuntimeMetrics) -> Vec<Family> {
    use Kind::{Counter, Gauge, Histogram};
    let handed_off = metrics.blocking_call_time();
    let outcomes = [("fast", metrics.fast_calls()), ("handed_off", handed_off.count())];
    vec![
        by(
            "handover_blocking_calls_total",
            Counter,
            "Declared blocking calls that have returned: with the processor still there, or handed off.",
            "outcome",
            outcomes,
        ),
        one("handover_blocking_call_duration_seconds", Histogram, "Time of the declared blocking calls that were handed off.", handed_off),
        one("handover_blocking_calls_out", Gauge, "Blocking calls that were handed off and have not returned.", metrics.calls_out()),
        one(
            "handover_blocking_calls_waiting",
            Gauge,
            "Blocking calls that wait before they start because max_blocking_threads are out.",
            metrics.calls_waiting(),
        ),
        one("handover_cap_waits_total", Counter, "Blocking calls that had to wait so.", metrics.admission_waits()),
        one(
            "handover_cap_wait_seconds_total",
            Counter,
            "How long those waited that have started.",
            Value::Seconds(metrics.admission_wait_time().as_secs_f64()),
        ),
        one(
            "handover_cap_breaks_total",
            Counter,
            "Calls let in beyond the limit because none had returned for a second.",
            metrics.admission_breaks(),
        ),
    ]
}

fn handoffs(metrics: &RuntimeMetrics) -> Vec<Family> {
    use Kind::{Counter, Histogram};
    vec![
        by(
            "handover_handoffs_total",
            Counter,
            "Processors that the monitor took from a thread in user code, or that were given away ahead of a long call.",
            "reason",
            metrics.handoffs_by_reason(),
        ),
        one(
            "handover_handoff_delay_seconds",
            Histogram,
            "How long processors that were handed off for waiting tasks had no holder.",
            metrics.handoff_delay(),
        ),
        one(
            "handover_overtaken_poll_duration_seconds",
            Histogram,
            "How long polls went on that computed, or blocked without declaring it, until others had their processor.",
            metrics.overtaken_poll_time(),
        ),
        one("handover_stalls_total", Counter, "Polls that blocked for longer than handoff_after without declaring it.", metrics.stalls()),
        one("handover_runs_without_processor_total", Counter, "Polls that ended without a processor.", metrics.runs_without_processor()),
    ]
}

fn samples(metrics: &RuntimeMetrics) -> Vec<Family> {
    use Kind::Histogram;
    let latencies = [("inject", metrics.global_scheduling_latency()), ("local", metrics.local_scheduling_latency())];
    vec![
        one("handover_poll_duration_seconds", Histogram, "Time of polls; samples.", metrics.poll_time()),
        by("handover_schedule_latency_seconds", Histogram, "Time from being woken to being polled; samples.", "queue", latencies),
    ]
}
