//! How are the numbers told to Prometheus?
//!
//! In the text format 0.0.4: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::{self, Write};

use super::catalogue::{Family, Kind, Label, Series, Value};
use super::durations::DurationHistogram;

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        })
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// The text of all families.
pub(super) fn text(families: &[Family]) -> String {
    let mut text = String::new();
    families.iter().try_for_each(|family| write_family(&mut text, family)).expect("a String takes any text");
    text
}

fn write_family(text: &mut String, family: &Family) -> fmt::Result {
    let Family { name, kind, help, series } = family;
    write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n")?;
    for Series { label, value } in series {
        let label = label.map(|(label, value)| format!("{label}=\"{value}\"")).unwrap_or_default();
        match value {
            Value::Count(count) => writeln!(text, "{name}{} {count}", braced(&label))?,
            Value::Seconds(seconds) => writeln!(text, "{name}{} {seconds}", braced(&label))?,
            Value::Durations(durations) => write_durations(text, name, &label, durations)?,
        }
    }
    Ok(())
}

fn write_durations(text: &mut String, name: &str, label: &str, durations: &DurationHistogram) -> fmt::Result {
    let comma = if label.is_empty() { "" } else { "," };
    let mut up_to = 0;
    for (bound, count) in durations.buckets() {
        up_to += count;
        let bound = bound.map_or_else(|| String::from("+Inf"), |bound| bound.as_secs_f64().to_string());
        writeln!(text, "{name}_bucket{{{label}{comma}le=\"{bound}\"}} {up_to}")?;
    }
    let label = braced(label);
    write!(text, "{name}_sum{label} {}\n{name}_count{label} {up_to}\n", durations.sum().as_secs_f64())
}

fn braced(label: &str) -> String {
    if label.is_empty() { String::new() } else { format!("{{{label}}}") }
}
