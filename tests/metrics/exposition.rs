//! Is this text what Prometheus reads, to the letter of its text format 0.0.4 and of its naming rules?

use std::collections::{BTreeMap, BTreeSet};

/// All series of one name.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) kind: String,
    pub(crate) help: String,
    /// By name with suffix and labels, as they are written.
    samples: Vec<(String, f64)>,
}

/// A text that has passed every check.
#[derive(Debug)]
pub(crate) struct Exposition(pub(crate) BTreeMap<String, Family>);

impl Exposition {
    /// Reads and checks.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if !text.ends_with('\n') {
            return Err("the last line has no end".into());
        }
        let mut families = BTreeMap::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let (name, help) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')).ok_or(format!("no HELP: {line}"))?;
            let kind = lines.next().and_then(|line| line.strip_prefix(&format!("# TYPE {name} "))).ok_or(format!("{name} has no TYPE"))?;
            let mut family = Family { kind: kind.into(), help: help.into(), samples: Vec::new() };
            while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
                let (series, value) = line.rsplit_once(' ').ok_or(format!("no value: {line}"))?;
                family.samples.push((series.into(), value.parse().map_err(|_| format!("no number: {line}"))?));
            }
            check(name, &family).map_err(|error| format!("{name}: {error}"))?;
            if families.insert(name.to_owned(), family).is_some() {
                return Err(format!("{name} comes twice"));
            }
        }
        Ok(Self(families))
    }

    /// The value of one series, named as it is written.
    #[track_caller]
    pub(crate) fn value(&self, series: &str) -> f64 {
        let all = self.0.values().flat_map(|family| &family.samples);
        all.clone().find(|(name, _)| name == series).unwrap_or_else(|| panic!("there is no {series} in {all:?}")).1
    }

    /// The sum of the series of one name.
    #[track_caller]
    pub(crate) fn total(&self, family: &str) -> f64 {
        self.0.get(family).unwrap_or_else(|| panic!("there is no {family}")).samples.iter().map(|(_, value)| value).sum()
    }
}

impl Family {
    /// The labels, less a histogram's `le`, with their values.
    pub(crate) fn labels(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut labels = BTreeMap::<_, BTreeSet<_>>::new();
        for (key, value) in self.samples.iter().flat_map(|(series, _)| labels_of(series)) {
            labels.entry(key).or_default().insert(value);
        }
        labels.remove("le");
        labels
    }
}

fn labels_of(series: &str) -> Vec<(&str, &str)> {
    let inner = series.split_once('{').and_then(|(_, rest)| rest.strip_suffix('}'));
    let pairs = inner.into_iter().flat_map(|inner| inner.split(','));
    pairs
        .map(|pair| pair.split_once('=').unwrap_or_else(|| panic!("{series}")))
        .map(|(key, value)| (key, value.trim_matches('"')))
        .collect()
}

fn check(name: &str, family: &Family) -> Result<(), String> {
    let is_word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let is_duration = ["duration", "delay", "latency", "wait_seconds"].iter().any(|word| name.contains(word));
    match () {
        () if !is_word(name) => return Err("a bad name".into()),
        () if family.help.contains('\\') || !family.help.ends_with('.') => return Err(format!("help: {}", family.help)),
        () if (family.kind == "counter") != name.ends_with("_total") => return Err(format!("a {} of that name", family.kind)),
        () if is_duration && !name.trim_end_matches("_total").ends_with("_seconds") => return Err("no unit".into()),
        () if family.samples.is_empty() => return Err("no sample".into()),
        () => {}
    }
    let names: BTreeSet<_> = family.samples.iter().map(|(series, _)| series).collect();
    if names.len() != family.samples.len() {
        return Err("a series comes twice".into());
    }
    for (series, value) in &family.samples {
        let quoted = series.split_once('{').is_none_or(|(_, rest)| rest.matches('"').count() == 2 * rest.matches('=').count());
        let base = series.split('{').next().unwrap_or_default();
        let suffix = base.strip_prefix(name).ok_or(format!("{series} is another one's"))?;
        let fits = if family.kind == "histogram" { ["_bucket", "_sum", "_count"].contains(&suffix) } else { suffix.is_empty() };
        if !fits || !quoted || !value.is_finite() || *value < 0.0 || labels_of(series).iter().any(|(key, _)| !is_word(key)) {
            return Err(format!("{series} {value}"));
        }
    }
    match family.kind.as_str() {
        "histogram" => check_histogram(name, family),
        "counter" | "gauge" => Ok(()),
        other => Err(format!("the type is {other}")),
    }
}

/// The buckets of each set of labels rise in bound and count, end with `+Inf`, and agree with the count.
fn check_histogram(name: &str, family: &Family) -> Result<(), String> {
    let mut sets = BTreeMap::<Vec<(&str, &str)>, Vec<(&str, f64)>>::new();
    for (series, value) in family.samples.iter().filter(|(series, _)| series.starts_with(&format!("{name}_bucket"))) {
        let (le, others): (Vec<_>, Vec<_>) = labels_of(series).into_iter().partition(|(key, _)| *key == "le");
        let [(_, le)] = *le else { return Err(format!("{series} has no bound")) };
        sets.entry(others).or_default().push((le, *value));
    }
    for (labels, buckets) in sets {
        let labels = labels.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect::<Vec<_>>().join(",");
        let of = |suffix: &str| {
            let series = if labels.is_empty() { format!("{name}{suffix}") } else { format!("{name}{suffix}{{{labels}}}") };
            family.samples.iter().find(|(name, _)| *name == series).map(|(_, value)| *value).ok_or(format!("no {series}"))
        };
        let bounds: Vec<f64> = buckets.iter().map(|(le, _)| le.parse().unwrap_or(f64::NAN)).collect();
        let rises = bounds.is_sorted_by(|a, b| a < b) && buckets.is_sorted_by(|a, b| a.1 <= b.1);
        let last = buckets.last().copied();
        if !rises || last != Some(("+Inf", of("_count")?)) || of("_sum")? < 0.0 {
            return Err(format!("{{{labels}}} {buckets:?}"));
        }
    }
    Ok(())
}

#[test]
fn what_is_wrong_is_found() {
    let good = "# HELP h_seconds Some.\n# TYPE h_seconds histogram\nh_seconds_bucket{le=\"1\"} 1\nh_seconds_bucket{le=\"+Inf\"} 2\nh_seconds_sum 3\nh_seconds_count 2\n";
    assert!(Exposition::read(good).is_ok(), "{:?}", Exposition::read(good));
    for (from, to) in [
        ("+Inf\"} 2", "+Inf\"} 0"),
        ("count 2", "count 3"),
        ("le=\"1\"", "le=\"many\""),
        ("le=\"1\"", "le=1"),
        ("le=\"1\"", "le=\"+Inf\""),
        ("h_seconds_sum 3\n", ""),
        ("histogram", "counter"),
        ("# TYPE h_seconds histogram\n", ""),
        ("Some.", "Some\\n."),
        ("sum 3", "sum NaN"),
        ("count 2\n", "count 2"),
        ("count 2\n", "count 2\nother 3\n"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        assert!(Exposition::read(&bad).is_err(), "{bad}");
    }
    assert!(Exposition::read(&good.repeat(2)).is_err());
}
