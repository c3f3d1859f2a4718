//! What has been going on? Counters in the text format of Prometheus.

use handover::RuntimeMetrics;
use handover::runtime::Handle;
use hyper::StatusCode;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the service counts itself.
#[derive(Default)]
pub(crate) struct Counters {
    /// Answers so far, by the first digit of their status.
    classes: [AtomicU64; 5],
    in_flight: AtomicU64,
}

// Relaxed throughout: these are counts of their own, nothing else is read by them.
impl Counters {
    pub(crate) fn count(&self, status: StatusCode) {
        self.classes[usize::from(status.as_u16() / 100) - 1].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request as in flight until the value is dropped, which a client that goes away may cause at any `.await`.
    pub(crate) fn begin(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self)
    }
}

/// One request, from its head to its answer.
pub(crate) struct InFlight<'a>(&'a Counters);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// All counters as text; `notes` is how many there are.
pub(crate) fn text(counters: &Counters, notes: i64) -> String {
    let mut text = String::new();
    let metrics = Handle::current().metrics();
    for (name, kind, help, value) in runtime(&metrics) {
        sample(&mut text, name, kind, help, value);
    }
    let waited = metrics.admission_wait_time().as_secs_f64();
    sample(&mut text, "handover_admission_wait_seconds_total", "counter", "How long those waited.", waited);
    sample(&mut text, "notes_stored", "gauge", "Notes in the database.", notes);
    let in_flight = counters.in_flight.load(Ordering::Relaxed);
    sample(&mut text, "notes_requests_in_flight", "gauge", "Requests that are not answered yet.", in_flight);
    head(&mut text, "notes_answers_total", "counter", "Answers by the class of their status.");
    for (class, count) in (1..).zip(&counters.classes) {
        line(&mut text, format_args!("notes_answers_total{{status=\"{class}xx\"}} {}", count.load(Ordering::Relaxed)));
    }
    text
}

type Sample = (&'static str, &'static str, &'static str, u64);

fn runtime(metrics: &RuntimeMetrics) -> [Sample; 17] {
    [
        ("handover_processors", "gauge", "Processors: the right to run tasks.", metrics.num_workers() as u64),
        ("handover_threads", "gauge", "Worker threads.", metrics.threads() as u64),
        ("handover_spare_threads", "gauge", "Worker threads parked without a processor.", metrics.spare_threads() as u64),
        (
            "handover_threads_without_processor",
            "gauge",
            "Worker threads that run a task without a processor.",
            metrics.threads_without_processor() as u64,
        ),
        ("handover_calls_out", "gauge", "Blocking calls that were handed off and have not returned.", metrics.calls_out() as u64),
        ("handover_calls_waiting", "gauge", "Blocking calls that wait for others to return.", metrics.calls_waiting() as u64),
        ("handover_admission_waits_total", "counter", "Blocking calls that had to wait for others.", metrics.admission_waits()),
        ("handover_tasks", "gauge", "Tasks that have not ended.", metrics.num_alive_tasks() as u64),
        ("handover_global_queue_depth", "gauge", "Tasks in the inject queue.", metrics.global_queue_depth() as u64),
        ("handover_handoffs_total", "counter", "Calls and polls that others could overtake.", metrics.handoffs()),
        ("handover_retakes_total", "counter", "Processors taken from a thread by the monitor.", metrics.retakes()),
        ("handover_stalls_total", "counter", "Polls that blocked without declaring it.", metrics.stalls()),
        ("handover_threads_started_total", "counter", "Worker threads started.", metrics.threads_started()),
        ("handover_threads_ended_total", "counter", "Worker threads ended.", metrics.threads_ended()),
        ("handover_polls_total", "counter", "Polls of tasks.", metrics.polls()),
        ("handover_steals_total", "counter", "Times that a processor took tasks from another.", metrics.steals()),
        ("handover_parks_total", "counter", "Times that a thread parked.", metrics.parks()),
    ]
}

fn sample(text: &mut String, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
    head(text, name, kind, help);
    line(text, format_args!("{name} {value}"));
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    line(text, format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a String takes any text");
}
