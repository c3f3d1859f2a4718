//! Do docs/metrics.md and docs/grafana.json know the names that there are?

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use handover::runtime::Builder;
use serde_json::Value;

use crate::exposition::Exposition;

/// Set to write the file anew instead of comparing it.
const WRITE: &str = "HANDOVER_WRITE_METRICS";

fn exposition() -> Exposition {
    let runtime = Builder::new().processors(1).build().unwrap();
    Exposition::read(&runtime.metrics().prometheus()).unwrap()
}

fn document() -> String {
    let mut text = String::from(include_str!("metrics.md"));
    for (name, family) in &exposition().0 {
        let label = |(label, values): (&&str, &BTreeSet<&str>)| match *label {
            "processor" => "`processor`, from 0".to_owned(),
            _ => format!("`{label}`: {}", values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ")),
        };
        let labels: Vec<_> = family.labels().iter().map(label).collect();
        writeln!(text, "| `{name}` | {} | {} | {} |", family.kind, labels.join("; "), family.help).expect("a String takes every write");
    }
    text
}

#[test]
fn the_document_lists_what_there_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let document = document();
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, &document).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}; `{WRITE}=1` writes it", path.display()));
    assert!(written == document, "docs/metrics.md is not what there is; `{WRITE}=1 cargo test --test metrics` writes it anew:\n{document}");
}

fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| expressions(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

#[test]
fn the_dashboard_asks_for_nothing_that_there_is_not() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/grafana.json");
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().expect("the dashboard has panels");
    let exposition = exposition();
    for panel in panels {
        let mut asked = Vec::new();
        expressions(panel, &mut asked);
        assert!(!asked.is_empty(), "a panel asks for nothing: {panel}");
        for expression in asked {
            let names: Vec<_> =
                expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| word.starts_with("handover_")).collect();
            assert!(!names.is_empty(), "{expression}");
            for name in names {
                let family = |suffix| name.strip_suffix(suffix).and_then(|family| exposition.0.get(family));
                let of_histogram = ["_bucket", "_sum", "_count"].into_iter().find_map(family).filter(|family| family.kind == "histogram");
                let plain = exposition.0.get(name).filter(|family| family.kind != "histogram");
                assert!(plain.or(of_histogram).is_some(), "there is no {name}: {expression}");
            }
        }
    }
}
