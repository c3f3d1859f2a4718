//! How does a plan become lines of measurements?
//!
//! Within a workload the rounds go over all runtimes in turn, each round starting with another one: whatever drifts on
//! the machine drifts for all.

use std::io;

use crate::args::Plan;
use crate::bench::{Bench, Job};
use crate::data;
use crate::measurement::Line;
use crate::names::RuntimeName;

/// Measures what the plan says, prints each line as it comes, and gives all of them, with the number of measurements
/// that failed. A failed one is reported on stderr and does not stop the others.
pub(crate) fn measure(plan: &Plan) -> io::Result<(Vec<Line>, usize)> {
    // Made here once, so that no child makes it while it is measured.
    data::pages()?;
    if plan.workloads.iter().any(|workload| workload.name == "walk") {
        data::tree()?;
    }
    let bench = Bench::new(plan.workloads.iter().flat_map(|workload| workload.select(&plan.runtimes)))?;
    let (mut lines, mut failures) = (Vec::new(), 0);
    for &workload in &plan.workloads {
        let runtimes = bench.able(workload.select(&plan.runtimes));
        for round in 0..plan.rounds {
            for runtime in in_turn(&runtimes, round) {
                let job = Job { workload, runtime, processors: plan.processors, size: workload.size };
                match measure_and_print(&bench, &job) {
                    Ok(measured) => lines.extend(measured),
                    Err(error) => {
                        eprintln!("FAILED {} {runtime}: {error}", workload.name);
                        failures += 1;
                    }
                }
            }
        }
    }
    Ok((lines, failures))
}

fn measure_and_print(bench: &Bench, job: &Job) -> io::Result<Vec<Line>> {
    let lines = bench.measure(job)?;
    lines.iter().try_for_each(Line::print)?;
    Ok(lines)
}

/// All of them, starting one further each round.
pub(crate) fn in_turn(runtimes: &[RuntimeName], round: usize) -> impl Iterator<Item = RuntimeName> {
    runtimes.iter().copied().cycle().skip(round % runtimes.len().max(1)).take(runtimes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_starts_with_another_runtime() {
        let runtimes = [RuntimeName::Handover, RuntimeName::Tokio, RuntimeName::Go];
        let second: Vec<_> = in_turn(&runtimes, 1).collect();
        assert_eq!(second, [RuntimeName::Tokio, RuntimeName::Go, RuntimeName::Handover]);
        assert_eq!(in_turn(&runtimes, 3).collect::<Vec<_>>(), runtimes);
        assert_eq!(in_turn(&[], 3).count(), 0);
    }
}
