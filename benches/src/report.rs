//! What do the lines of all rounds say together?

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::measurement::{Better, Digits, Line, Metric};
use crate::names::RuntimeName;

/// The medians as markdown: a table for each workload, a row for each runtime.
pub(crate) fn markdown(lines: &[Line]) -> String {
    let mut text = String::from("Medians. `x` is the ratio to handover; bold is the best, floors (in italics) left aside.\n");
    for (workload, lines) in by_workload(lines) {
        let medians = Medians::of(&lines);
        write!(text, "\n### {workload}\n\n{}", medians.table()).expect("a String takes everything");
    }
    text
}

/// The lines of each workload, in the order in which they came.
fn by_workload(lines: &[Line]) -> Vec<(&str, Vec<&Line>)> {
    let mut workloads: Vec<(&str, Vec<&Line>)> = Vec::new();
    for line in lines {
        match workloads.iter_mut().find(|(name, _)| *name == line.workload) {
            Some((_, lines)) => lines.push(line),
            None => workloads.push((&line.workload, vec![line])),
        }
    }
    workloads
}

/// One workload: each runtime's median in each metric.
struct Medians(BTreeMap<(RuntimeName, Metric), f64>);

impl Medians {
    fn of(lines: &[&Line]) -> Self {
        let mut values: BTreeMap<_, Vec<f64>> = BTreeMap::new();
        for line in lines {
            values.entry((line.runtime, line.measurement.metric)).or_default().push(line.measurement.value);
        }
        Self(values.into_iter().map(|(key, values)| (key, median(values))).collect())
    }

    fn table(&self) -> String {
        let metrics: BTreeSet<_> = self.0.keys().map(|(_, metric)| *metric).collect();
        let runtimes: BTreeSet<_> = self.0.keys().map(|(runtime, _)| *runtime).collect();
        let heads = metrics.iter().map(|metric| format!("{} ({})", metric.as_str(), metric.unit()));
        let mut table = row("runtime".to_owned(), heads);
        table += &row("---".to_owned(), metrics.iter().map(|_| "---:".to_owned()));
        for runtime in runtimes {
            let name = if runtime.is_floor() { format!("*{runtime}*") } else { runtime.to_string() };
            table += &row(name, metrics.iter().map(|metric| self.cell(runtime, *metric)));
        }
        table
    }

    fn cell(&self, runtime: RuntimeName, metric: Metric) -> String {
        let Some(&value) = self.0.get(&(runtime, metric)) else {
            return "-".to_owned();
        };
        let ratio = match self.0.get(&(RuntimeName::Handover, metric)) {
            Some(&ours) if runtime != RuntimeName::Handover && ours > 0.0 => {
                format!(" ({:.2}x)", value / ours)
            }
            _ => String::new(),
        };
        let text = format!("{}{ratio}", Digits(value));
        if self.is_best(runtime, metric, value) { format!("**{text}**") } else { text }
    }

    /// Whether no runtime does better, the floors left aside.
    fn is_best(&self, runtime: RuntimeName, metric: Metric, value: f64) -> bool {
        let mut rivals = self.0.iter().filter(|((rival, of), _)| *of == metric && !rival.is_floor());
        !runtime.is_floor()
            && rivals.all(|(_, rival)| match metric.better() {
                Better::Lower => value <= *rival,
                Better::Higher => value >= *rival,
            })
    }
}

fn row(first: String, rest: impl Iterator<Item = String>) -> String {
    let cells: Vec<_> = [first].into_iter().chain(rest).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// The middle value; of an even number the mean of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) { values[middle - 1].midpoint(values[middle]) } else { values[middle] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<Line> {
        text.lines().map(|line| line.trim().parse().expect("a line")).collect()
    }

    #[test]
    fn the_table_has_medians_ratios_and_the_best() {
        let lines = lines(
            "storm handover calls_per_s 5000 1/s
             storm handover calls_per_s 7000 1/s
             storm handover calls_per_s 6000 1/s
             storm tokio calls_per_s 3000 1/s
             storm std calls_per_s 9000 1/s",
        );
        let table = markdown(&lines);
        assert!(table.contains("### storm"), "{table}");
        assert!(table.contains("| handover | **6000** |"), "{table}");
        assert!(table.contains("| tokio | 3000 (0.50x) |"), "{table}");
        assert!(table.contains("| *std* | 9000 (1.50x) |"), "{table}");
    }

    #[test]
    fn lower_is_better_for_times_and_a_missing_value_is_a_dash() {
        let lines = lines(
            "handoff tokio probe_p50 20.0 us
             handoff go probe_p50 10.0 us
             handoff go burst_p50 10.0 ms",
        );
        let table = markdown(&lines);
        assert!(table.contains("| tokio | 20.00 | - |"), "{table}");
        assert!(table.contains("| go | **10.00** | **10.00** |"), "{table}");
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert!((median(vec![4.0, 1.0, 2.0, 100.0]) - 3.0).abs() < 1e-9);
    }
}
