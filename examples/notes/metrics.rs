//! What has been going on? Counters in the text format of Prometheus.

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

/// All counters as text, the runtime's first; `notes` is how many there are.
pub(crate) fn text(counters: &Counters, notes: i64) -> String {
    let mut text = Handle::current().metrics().prometheus();
    sample(&mut text, "notes_stored", "gauge", "Notes in the database.", notes);
    let in_flight = counters.in_flight.load(Ordering::Relaxed);
    sample(&mut text, "notes_requests_in_flight", "gauge", "Requests that are not answered yet.", in_flight);
    head(&mut text, "notes_answers_total", "counter", "Answers by the class of their status.");
    for (class, count) in (1..).zip(&counters.classes) {
        line(&mut text, format_args!("notes_answers_total{{status=\"{class}xx\"}} {}", count.load(Ordering::Relaxed)));
    }
    text
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
