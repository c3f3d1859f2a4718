//! Does the example `cp` copy, show how far it is, and leave nothing behind when it is stopped?

#[path = "support/example.rs"]
mod example;
#[path = "support/scratch.rs"]
mod scratch;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn cp(arguments: &[&Path]) -> Command {
    let mut command = Command::new(example::path("cp"));
    command.arg("--progress").args(arguments).stderr(Stdio::piped());
    command
}

fn start(what: &str) -> watchdog::Watchdog {
    watchdog::Watchdog::start(Duration::from_secs(60), what, None)
}

/// The names in a directory.
fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Reads what `cp` shows until `part` of it is there.
fn read_until(running: &mut Child, part: &str) -> String {
    let (mut shown, mut bytes) = (String::new(), [0; 256]);
    while !shown.contains(part) {
        let count = running.stderr.as_mut().unwrap().read(&mut bytes).unwrap();
        assert!(count > 0, "it has ended: {shown}");
        shown += &String::from_utf8_lossy(&bytes[..count]);
    }
    shown
}

fn interrupt(running: &Child) {
    // SAFETY: plain numbers; the child has not been waited for, so its number is nobody else's.
    assert_eq!(unsafe { libc::kill(running.id() as i32, libc::SIGINT) }, 0);
}

#[test]
fn a_file_is_copied_with_its_mode_and_a_bar() {
    let _watchdog = start("a copy");
    let directory = scratch::scratch("cp-copy");
    let (from, to, folder) = (directory.join("from"), directory.join("to"), directory.join("folder"));
    let content: Vec<u8> = (0..20_000_003_usize).map(|at| (at * 31 + at / 255) as u8).collect();
    fs::write(&from, &content).unwrap();
    fs::set_permissions(&from, fs::Permissions::from_mode(0o750)).unwrap();
    fs::create_dir(&folder).unwrap();
    fs::write(&to, "what was there before, to be replaced").unwrap();

    let output = cp(&[&from, &to]).output().unwrap();
    let shown = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{shown}");
    assert!(fs::read(&to).unwrap() == content);
    assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o750);
    assert!(shown.contains("100 %") && shown.contains("MiB/s") && shown.contains("####"), "{shown:?}");

    assert!(cp(&[&from, &folder]).status().unwrap().success());
    assert!(fs::read(folder.join("from")).unwrap() == content);
    assert_eq!(names(&directory), ["folder", "from", "to"]);
}

#[test]
fn an_interrupt_leaves_the_target_as_it_was() {
    let _watchdog = start("an interrupted copy");
    let directory = scratch::scratch("cp-interrupt");
    let (from, to) = (directory.join("from"), directory.join("to"));
    assert!(Command::new("mkfifo").arg(&from).status().unwrap().success());
    fs::write(&to, "as it was").unwrap();

    // Given a copy from a FIFO whose writer has not written all,
    let mut running = cp(&[&from, &to]).spawn().unwrap();
    let mut writer = File::options().write(true).open(&from).unwrap();
    writer.write_all(b"a beginning").unwrap();
    read_until(&mut running, "11 bytes");
    assert_eq!(names(&directory).len(), 3, "the part lies beside the target");
    // when it is interrupted,
    interrupt(&running);
    // then it ends as the shell expects, and nothing is left.
    let mut said = String::new();
    running.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.contains("stopped"), "{said}");
    assert_eq!(names(&directory), ["from", "to"]);
    assert_eq!(fs::read_to_string(&to).unwrap(), "as it was");

    // And one whose writers have all ended is copied.
    drop(writer);
    let running = cp(&[&from, &to]).spawn().unwrap();
    let mut writer = File::options().write(true).open(&from).unwrap();
    writer.write_all(b"all of it").unwrap();
    drop(writer);
    assert!(running.wait_with_output().unwrap().status.success());
    assert_eq!(fs::read_to_string(&to).unwrap(), "all of it");
}

#[test]
fn an_interrupt_is_heard_while_a_fifo_is_being_opened() {
    let _watchdog = start("an interrupt without a writer");
    let directory = scratch::scratch("cp-opening");
    let (from, to) = (directory.join("from"), directory.join("to"));
    assert!(Command::new("mkfifo").arg(&from).status().unwrap().success());
    let mut running = cp(&[&from, &to]).spawn().unwrap();
    // Given a copy that waits in open(2), as its threads say,
    let tasks = format!("/proc/{}/task", running.id());
    let is_opening = || {
        fs::read_dir(&tasks)
            .unwrap()
            .flatten()
            .any(|task| fs::read_to_string(task.path().join("wchan")).is_ok_and(|at| at == "wait_for_partner"))
    };
    while !is_opening() {
        assert!(running.try_wait().unwrap().is_none(), "it has ended");
        std::thread::yield_now();
    }
    // when it is interrupted, then it ends.
    interrupt(&running);
    assert_eq!(running.wait().unwrap().code(), Some(130));
    assert_eq!(names(&directory), ["from"]);
}

#[test]
fn an_error_names_the_path_and_leaves_nothing() {
    let _watchdog = start("copies that fail");
    let directory = scratch::scratch("cp-errors");
    let (missing, to) = (directory.join("missing"), directory.join("to"));
    let output = cp(&[&missing, &to]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(missing.to_str().unwrap()), "{said}");

    // A directory can be opened, and not read.
    let output = cp(&[&directory, &to]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(names(&directory).is_empty(), "{:?}", names(&directory));

    let output = cp(&[&missing]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("Usage: cp"));
}
