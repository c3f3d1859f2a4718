//! Does the `metrics` facade get the same numbers?

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use handover::metrics::Publisher;
use metrics::{Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use crate::exposition::Exposition;
use crate::{make_calls, runtime};

/// What was recorded under each name and labels: the last value, or how many values of a histogram.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<BTreeMap<String, f64>>>);

struct Cell {
    seen: Seen,
    series: String,
}

impl Cell {
    fn change(&self, change: impl FnOnce(&mut f64)) {
        change(self.seen.0.lock().unwrap().entry(self.series.clone()).or_default());
    }
}

impl CounterFn for Cell {
    fn increment(&self, value: u64) {
        self.change(|count| *count += value as f64);
    }
    fn absolute(&self, value: u64) {
        self.change(|count| *count = value as f64);
    }
}

impl GaugeFn for Cell {
    fn increment(&self, value: f64) {
        self.change(|level| *level += value);
    }
    fn decrement(&self, value: f64) {
        self.change(|level| *level -= value);
    }
    fn set(&self, value: f64) {
        self.change(|level| *level = value);
    }
}

impl HistogramFn for Cell {
    fn record(&self, _value: f64) {
        self.change(|count| *count += 1.0);
    }
}

impl Seen {
    fn cell(&self, key: &Key) -> Arc<Cell> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}=\"{}\"", label.key(), label.value())).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        Arc::new(Cell { seen: self.clone(), series: format!("{}{labels}", key.name()) })
    }
}

impl Recorder for Seen {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key))
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.cell(key))
    }
}

#[test]
fn the_facade_gets_every_name_and_each_duration_once() {
    let (runtime, _watchdog) = runtime(1);
    let (seen, mut publisher) = (Seen::default(), Publisher::new(runtime.metrics()));
    for rounds in [1.0, 2.0] {
        make_calls(&runtime, 50, 4, 0);
        metrics::with_local_recorder(&seen, || publisher.publish());
        metrics::with_local_recorder(&seen, || publisher.publish());
        let seen = seen.0.lock().unwrap();
        assert_eq!(seen["handover_processors"], 1.0);
        assert_eq!(seen["handover_blocking_calls_total{outcome=\"fast\"}"], 50.0 * rounds);
        assert_eq!(seen["handover_handoffs_total{reason=\"given_away\"}"], 4.0 * rounds);
        assert_eq!(seen["handover_blocking_call_duration_seconds"], 4.0 * rounds);
    }
    let names = seen.0.lock().unwrap().keys().map(|series| series.split('{').next().unwrap_or(series).to_owned()).collect::<Vec<_>>();
    for (name, family) in &Exposition::read(&runtime.metrics().prometheus()).unwrap().0 {
        assert!(names.contains(name) || family.kind == "histogram", "{name} is not published");
    }
}
