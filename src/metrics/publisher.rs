//! How do the numbers get to the recorder of the `metrics` facade?

use std::collections::HashMap;
use std::time::Duration;

use super::RuntimeMetrics;
use super::catalogue::{Family, Kind, Label, Series, Value, families};
use super::durations::DurationHistogram;

/// Publishes a runtime's numbers through the [`metrics`](https://docs.rs/metrics) facade, under the names of docs/metrics.md: whenever it is told to, or by a task of its own.
///
/// The facade takes single values for histograms, and whole numbers for counters. So what has come to a bucket since the last time is recorded as its upper bound (beyond the last one, as that),
/// and `handover_cap_wait_seconds_total` is a gauge.
///
/// ```
/// use handover::metrics::Publisher;
/// use handover::runtime::Runtime;
///
/// let runtime = Runtime::new()?;
/// let mut publisher = Publisher::new(runtime.metrics());
/// publisher.publish(); // to the recorder that the program has installed, if any
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct Publisher {
    metrics: RuntimeMetrics,
    /// What each histogram held when it was published last.
    published: HashMap<(&'static str, Option<Label>), DurationHistogram>,
}

impl Publisher {
    /// Nothing is published yet.
    pub fn new(metrics: RuntimeMetrics) -> Self {
        Self { metrics, published: HashMap::new() }
    }

    /// Publishes the numbers of now, to the recorder of the calling thread or else the global one. The recorder is called on this thread.
    pub fn publish(&mut self) {
        for family in families(&self.metrics) {
            describe(&family);
            for series in &family.series {
                self.publish_series(family.name, family.kind, series);
            }
        }
    }

    /// Publishes now and then every `period`, as a future for [`spawn`](crate::spawn); it never ends.
    ///
    /// # Cancel safety
    /// It may be dropped at any time: nothing is published twice.
    #[cfg(feature = "time")]
    pub async fn publish_every(mut self, period: Duration) -> std::convert::Infallible {
        loop {
            self.publish();
            crate::time::sleep(period).await;
        }
    }

    fn publish_series(&mut self, name: &'static str, kind: Kind, series: &Series) {
        let labels: Vec<_> = series.label.iter().map(|(label, value)| ::metrics::Label::new(*label, value.to_string())).collect();
        match (&series.value, kind) {
            (Value::Count(count), Kind::Counter) => ::metrics::counter!(name, labels).absolute(*count),
            (Value::Count(count), _) => ::metrics::gauge!(name, labels).set(*count as f64),
            (Value::Seconds(seconds), _) => ::metrics::gauge!(name, labels).set(*seconds),
            (Value::Durations(now), _) => {
                let before = self.published.insert((name, series.label.map(|(_, value)| value)), (**now).clone());
                record_growth(&::metrics::histogram!(name, labels), before.as_ref(), now);
            }
        }
    }
}

fn describe(family: &Family) {
    let Family { name, kind, help, .. } = *family;
    let is_fractional = family.series.iter().any(|series| matches!(series.value, Value::Seconds(_)));
    match kind {
        Kind::Counter if !is_fractional => ::metrics::describe_counter!(name, help),
        Kind::Counter => ::metrics::describe_gauge!(name, ::metrics::Unit::Seconds, help),
        Kind::Gauge => ::metrics::describe_gauge!(name, help),
        Kind::Histogram => ::metrics::describe_histogram!(name, ::metrics::Unit::Seconds, help),
    }
}

/// Records what has come since `before`.
fn record_growth(histogram: &::metrics::Histogram, before: Option<&DurationHistogram>, now: &DurationHistogram) {
    let before = before.into_iter().flat_map(DurationHistogram::buckets).map(|(_, count)| count).chain(std::iter::repeat(0));
    let mut longest = Duration::ZERO;
    for ((bound, count), before) in now.buckets().zip(before) {
        longest = bound.unwrap_or(longest);
        let new = usize::try_from(count - before).unwrap_or(usize::MAX);
        if new > 0 {
            histogram.record_many(longest.as_secs_f64(), new);
        }
    }
}
