//! Is every child reaped, with its own status, and does nothing hang or leak on the way? Scenario 41 of the list in README.md.
//!
//! Tests that ask about all children of the process, or in which something is refused, run in a process of their own.

#[path = "support/child.rs"]
mod child;
#[path = "fault/seccomp.rs"]
mod seccomp;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::env;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::time::Duration;

use futures::future::{join, join_all};
use futures::io::{AsyncReadExt, AsyncWriteExt};
use handover::process::{Child, Command, Stdio};
use handover::runtime::{Builder, Runtime};
use watchdog::Watchdog;

/// Set in the processes that tests start for themselves.
const ALONE: &str = "HANDOVER_TEST_ALONE";

fn runtime(what: &str) -> (Runtime, Watchdog) {
    let runtime = Builder::new().processors(2).build().unwrap();
    let watchdog = Watchdog::start(Duration::from_secs(120), what, Some(runtime.metrics()));
    (runtime, watchdog)
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// Whether the number is a process's, a zombie's too.
fn is_there(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

async fn until_gone(pid: u32) {
    while is_there(pid) {
        handover::yield_now().await;
    }
}

/// A child that goes on until it is ended, and then some 10 minutes.
fn sleeper() -> Command {
    let mut command = Command::new("sleep");
    command.arg("600");
    command
}

// ---- bursts ---------------------------------------------------------------------------------------------------------

/// Children that all end at the moment when the last writing end of their common standard input is closed.
async fn burst(count: u32) {
    let (reader, writer) = io::pipe().unwrap();
    let start = |n: u32| shell(&format!("read x; exit {}", n % 200)).stdin(reader.try_clone().unwrap()).spawn().unwrap();
    let children: Vec<Child> = (0..count).map(start).collect();
    drop(reader);
    let pids: Vec<u32> = children.iter().map(|child| child.id().unwrap()).collect();
    let tasks = children.into_iter().enumerate().map(|(n, mut child)| {
        handover::spawn(async move {
            let status = child.wait().await.unwrap();
            assert_eq!(status.code(), Some(n as i32 % 200));
            // Said again, and not asked again.
            assert_eq!((child.wait().await.unwrap(), child.try_wait().unwrap()), (status, Some(status)));
            assert_eq!(child.id(), None);
        })
    });
    let tasks: Vec<_> = tasks.collect();
    drop(writer);
    for task in tasks {
        task.await.unwrap();
    }
    assert!(pids.into_iter().all(|pid| !is_there(pid)));
}

#[test]
fn a_thousand_children_end_at_once() {
    let count = match env::var(ALONE) {
        Err(_) => {
            let output = child::command("a_thousand_children_end_at_once").env(ALONE, "1000").output().unwrap();
            return child::assert_passed(&output);
        }
        Ok(count) => count.parse().unwrap(),
    };
    let (runtime, _watchdog) = runtime("a burst of children");
    runtime.block_on(burst(count));
    runtime.block_on(async {
        // One at a time, so that nobody else's end covers up for one that was not noticed.
        for _ in 0..count {
            assert!(Command::new("true").status().await.unwrap().success());
        }
    });
    assert!(has_no_children());
}

/// Whether there is no child left, no zombie either.
fn has_no_children() -> bool {
    // SAFETY: a null status asks for none.
    let pid = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) };
    pid == -1 && io::Error::last_os_error().raw_os_error() == Some(libc::ECHILD)
}

#[test]
fn a_burst_without_pidfds() {
    // An old kernel knows no such call; a sandbox may forbid it.
    for errno in [libc::ENOSYS, libc::EPERM] {
        let mut command = child::command("a_thousand_children_end_at_once");
        seccomp::refuse(command.env(ALONE, "600"), libc::SYS_pidfd_open, errno);
        match command.output() {
            Ok(output) => child::assert_passed(&output),
            Err(error) => eprintln!("SKIPPED: this machine does not let a test refuse system calls: {error}"),
        }
    }
}

#[test]
fn a_burst_with_descriptors_for_some() {
    if env::var_os(ALONE).is_none() {
        let output = child::command("a_burst_with_descriptors_for_some").env(ALONE, "").output().unwrap();
        return child::assert_passed(&output);
    }
    let (runtime, _watchdog) = runtime("a burst with few descriptors");
    runtime.block_on(async {
        // Given 64 descriptors for 200 children, when they end, then those without a pidfd are told of by SIGCHLD. (What that takes is opened now.)
        let _bell = handover::signal::unix::signal(handover::signal::SignalKind::child()).unwrap();
        let limit = libc::rlimit { rlim_cur: 64, rlim_max: 64 };
        // SAFETY: a whole rlimit that outlives the call.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
        burst(200).await;
    });
    assert!(has_no_children());
}

// ---- pipes ----------------------------------------------------------------------------------------------------------

#[test]
fn pipes_full_both_ways_do_not_lock_up() {
    const LEN: usize = 8 << 20;
    let (runtime, _watchdog) = runtime("pipes full both ways");
    runtime.block_on(async {
        // cat stops reading while nobody reads from it, so both pipes are full most of the time.
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let bytes: Vec<u8> = (0..LEN).map(|n| (n / 7) as u8).collect();
        let mut stdin = child.stdin.take().unwrap();
        let (written, output) = join(
            async {
                stdin.write_all(&bytes).await.unwrap();
                stdin.close().await.unwrap();
                assert_eq!(stdin.write(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            },
            child.wait_with_output(),
        )
        .await;
        let ((), output) = (written, output.unwrap());
        assert!(output.status.success() && output.stdout == bytes);
    });
}

#[test]
fn both_outputs_are_read_at_once() {
    let (runtime, _watchdog) = runtime("both outputs full");
    // Whichever is read first: the child fills the other one.
    let script = "head -c 1000000 /dev/zero >&2; head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2; exit 3";
    let output = runtime.block_on(async { shell(script).output().await }).unwrap();
    assert_eq!((output.status.code(), output.stdout.len(), output.stderr.len()), (Some(3), 1_000_000, 2_000_000));
}

#[test]
fn output_has_defaults_of_its_own_and_leaves_the_builder_as_it_was() {
    let (runtime, _watchdog) = runtime("defaults of output");
    runtime.block_on(async {
        let mut command = shell("if [ -p /dev/fd/2 ]; then cat; readlink /proc/self/fd/0; echo err >&2; fi");
        let output = command.output().await.unwrap();
        assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"/dev/null\n"[..], &b"err\n"[..]));
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        assert!(child.stdin.is_none() && child.stdout.is_none() && child.stderr.is_none());
        assert!(child.wait().await.unwrap().success());
        // What was set stays set.
        assert_eq!(command.output().await.unwrap().stderr, b"");
    });
}

#[test]
fn our_end_of_a_pipe_does_not_block_and_the_childs_does() {
    let (runtime, _watchdog) = runtime("flags of pipes");
    let output = runtime.block_on(async {
        let mut child = shell("for n in 0 1 2; do grep flags /proc/self/fdinfo/$n <&0; done");
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // SAFETY: the call takes numbers only.
        let ours = unsafe { libc::fcntl(child.stdout.as_ref().unwrap().as_raw_fd(), libc::F_GETFL) };
        assert_ne!(ours & libc::O_NONBLOCK, 0);
        let held = child.stdin.take();
        let output = child.wait_with_output().await.unwrap();
        drop(held);
        String::from_utf8(output.stdout).unwrap()
    });
    let flags: Vec<i32> = output.lines().map(|line| i32::from_str_radix(line.trim_start_matches("flags:").trim(), 8).unwrap()).collect();
    assert_eq!(flags.len(), 3, "{output}");
    assert!(flags.iter().all(|flags| flags & libc::O_NONBLOCK == 0), "{output}");
}

#[test]
fn a_child_that_does_not_read_is_a_broken_pipe_and_no_end() {
    let (runtime, _watchdog) = runtime("a broken pipe");
    runtime.block_on(async {
        let mut child = shell("exec <&-; echo closed; read x < /dev/null; exec sleep 600")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = [0; 7];
        child.stdout.as_mut().unwrap().read_exact(&mut said).await.unwrap();
        let error = child.stdin.as_mut().unwrap().write_all(&[0; 1 << 20]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        child.kill().await.unwrap();
    });
}

// ---- children that are dropped --------------------------------------------------------------------------------------

#[test]
fn a_dropped_child_goes_on_and_is_reaped_when_it_ends() {
    let (runtime, _watchdog) = runtime("a dropped child");
    runtime.block_on(async {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut stdin, mut stdout, pid) = (child.stdin.take().unwrap(), child.stdout.take().unwrap(), child.id().unwrap());
        drop(child);
        // It goes on.
        stdin.write_all(b"still here").await.unwrap();
        let mut echo = [0; 10];
        stdout.read_exact(&mut echo).await.unwrap();
        assert_eq!(&echo, b"still here");
        assert!(is_there(pid));
        drop(stdin);
        until_gone(pid).await;
    });
}

#[test]
fn a_child_killed_on_drop_is_reaped() {
    let (runtime, _watchdog) = runtime("kill on drop");
    runtime.block_on(async {
        for drops_future in [false, true] {
            let pid = if drops_future {
                let (mut reader, writer) = io::pipe().unwrap();
                let status = shell("echo $$; exec sleep 600").stdout(writer).kill_on_drop(true).status();
                let mut line = [0; 32];
                let count = handover::blocking(|| io::Read::read(&mut reader, &mut line)).await.unwrap();
                drop(status);
                std::str::from_utf8(&line[..count]).unwrap().trim().parse().unwrap()
            } else {
                sleeper().kill_on_drop(true).spawn().unwrap().id().unwrap()
            };
            until_gone(pid).await;
        }
    });
}

#[test]
fn a_child_whose_runtime_has_ended_is_reaped_by_the_next_one() {
    let (first, _watchdog) = runtime("an orphan of two runtimes");
    let (mut stdin, child) = first.block_on(async {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take().unwrap().into_owned_fd().unwrap();
        (std::fs::File::from(stdin), child)
    });
    let pid = child.id().unwrap();
    drop(child);
    drop(first);
    stdin.write_all(b"").unwrap();
    drop(stdin);
    let (second, _watchdog) = runtime("an orphan of two runtimes, the second");
    second.block_on(async {
        while is_there(pid) {
            assert!(Command::new("true").status().await.unwrap().success());
        }
    });
    // One that outlives the runtime in somebody's hands says so, and can be killed all the same.
    let mut child = second.block_on(async { sleeper().spawn().unwrap() });
    drop(second);
    let (third, _watchdog) = runtime("an orphan of two runtimes, the third");
    let error = third.block_on(child.wait()).unwrap_err();
    assert!(error.to_string().contains("was shut down"), "{error}");
    child.start_kill().unwrap();
    while child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
}

// ---- kill -----------------------------------------------------------------------------------------------------------

#[test]
fn kill_ends_it_and_a_second_one_is_no_error() {
    let (runtime, _watchdog) = runtime("kill twice");
    runtime.block_on(async {
        let mut child = sleeper().spawn().unwrap();
        assert_eq!(child.try_wait().unwrap(), None);
        child.kill().await.unwrap();
        assert_eq!(child.try_wait().unwrap().unwrap().signal(), Some(libc::SIGKILL));
        child.start_kill().unwrap();
        child.kill().await.unwrap();
    });
}

/// Has the next process get this number. False if the system does not let it be chosen.
fn choose_next_pid(pid: u32) -> bool {
    std::fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).is_ok()
}

#[test]
fn kill_never_reaches_another_process_with_the_same_number() {
    let (runtime, _watchdog) = runtime("a number is used again");
    runtime.block_on(async {
        for reaped_by_others in [false, true] {
            // Other tests start processes as well, so it may take some tries.
            for _ in 0..200 {
                let mut old = Command::new("true").spawn().unwrap();
                let pid = old.id().unwrap();
                if reaped_by_others {
                    // SAFETY: a null status asks for none.
                    assert_eq!(unsafe { libc::waitpid(pid as i32, std::ptr::null_mut(), 0) }, pid as i32);
                } else {
                    old.wait().await.unwrap();
                }
                if !choose_next_pid(pid) {
                    return eprintln!("SKIPPED: this machine does not let a test choose the number of a process");
                }
                // A new one with its number, not through `Command`, which would sweep and adopt in between.
                let mut new = std::process::Command::new("sleep").arg("600").spawn().unwrap();
                let is_reused = new.id() == pid;
                if is_reused {
                    old.start_kill().unwrap();
                    drop(old);
                    assert_eq!(new.try_wait().unwrap(), None, "another process was killed");
                    // A signal that was sent is there at once; this one is sent afterwards.
                    // SAFETY: the call takes numbers only, and the process is our child.
                    assert_eq!(unsafe { libc::kill(pid as i32, libc::SIGTERM) }, 0);
                    assert_eq!(new.wait().unwrap().signal(), Some(libc::SIGTERM), "another process was killed");
                    break;
                }
                new.kill().unwrap();
                new.wait().unwrap();
            }
        }
    });
}

// ---- what the child gets from its parent ----------------------------------------------------------------------------

static PARENT: AtomicI32 = AtomicI32::new(0);
static HEARD: AtomicU64 = AtomicU64::new(0);
static TELL: AtomicI32 = AtomicI32::new(-1);

/// Tells of it through a pipe that the forked child shares, if it runs anywhere but in the parent.
extern "C" fn on_storm(_signal: libc::c_int) {
    HEARD.fetch_add(1, Ordering::SeqCst);
    // SAFETY: both calls are async-signal-safe; the byte outlives the call.
    unsafe {
        if libc::getpid() != PARENT.load(Ordering::SeqCst) {
            libc::write(TELL.load(Ordering::SeqCst), [1_u8].as_ptr().cast(), 1);
        }
    }
}

#[test]
fn no_handler_runs_in_a_child_while_it_is_started_in_a_storm_of_signals() {
    if env::var_os(ALONE).is_none() {
        // In a process group of its own, at which the storm is aimed: children between fork and exec are in it.
        let mut command = child::command("no_handler_runs_in_a_child_while_it_is_started_in_a_storm_of_signals");
        std::os::unix::process::CommandExt::process_group(command.env(ALONE, ""), 0);
        return child::assert_passed(&command.output().unwrap());
    }
    let (runtime, _watchdog) = runtime("a storm while processes start");
    let (mut told, tell) = io::pipe().unwrap();
    TELL.store(tell.as_raw_fd(), Ordering::SeqCst);
    // SAFETY: getpid takes nothing; the handler is async-signal-safe. The default action of SIGURG is to ignore it, so a child that gets it after its handlers were put right goes on.
    unsafe {
        PARENT.store(libc::getpid(), Ordering::SeqCst);
        libc::signal(libc::SIGURG, on_storm as extern "C" fn(libc::c_int) as libc::sighandler_t);
    }
    let over = Arc::new(AtomicBool::new(false));
    let storm = std::thread::spawn({
        let over = Arc::clone(&over);
        move || {
            while !over.load(Ordering::SeqCst) {
                // SAFETY: the call takes numbers only; 0 is our process group.
                unsafe { libc::kill(0, libc::SIGURG) };
            }
        }
    });
    runtime.block_on(async {
        for n in 0..60 {
            let mut command = Command::new("true");
            if n % 3 > 0 {
                // By fork, without and with a closure of the user's, which takes its time.
                // SAFETY: the closure makes system calls only.
                unsafe { command.pre_exec(move || if n % 3 == 1 { Ok(()) } else { spin_for_a_while() }) };
            }
            let status = command.status().await.unwrap();
            assert!(status.success(), "{status}");
        }
    });
    over.store(true, Ordering::SeqCst);
    storm.join().unwrap();
    assert!(HEARD.load(Ordering::SeqCst) > 60, "there was no storm");
    drop(tell);
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut told, &mut bytes).unwrap();
    assert!(bytes.is_empty(), "the handler ran in a child {} times", bytes.len());
}

/// Enters the kernel often enough for a signal to come.
fn spin_for_a_while() -> io::Result<()> {
    for _ in 0..1_000 {
        // SAFETY: sched_yield takes nothing.
        unsafe { libc::sched_yield() };
    }
    Ok(())
}

#[test]
fn a_child_has_an_empty_mask_no_handlers_and_sigpipe_ends_it() {
    let (runtime, _watchdog) = runtime("signals of a child");
    runtime.block_on(async {
        let _listener = handover::signal::unix::signal(handover::signal::SignalKind::hangup()).unwrap();
        for forks in [false, true] {
            let mut command = Command::new("cat");
            command.arg("/proc/self/status");
            if forks {
                // SAFETY: the closure does nothing.
                unsafe { command.pre_exec(|| Ok(())) };
            }
            let text = String::from_utf8(command.output().await.unwrap().stdout).unwrap();
            let mask = |name| {
                let value = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
                u64::from_str_radix(value.trim(), 16).unwrap()
            };
            assert_eq!((mask("SigBlk:"), mask("SigCgt:")), (0, 0), "forks: {forks}\n{text}");
            // What whoever runs the tests ignores stays so; SIGPIPE, which Rust's programs ignore, does not.
            assert_eq!(mask("SigIgn:") & 1 << (libc::SIGPIPE - 1), 0, "forks: {forks}\n{text}");
        }
    });
}

#[test]
fn a_child_sleeps_as_the_program_did_before_it_had_a_runtime() {
    let ours = std::fs::read_to_string("/proc/self/timerslack_ns").unwrap();
    let (runtime, _watchdog) = runtime("timer slack of a child");
    let output = runtime.block_on(async { Command::new("cat").arg("/proc/self/timerslack_ns").output().await }).unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), ours);
    // And the worker threads sleep precisely again.
    let slack = runtime.block_on(async {
        // SAFETY: this prctl takes no argument.
        unsafe { libc::prctl(libc::PR_GET_TIMERSLACK, 0, 0, 0, 0) }
    });
    assert_eq!(slack, 1);
}

#[test]
fn the_builder_sets_what_the_child_sees() {
    let (runtime, _watchdog) = runtime("the builder");
    runtime.block_on(async {
        let mut command = Command::new("sh");
        command.arg("-c").args(["echo $0 $ONE $TWO $HOME; pwd; ps -o pgid= -p $$ | tr -d ' '; echo $$"]);
        command.arg0("named").env("ONE", "1").envs([("TWO", "2")]).env_remove("HOME").current_dir("/usr").process_group(0);
        let text = String::from_utf8(command.output().await.unwrap().stdout).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let [words, directory, group, pid] = lines[..] else { panic!("expected four lines: {text}") };
        assert_eq!((words, directory), ("named 1 2", "/usr"));
        assert_eq!(group, pid);
        assert_eq!(command.get_program(), "sh");
        assert_eq!(command.get_args().count(), 2);
        assert_eq!(command.get_current_dir(), Some(Path::new("/usr")));
        assert_eq!(command.get_envs().count(), 3);
        assert!(!command.get_kill_on_drop());

        let output = Command::new("env").env_clear().env("PATH", "/usr/bin:/bin").output().await.unwrap();
        assert_eq!(output.stdout, b"PATH=/usr/bin:/bin\n");
        let converted: Command = std::process::Command::new("echo").into();
        assert_eq!({ converted }.arg("x").output().await.unwrap().stdout, b"x\n");

        // SAFETY: geteuid takes nothing.
        if unsafe { libc::geteuid() } == 0 {
            let output = shell("id -u; id -g").uid(12_345).gid(23_456).output().await.unwrap();
            assert_eq!(output.stdout, b"12345\n23456\n");
        } else {
            eprintln!("SKIPPED: only root may become another user");
        }
    });
}

#[test]
fn an_error_names_the_program_and_the_directory() {
    let (runtime, _watchdog) = runtime("errors of spawn");
    runtime.block_on(async {
        let error = Command::new("/nosuch/program").spawn().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().starts_with("cannot start `/nosuch/program`: "), "{error}");
        let error = Command::new("true").current_dir("/nosuch").status().await.unwrap_err();
        assert!(error.to_string().starts_with("cannot start `true` in `/nosuch`: "), "{error}");
        let error = Command::new("a\0b").output().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        // SAFETY: the closure does nothing but fail.
        let error = unsafe { Command::new("true").pre_exec(|| Err(io::Error::from_raw_os_error(libc::EXFULL))).spawn().unwrap_err() };
        let source = std::error::Error::source(error.get_ref().unwrap()).unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!(source.raw_os_error(), Some(libc::EXFULL));
    });
    let error = Command::new("true").spawn().unwrap_err();
    assert!(error.to_string().contains("no handover runtime here"), "{error}");
}

#[test]
fn others_run_while_many_processes_are_started() {
    let (runtime, _watchdog) = runtime("many starts at once");
    runtime.block_on(async {
        let starts = (0..200).map(|n| async move {
            let output = shell("echo $N").env("N", n.to_string()).output().await.unwrap();
            assert_eq!(output.stdout, format!("{n}\n").into_bytes());
        });
        let tasks: Vec<_> = starts.map(handover::spawn).collect();
        for result in join_all(tasks).await {
            result.unwrap();
        }
    });
}
