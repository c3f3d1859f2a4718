//! What has been measured at each place of a series?

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Setting;
use super::series::{Series, Varied};
use crate::measurement::{Digits, Line, Metric};
use crate::names::RuntimeName;
use crate::report::median;

/// The values of all rounds.
#[derive(Debug, Default)]
pub(crate) struct Points(BTreeMap<Place, Vec<f64>>);

/// Where in a series a value belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    study: &'static str,
    runtime: RuntimeName,
    metric: Metric,
    at: u64,
}

impl Points {
    pub(crate) fn add(&mut self, study: &'static str, at: u64, line: &Line) {
        let place = Place { study, runtime: line.runtime, metric: line.measurement.metric, at };
        self.0.entry(place).or_default().push(line.measurement.value);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The median of the rounds, if there has been one that did not fail.
    pub(crate) fn median(&self, study: &'static str, runtime: RuntimeName, metric: Metric, at: u64) -> Option<f64> {
        self.0.get(&Place { study, runtime, metric, at }).cloned().map(median)
    }

    /// One row for each place and metric.
    pub(crate) fn csv(&self, series: &Series, setting: &Setting) -> String {
        let mut text = String::from("series,at,workload,runtime,metric,unit,median,lowest,highest,rounds,processors,cores\n");
        for (Place { study, runtime, metric, at }, values) in &self.0 {
            let processors = if series.varied == Varied::Processors { *at } else { setting.processors as u64 };
            let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
            let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let numbers = [median(values.clone()), lowest, highest].map(|value| Digits(value).to_string()).join(",");
            let (name, metric, unit) = (series.name, metric.as_str(), metric.unit());
            let (rounds, cores) = (values.len(), setting.cores);
            writeln!(text, "{name},{at},{study},{runtime},{metric},{unit},{numbers},{rounds},{processors},{cores}")
                .expect("a String takes everything");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::growth::series;

    fn points(lines: &[(u64, &str)]) -> Points {
        let mut points = Points::default();
        for (at, line) in lines {
            points.add("spawn_wait", *at, &line.parse().expect("a line"));
        }
        points
    }

    #[test]
    fn rounds_become_medians_and_a_place_without_one_stays_empty() {
        let points = points(&[
            (1_000, "spawn_wait tokio ns_per_task 300 ns"),
            (1_000, "spawn_wait tokio ns_per_task 100 ns"),
            (1_000, "spawn_wait tokio ns_per_task 200 ns"),
            (100_000, "spawn_wait tokio ns_per_task 400 ns"),
        ]);
        let medians = [1_000, 10_000, 100_000].map(|at| points.median("spawn_wait", RuntimeName::Tokio, Metric::NsPerTask, at));
        assert_eq!(medians, [Some(200.0), None, Some(400.0)]);
    }

    #[test]
    fn the_table_says_what_was_measured_where_and_on_how_many_cores() {
        let points = points(&[(1_000, "spawn_wait tokio ns_per_task 300 ns"), (1_000, "spawn_wait tokio ns_per_task 100 ns")]);
        let setting = Setting { rounds: 2, processors: 4, cores: 8 };
        let csv = points.csv(series::find("tasks").expect("a series"), &setting);
        assert_eq!(csv.lines().nth(1), Some("tasks,1000,spawn_wait,tokio,ns_per_task,ns,200.0,100.0,300.0,2,4,8"));
    }

    #[test]
    fn where_processors_vary_the_table_has_those_of_the_place() {
        let points = points(&[(16, "spawn_wait tokio ns_per_task 300 ns")]);
        let csv = points.csv(series::find("processors").expect("a series"), &Setting { rounds: 1, processors: 2, cores: 8 });
        assert!(csv.ends_with(",1,16,8\n"), "{csv}");
    }
}
