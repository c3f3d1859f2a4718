//! Does Prometheus itself read the text? Its own parsers, where they are installed.

use std::io::{self, ErrorKind, Write};
use std::process::{Command, Stdio};

use crate::exposition::Exposition;
use crate::{make_calls, runtime};

/// Feeds `text` to a program; none if it is not installed.
fn feed(program: &str, arguments: &[&str], text: &str) -> Option<(bool, String)> {
    let piped = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match piped {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => panic!("{program}: {error}"),
    };
    // A program that ends before it has read all says why on its own.
    let _ = child.stdin.take().expect("stdin is a pipe").write_all(text.as_bytes());
    let output = child.wait_with_output().unwrap();
    Some((output.status.success(), [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat()))
}

fn skip(program: &str) {
    // Not `eprintln`, which the test harness catches. If stderr is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "SKIPPED: {program} is not installed; only the checks in Rust have read the metrics");
}

fn text() -> String {
    let (runtime, _watchdog) = runtime(2);
    make_calls(&runtime, 100, 3, 2);
    runtime.metrics().prometheus()
}

#[test]
fn our_own_checks_pass() {
    Exposition::read(&text()).unwrap();
}

#[test]
fn the_python_client_reads_it() {
    const SCRIPT: &str = "
import sys
try:
    from prometheus_client.parser import text_string_to_metric_families
except ImportError:
    sys.exit(print('no prometheus_client'))
for family in text_string_to_metric_families(sys.stdin.read()):
    assert family.documentation and family.type in ('counter', 'gauge', 'histogram'), family
    for sample in family.samples:
        print(sample.name, sample.labels.get('outcome', ''), float(sample.value))
";
    match feed("python3", &["-c", SCRIPT], &text()) {
        Some((true, said)) if !said.starts_with("no prometheus_client") => {
            assert!(said.contains("handover_blocking_calls_total fast 100.0\n"), "{said}");
            assert!(said.contains("handover_blocking_call_duration_seconds_count  5.0\n"), "{said}");
        }
        Some((false, said)) => panic!("{said}"),
        Some((true, _)) | None => skip("python3 with prometheus_client"),
    }
}

/// Also what it merely advises against.
#[test]
fn promtool_finds_nothing_wrong() {
    match feed("promtool", &["check", "metrics"], &text()) {
        Some((passed, said)) => assert!(passed && said.is_empty(), "{said}"),
        None => skip("promtool"),
    }
}
