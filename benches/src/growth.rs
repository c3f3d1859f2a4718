//! How does cost grow?
//!
//! A series measures workloads at a few places along one axis, in the order of the rounds (see [`crate::driver`]), and
//! becomes a drawing with its table beside it.

use std::fs;
use std::io::{self, Write};
use std::num::NonZero;
use std::thread;

use crate::args::GrowthPlan;
use crate::bench::Bench;
use crate::driver::in_turn;
use crate::measurement::Line;
use crate::names::RuntimeName;
use points::Points;
use series::{Series, Study};

pub(crate) mod plot;
pub(crate) mod points;
pub(crate) mod series;

/// What the reader of a drawing has to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) rounds: usize,
    /// Of a series that does not vary them.
    pub(crate) processors: usize,
    /// Those of the machine that this program may use.
    pub(crate) cores: u64,
}

/// Measures what the plan says, draws each series once it is through, and says how many measurements failed. A failed
/// one is reported on stderr, does not stop the others, and is a gap in the drawing.
pub(crate) fn measure(plan: &GrowthPlan) -> io::Result<usize> {
    let naming = |error: io::Error| io::Error::new(error.kind(), format!("the directory {}: {error}", plan.out.display()));
    fs::create_dir_all(&plan.out).map_err(naming)?;
    let studies = plan.series.iter().flat_map(|series| series.studies);
    let bench = Bench::new(studies.flat_map(|study| study.select(&plan.runtimes)))?;
    let cores = thread::available_parallelism().map_or(1, NonZero::get) as u64;
    let setting = Setting { rounds: plan.rounds, processors: plan.processors, cores };
    let mut failures = 0;
    for series in &plan.series {
        let mut run = Run { series, plan, bench: &bench, points: Points::default(), failures: 0 };
        series.studies.iter().for_each(|study| run.measure(study));
        failures += run.failures;
        if run.points.is_empty() {
            eprintln!("FAILED {}: nothing has been measured, nothing is drawn", series.name);
            failures += 1;
        } else {
            run.write(&setting)?;
        }
    }
    Ok(failures)
}

/// A series while it is measured.
struct Run<'a> {
    series: &'a Series,
    plan: &'a GrowthPlan,
    bench: &'a Bench,
    points: Points,
    failures: usize,
}

impl Run<'_> {
    fn measure(&mut self, study: &Study) {
        let runtimes = self.bench.able(study.select(&self.plan.runtimes));
        for round in 0..self.plan.rounds {
            for &at in self.series.at {
                for runtime in in_turn(&runtimes, round) {
                    if let Err(error) = self.measure_at(study, runtime, at) {
                        eprintln!("FAILED {}={at} {} {runtime}: {error}", self.series.name, study.name);
                        self.failures += 1;
                    }
                }
            }
        }
    }

    fn measure_at(&mut self, study: &Study, runtime: RuntimeName, at: u64) -> io::Result<()> {
        let job = self.series.job(study, runtime, at, self.plan.processors);
        for measured in self.bench.measure(&job)? {
            let line = Line { workload: study.name.to_owned(), ..measured };
            writeln!(io::stdout(), "{}={at} {line}", self.series.name)?;
            self.points.add(study.name, at, &line);
        }
        Ok(())
    }

    fn write(&self, setting: &Setting) -> io::Result<()> {
        let (drawing, table) = ["svg", "csv"].map(|kind| self.plan.out.join(self.series.name).with_extension(kind)).into();
        fs::write(&drawing, plot::svg(self.series, &self.points, setting))?;
        fs::write(&table, self.points.csv(self.series, setting))?;
        writeln!(io::stdout(), "\n{}\n{}\n", drawing.display(), table.display())
    }
}
