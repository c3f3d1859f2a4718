//! How is a series drawn?
//!
//! One panel for each metric, two in a row; both axes logarithmic. The background is white, so that the drawing reads on
//! a dark page too. A place where nothing was measured is a gap in the line.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::combinators::{BindKeyPoints, IntoLogRange};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::Setting;
use super::points::Points;
use super::series::{Panel, Series, Study, Varied};
use crate::names::RuntimeName;

/// In pixels, as is everything below.
const PANEL: (u32, u32) = (480, 320);
const HEADER: u32 = 64;
const FOOTER: u32 = 28;
const COLUMNS: u32 = 2;
const INK: RGBColor = RGBColor(40, 40, 40);
const GRID: RGBColor = RGBColor(225, 225, 225);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// Why a drawing fails. One into a `String` has no reason to.
type Failure<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

/// The drawing as an SVG document.
pub(crate) fn svg(series: &Series, points: &Points, setting: &Setting) -> String {
    let mut document = String::new();
    draw(&mut document, series, points, setting).expect("a String takes every drawing");
    document
}

fn draw<'a>(document: &'a mut String, series: &Series, points: &Points, setting: &Setting) -> Result<(), Failure<'a>> {
    let panels: Vec<_> = series.studies.iter().flat_map(|study| study.panels.iter().map(move |panel| (study, panel))).collect();
    let rows = (panels.len() as u32).div_ceil(COLUMNS);
    let size = (PANEL.0 * COLUMNS, HEADER + rows * PANEL.1 + FOOTER);
    let root = SVGBackend::with_string(document, size).into_drawing_area();
    root.fill(&WHITE)?;
    let (header, rest) = root.split_vertically(HEADER);
    let (body, footer) = rest.split_vertically(rows * PANEL.1);
    draw_header(&header, series, &present(series, points))?;
    for (area, (study, panel)) in body.split_evenly((rows as usize, COLUMNS as usize)).iter().zip(panels) {
        Chart { series, study, panel, points, setting }.draw(area)?;
    }
    footer.draw_text(&caption(series, setting), &text(14), (14, 4))?;
    root.present()
}

/// The runtimes of which there is something to draw.
fn present(series: &Series, points: &Points) -> Vec<RuntimeName> {
    let is_there = |runtime: &RuntimeName| {
        series.studies.iter().any(|study| {
            study.panels.iter().any(|panel| series.at.iter().any(|at| points.median(study.name, *runtime, panel.metric, *at).is_some()))
        })
    };
    series.runtimes().into_iter().filter(is_there).collect()
}

fn draw_header<'a>(area: &Area<'a>, series: &Series, runtimes: &[RuntimeName]) -> Result<(), Failure<'a>> {
    area.draw_text(series.about, &text(22), (14, 8))?;
    for (index, runtime) in runtimes.iter().enumerate() {
        let (x, y) = (14 + 110 * index as i32, 48);
        let color = color(*runtime);
        area.draw(&PathElement::new(vec![(x, y), (x + 24, y)], color.stroke_width(2)))?;
        area.draw(&Circle::new((x + 12, y), 4, color.filled()))?;
        area.draw_text(runtime.as_str(), &text(17).pos(Pos::new(HPos::Left, VPos::Center)), (x + 30, y))?;
    }
    Ok(())
}

fn caption(series: &Series, setting: &Setting) -> String {
    let Setting { rounds, processors, cores } = setting;
    let threads = match series.varied {
        Varied::Processors if series.at.iter().any(|at| at > cores) => "; right of the dashed line worker threads share cores".to_owned(),
        Varied::Processors => String::new(),
        Varied::Size => format!("; {processors} worker threads each"),
    };
    let plural = |count: u64, one: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") };
    format!("medians of {} on a machine with {}{threads}", plural(*rounds as u64, "round"), plural(*cores, "core"))
}

/// One panel with what it shows.
struct Chart<'a> {
    series: &'a Series,
    study: &'a Study,
    panel: &'a Panel,
    points: &'a Points,
    setting: &'a Setting,
}

impl Chart<'_> {
    fn draw<'a>(&self, area: &Area<'a>) -> Result<(), Failure<'a>> {
        let runtimes = self.study.select(&[]);
        let curves: Vec<_> = runtimes.iter().map(|runtime| (*runtime, self.segments(*runtime))).collect();
        let values = curves.iter().flat_map(|(_, segments)| segments.iter().flatten().map(|(_, value)| *value));
        let Some(range) = around(values) else {
            return area.draw_text(&format!("{}: nothing measured", self.panel.title), &text(17), (70, 12));
        };
        let places: Vec<_> = self.series.at.iter().map(|at| *at as f64).collect();
        let (first, last) = (places[0], places[places.len() - 1]);
        let mut chart = ChartBuilder::on(area)
            .caption(self.panel.title, text(18))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(66)
            .build_cartesian_2d(
            (first / 1.3..last * 1.3).log_scale().with_key_points(places),
            range.clone().log_scale().with_key_points(ticks(range.clone())),
        )?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(INK)
            .label_style(text(15))
            .axis_desc_style(text(16))
            .x_desc(self.series.name)
            .y_desc(self.panel.axis)
            .x_label_formatter(&|at| short(*at))
            .y_label_formatter(&|value| short(*value))
            .draw()?;
        let cores = self.setting.cores as f64;
        if self.series.varied == Varied::Processors && (first..last).contains(&cores) {
            let ends = [(cores, range.start), (cores, range.end)];
            chart.draw_series(DashedLineSeries::new(ends, 4, 4, INK.mix(0.6).into()))?;
        }
        for (runtime, segments) in curves {
            let color = color(runtime);
            for segment in segments {
                chart.draw_series(segment.iter().map(|place| Circle::new(*place, 4, color.filled())))?;
                chart.draw_series(LineSeries::new(segment, color.stroke_width(2)))?;
            }
        }
        Ok(())
    }

    /// A runtime's curve in pieces without gaps. No place on a logarithmic axis is for a value that is not positive.
    fn segments(&self, runtime: RuntimeName) -> Vec<Vec<(f64, f64)>> {
        let value = |at: u64| self.points.median(self.study.name, runtime, self.panel.metric, at).filter(|value| *value > 0.0);
        let places: Vec<_> = self.series.at.iter().map(|at| (*at as f64, value(*at))).collect();
        let pieces = places.split(|(_, value)| value.is_none());
        let measured = |piece: &[(f64, Option<f64>)]| piece.iter().filter_map(|(at, value)| Some((*at, (*value)?))).collect();
        pieces.filter(|piece| !piece.is_empty()).map(measured).collect()
    }
}

/// Each has the same colour everywhere: those of Okabe and Ito, which most eyes can tell apart.
fn color(runtime: RuntimeName) -> RGBColor {
    match runtime.family() {
        "handover" => RGBColor(213, 94, 0),
        "tokio" => RGBColor(0, 114, 178),
        "smol" => RGBColor(0, 158, 115),
        "go" => RGBColor(204, 121, 167),
        _ => RGBColor(120, 120, 120),
    }
}

fn text(size: i32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK)
}

/// From a tick below the lowest value to one above the highest, not so near that a circle would be cut.
fn around(values: impl Iterator<Item = f64>) -> Option<Range<f64>> {
    let (lowest, highest) = values.fold((f64::INFINITY, 0.0), |(low, high), value| (value.min(low), value.max(high)));
    if lowest > highest {
        return None;
    }
    let from = steps(lowest / 10.0..lowest / 1.02).pop()?;
    let to = steps(highest * 1.02..highest * 10.0).into_iter().next()?;
    Some(from..to)
}

/// Where the axis is labelled: at 1, 2 and 5, or at powers of ten alone where those would be too many.
fn ticks(range: Range<f64>) -> Vec<f64> {
    let ticks = steps(range.clone());
    if ticks.len() <= 7 { ticks } else { decades(&range).filter(|decade| is_within(*decade, &range)).collect() }
}

/// All numbers of the form 1, 2 or 5 times a power of ten in the range, ends included.
fn steps(range: Range<f64>) -> Vec<f64> {
    decades(&range).flat_map(|decade| [decade, 2.0 * decade, 5.0 * decade]).filter(|step| is_within(*step, &range)).collect()
}

fn decades(range: &Range<f64>) -> impl Iterator<Item = f64> + use<> {
    let (first, last) = (range.start.log10().floor() as i32, range.end.log10().ceil() as i32);
    (first..=last).map(|exponent| 10_f64.powi(exponent))
}

/// With a little room for rounding.
fn is_within(value: f64, range: &Range<f64>) -> bool {
    (range.start * 0.9999..=range.end * 1.0001).contains(&value)
}

/// 20,000 as `20k`: there is little room beside an axis.
fn short(value: f64) -> String {
    let (value, suffix) = match value {
        1e6.. => (value / 1e6, "M"),
        1e3.. => (value / 1e3, "k"),
        _ => (value, ""),
    };
    format!("{}{suffix}", (value * 1000.0).round() / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::growth::series;

    const SETTING: Setting = Setting { rounds: 3, processors: 2, cores: 2 };

    fn tasks() -> &'static Series {
        series::find("tasks").expect("a series")
    }

    /// Spawns of handover and tokio; handover's at 10,000 are missing.
    fn points() -> Points {
        let mut points = Points::default();
        for (at, line) in [
            (1_000, "spawn_wait handover ns_per_task 150 ns"),
            (100_000, "spawn_wait handover ns_per_task 160 ns"),
            (1_000_000, "spawn_wait handover ns_per_task 170 ns"),
            (1_000, "spawn_wait tokio ns_per_task 450 ns"),
        ] {
            points.add("spawn_wait", at, &line.parse().expect("a line"));
        }
        points
    }

    #[test]
    fn the_drawing_has_every_runtime_measured_and_no_other() {
        let document = svg(tasks(), &points(), &SETTING);
        for word in ["handover", "tokio", "all spawned, then waited for", "all idle: nothing measured", "machine with 2 cores"] {
            assert!(document.contains(word), "no `{word}` in {document}");
        }
        assert!(!document.contains("smol"), "{document}");
        let of_tokio = document.matches("#0072B2").count();
        assert_eq!(of_tokio, 4, "a line and a circle in the legend, and in the panel: {document}");
    }

    #[test]
    fn a_place_without_a_measurement_is_a_gap() {
        let points = points();
        let study = &tasks().studies[0];
        let chart = Chart { series: tasks(), study, panel: &study.panels[0], points: &points, setting: &SETTING };
        assert_eq!(chart.segments(RuntimeName::Handover), [vec![(1e3, 150.0)], vec![(1e5, 160.0), (1e6, 170.0)]]);
    }

    #[test]
    fn only_more_processors_than_cores_are_spoken_of() {
        let processors = series::find("processors").expect("a series");
        assert!(caption(processors, &SETTING).ends_with("2 cores; right of the dashed line worker threads share cores"));
        assert!(caption(processors, &Setting { cores: 16, ..SETTING }).ends_with("16 cores"));
    }

    #[test]
    fn the_axis_ends_at_ticks_around_all_values() {
        assert_eq!(around([41.0, 170.0].into_iter()), Some(20.0..200.0));
        assert_eq!(around([20.0].into_iter()), Some(10.0..50.0));
        assert_eq!(around([].into_iter()), None);
    }

    #[test]
    fn a_long_axis_is_labelled_at_powers_of_ten_only() {
        assert_eq!(ticks(20.0..200.0), [20.0, 50.0, 100.0, 200.0]);
        assert_eq!(ticks(20.0..50_000.0), [100.0, 1_000.0, 10_000.0]);
    }

    #[test]
    fn labels_are_short() {
        assert_eq!([0.5, 20.0, 2_000.0, 1e6].map(short), ["0.5", "20", "2k", "1M"]);
    }
}
