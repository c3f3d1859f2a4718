//! What is one line of output, and which metrics are there?

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;
use std::time::Duration;

use crate::names::RuntimeName;

/// Defines the metrics with their names and units, in the order of the tables.
macro_rules! metrics {
    ($($metric:ident = $name:literal, $unit:literal, $better:ident;)+) => {
        /// What was measured. The name tells the unit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Metric { $($metric),+ }

        impl Metric {
            pub(crate) const ALL: &[Self] = &[$(Self::$metric),+];

            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$metric => $name),+ }
            }

            pub(crate) fn unit(self) -> &'static str {
                match self { $(Self::$metric => $unit),+ }
            }

            pub(crate) fn better(self) -> Better {
                match self { $(Self::$metric => Better::$better),+ }
            }
        }
    };
}

/// Which end of a scale is the good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    Lower,
    Higher,
}

metrics! {
    NsPerCall = "ns_per_call", "ns", Lower;
    OverRaw = "over_raw", "ns", Lower;
    NsPerOp = "ns_per_op", "ns", Lower;
    OfRaw = "of_raw", "%", Higher;
    NsPerTask = "ns_per_task", "ns", Lower;
    NsPerPair = "ns_per_pair", "ns", Lower;
    NsPerMsg = "ns_per_msg", "ns", Lower;
    NsPerYield = "ns_per_yield", "ns", Lower;
    CallsPerS = "calls_per_s", "1/s", Higher;
    OpsPerS = "ops_per_s", "1/s", Higher;
    ReqsPerS = "reqs_per_s", "1/s", Higher;
    Throughput = "throughput", "MB/s", Higher;
    CpuPerCall = "cpu_per_call", "us", Lower;
    Cpu = "cpu", "ms", Lower;
    CpuPerSleep = "cpu_per_sleep", "us", Lower;
    LateP50 = "late_p50", "us", Lower;
    LateP99 = "late_p99", "us", Lower;
    LateMax = "late_max", "us", Lower;
    ProbeP50 = "probe_p50", "us", Lower;
    ProbeP99 = "probe_p99", "us", Lower;
    LatP50 = "lat_p50", "us", Lower;
    LatP99 = "lat_p99", "us", Lower;
    BurstP50 = "burst_p50", "ms", Lower;
    PeakThreads = "peak_threads", "threads", Lower;
    BytesPerTask = "bytes_per_task", "B", Lower;
    Switches = "switches", "switches", Lower;
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|metric| metric.as_str() == text).ok_or_else(|| format!("unknown metric `{text}`"))
    }
}

/// A metric and its value, in the metric's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measurement {
    pub(crate) metric: Metric,
    pub(crate) value: f64,
}

impl Measurement {
    /// A value that already is in the metric's unit.
    pub(crate) fn new(metric: Metric, value: f64) -> Self {
        Self { metric, value }
    }

    /// A time, converted to the metric's unit.
    ///
    /// # Panics
    ///
    /// Panics if the metric is no time.
    pub(crate) fn time(metric: Metric, time: Duration) -> Self {
        let scale = match metric.unit() {
            "ns" => 1e9,
            "us" => 1e6,
            "ms" => 1e3,
            other => panic!("{metric:?} is measured in {other}, not in time"),
        };
        Self::new(metric, time.as_secs_f64() * scale)
    }

    /// A time shared out among `count` events.
    pub(crate) fn time_each(metric: Metric, time: Duration, count: u64) -> Self {
        let all = Self::time(metric, time);
        Self::new(metric, all.value / count as f64)
    }

    /// How many events there were in a second.
    pub(crate) fn rate(metric: Metric, count: u64, time: Duration) -> Self {
        Self::new(metric, count as f64 / time.as_secs_f64())
    }
}

/// One line of output: `workload runtime metric value unit`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) workload: String,
    pub(crate) runtime: RuntimeName,
    pub(crate) measurement: Measurement,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Measurement { metric, value } = self.measurement;
        write!(f, "{} {} {} {} {}", self.workload, self.runtime, metric.as_str(), Digits(value), metric.unit())
    }
}

impl FromStr for Line {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<_> = text.split(' ').collect();
        let [workload, runtime, metric, value, unit] = words[..] else {
            return Err(format!("`{text}` is not of the form `workload runtime metric value unit`"));
        };
        let metric: Metric = metric.parse()?;
        let value: f64 = value.parse().map_err(|error| format!("the value in `{text}`: {error}"))?;
        if unit != metric.unit() {
            return Err(format!("{} is measured in {}, not in `{unit}`", metric.as_str(), metric.unit()));
        }
        Ok(Self { workload: workload.to_owned(), runtime: runtime.parse()?, measurement: Measurement { metric, value } })
    }
}

impl Line {
    /// Prints it.
    ///
    /// # Errors
    ///
    /// Those of standard output, such as a reader that has gone.
    pub(crate) fn print(&self) -> io::Result<()> {
        writeln!(io::stdout(), "{self}")
    }
}

/// A number with four significant digits, and never fewer than those before the point.
pub(crate) struct Digits(pub(crate) f64);

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = match self.0.abs() {
            size if size >= 1000.0 => 0,
            size if size >= 100.0 => 1,
            size if size >= 10.0 => 2,
            _ => 3,
        };
        write!(f, "{:.places$}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_survives_print_and_parse() {
        let line =
            Line { workload: "storm".to_owned(), runtime: RuntimeName::TokioBip, measurement: Measurement::new(Metric::CallsPerS, 5113.0) };
        assert_eq!(line.to_string(), "storm tokio-bip calls_per_s 5113 1/s");
        assert_eq!(line.to_string().parse(), Ok(line));
    }

    #[test]
    fn a_line_with_a_wrong_unit_is_refused() {
        let refused = "storm tokio late_p50 3.0 ms".parse::<Line>();
        assert_eq!(refused, Err("late_p50 is measured in us, not in `ms`".to_owned()));
    }

    #[test]
    fn a_time_is_converted_to_the_unit_of_its_metric() {
        let burst = Measurement::time(Metric::BurstP50, Duration::from_micros(10_500));
        assert!((burst.value - 10.5).abs() < 1e-9);
        let call = Measurement::time_each(Metric::NsPerCall, Duration::from_micros(9), 100);
        assert!((call.value - 90.0).abs() < 1e-9);
    }
}
