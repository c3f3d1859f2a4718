//! Is every call of the tables tested, and does docs/SYSCALLS.md say so?

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use handover::syscall::{Call, Class, TABLES};

use crate::covered::Covered;

const TESTS: &[(&str, &[Covered])] = &[
    ("io_moves", crate::io_moves::COVERED),
    ("files", crate::files::COVERED),
    ("paths", crate::paths::COVERED),
    ("attributes", crate::attributes::COVERED),
    ("locks", crate::locks::COVERED),
    ("events", crate::events::COVERED),
    ("descriptors", crate::descriptors::COVERED),
    ("memory", crate::memory::COVERED),
    ("processes", crate::processes::COVERED),
    ("scheduling", crate::scheduling::COVERED),
    ("system", crate::system::COVERED),
];

/// What the kernel has no reason to refuse, with the arguments that the types allow.
const NEVER_REFUSED: &[&str] = &[
    "futex_wake",
    "getcpu",
    "gettid",
    "munlock",
    "prctl_get_child_subreaper",
    "prctl_get_name",
    "prctl_get_pdeathsig",
    "prctl_set_child_subreaper",
    "prctl_set_name",
    "sched_yield",
    "sysinfo",
    "uname",
];

/// Set to write the file anew instead of comparing it.
const WRITE: &str = "HANDOVER_WRITE_SYSCALLS";

/// What is tested of each call: kind and name of each test, under the call's name.
fn tests() -> BTreeMap<&'static str, Vec<(&'static str, &'static str)>> {
    let covered = TESTS.iter().flat_map(|(_, covered)| *covered);
    let by_kind = |covered: &Covered| covered.by.iter().flat_map(|&(kind, tests)| tests.iter().map(move |&test| (kind, test))).collect();
    let tests: BTreeMap<_, _> = covered.clone().map(|covered| (covered.call, by_kind(covered))).collect();
    assert_eq!(tests.len(), covered.count(), "a call stands in `covered!` twice");
    tests
}

fn calls() -> impl Iterator<Item = &'static Call> {
    TABLES.iter().flat_map(|(_, calls)| *calls)
}

#[test]
fn every_call_is_shown_to_answer_and_to_refuse() {
    let tests = tests();
    for call in calls() {
        let tests = tests.get(call.name).unwrap_or_else(|| panic!("no test of `{}` stands in a `covered!`", call.name));
        let has = |kind| tests.iter().any(|&(of, _)| of == kind);
        assert!(has("answers"), "no test shows that `{}` answers", call.name);
        assert_ne!(has("refuses"), NEVER_REFUSED.contains(&call.name), "`{}` is refused sometimes, or never", call.name);
        assert!(tests.iter().all(|(kind, _)| ["answers", "refuses", "waits"].contains(kind)), "{tests:?}");
    }
}

#[test]
fn nothing_is_tested_that_is_in_no_table() {
    let tested = tests();
    let unknown: Vec<_> = tested.keys().filter(|name| !calls().any(|call| call.name == **name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(NEVER_REFUSED.iter().all(|name| tested.contains_key(name)));
}

/// Who waits for somebody else is shown to hold nobody up, and who never blocks is not.
#[test]
fn calls_that_wait_for_others_are_shown_to_hold_nobody_up() {
    /// Made like the others; what they wait for cannot be had in a test.
    const UNSHOWN: &[&str] = &["open_by_handle_at"];
    let tests = tests();
    for call in calls() {
        let shown = tests[call.name].iter().any(|&(kind, _)| kind == "waits");
        match call.class {
            Class::Interruptible => assert_ne!(shown, UNSHOWN.contains(&call.name), "`{}`", call.name),
            Class::Nonblocking => assert!(!shown, "`{}` never blocks", call.name),
            Class::Retried => {}
        }
    }
}

fn row(call: &Call, tests: &[(&str, &str)]) -> String {
    let (blocks, signal) = match call.class {
        Class::Nonblocking => ("never", ""),
        Class::Retried => ("may", "starts again"),
        Class::Interruptible => ("may", "is told"),
    };
    let of = |kind| tests.iter().filter(|test| test.0 == kind).map(|test| format!("`{}`", test.1)).collect::<Vec<_>>().join(", ");
    let how = ["answers", "refuses", "waits"].map(|kind| (kind, of(kind)));
    let how: Vec<_> = how.iter().filter(|(_, names)| !names.is_empty()).map(|(kind, names)| format!("{kind}: {names}")).collect();
    format!("| `{}` | {} | {blocks} | {signal} | {} |\n", call.name, call.man_page, how.join("; "))
}

fn document() -> String {
    let mut text = String::from(
        "# Which system calls may block, and how is that tested?\n\n\
         Written by the tests (`tests/syscalls/`) from the tables themselves. A call that may block is declared to the scheduler. Each is made against the \
         real kernel: it *answers*, it *refuses* with the error that the man page names, and one that *waits* for others holds up nobody on a single processor.\n",
    );
    let tests = tests();
    for (title, calls) in TABLES {
        write!(text, "\n## {title}\n\n| function | man page | blocks | a signal | tested |\n|---|---|---|---|---|\n")
            .expect("a String takes every write");
        text.extend(calls.iter().map(|call| row(call, tests.get(call.name).map_or(&[], Vec::as_slice))));
    }
    text
}

#[test]
fn the_document_says_what_the_tables_and_tests_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/SYSCALLS.md");
    let document = document();
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, &document).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}; `{WRITE}=1` writes it", path.display()));
    let (written, said): (Vec<_>, Vec<_>) = (written.lines().collect(), document.lines().collect());
    let gone = written.iter().filter(|line| !said.contains(line)).map(|line| format!("-{line}\n"));
    let new = said.iter().filter(|line| !written.contains(line)).map(|line| format!("+{line}\n"));
    let difference: String = gone.chain(new).collect();
    assert!(
        written == said,
        "docs/SYSCALLS.md is not what the tables say; `{WRITE}=1 cargo test --test syscalls` writes it anew:\n{difference}"
    );
}
