//! What if a process forks, replaces itself or ends while a runtime lives in it? Scenario 40 of the list in README.md.
//!
//! A forked child has one thread, the one that called fork(2); all others, and with them the parent's runtime, are not there. It may replace itself by another program, and it may build a runtime of its own.

#[path = "support/child.rs"]
mod child;
#[path = "support/log.rs"]
mod log;
#[path = "support/scratch.rs"]
mod scratch;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::collections::BTreeSet;
use std::env;
use std::ffi::CString;
use std::fs;
use std::future::Future;
use std::io::{ErrorKind, Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Output};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use handover::net::{TcpListener, TcpStream};
use handover::process::{self, Command, Stdio};
use handover::runtime::{Builder, Runtime};
use handover::signal::unix::{SignalKind, signal};
use handover::{Hint, time};
use log::Log;
use scratch::scratch;
use tracing::Level;
use watchdog::Watchdog;

const ALONE: &str = "HANDOVER_TEST_ALONE";

fn runtime(what: &str) -> (Runtime, Watchdog) {
    let runtime = Builder::new().processors(2).build().unwrap();
    let watchdog = Watchdog::start(Duration::from_secs(100), what, Some(runtime.metrics()));
    (runtime, watchdog)
}

// ---- descriptors ----------------------------------------------------------------------------------------------------

fn descriptors() -> BTreeSet<i32> {
    let numbers = fs::read_dir("/proc/self/fd").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let numbers: Vec<i32> = numbers.collect();
    // The directory's own is among them, and closed by now.
    numbers.into_iter().filter(|number| fs::read_link(format!("/proc/self/fd/{number}")).is_ok()).collect()
}

fn is_closed_on_exec(descriptor: i32) -> bool {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{descriptor}")).unwrap();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
    i32::from_str_radix(flags.trim(), 8).unwrap() & libc::O_CLOEXEC != 0
}

#[test]
fn every_descriptor_of_a_runtime_is_closed_on_exec() {
    if env::var_os(ALONE).is_none() {
        let output = child::command("every_descriptor_of_a_runtime_is_closed_on_exec").env(ALONE, "").output().unwrap();
        return child::assert_passed(&output);
    }
    let before = descriptors();
    let (runtime, _watchdog) = runtime("descriptors are closed on exec");
    runtime.block_on(async {
        // Given one of everything that opens a descriptor,
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let accepted = listener.accept().await.unwrap();
        let file = handover::fs::File::open("/proc/self/exe").await.unwrap();
        let hangups = signal(SignalKind::hangup()).unwrap();
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        time::sleep(Duration::from_millis(1)).await;

        // when it is open, then a program started in any way would not get it,
        let new: Vec<i32> = descriptors().difference(&before).copied().collect();
        assert!(new.len() >= 10, "epoll, eventfds, timerfds, sockets, a file, pipes, a pidfd: {new:?}");
        for descriptor in new {
            let target = fs::read_link(format!("/proc/self/fd/{descriptor}")).unwrap();
            assert!(is_closed_on_exec(descriptor), "{descriptor}: {target:?}");
        }
        // and one that is started gets these three.
        let listed = Command::new("sh").args(["-c", "ls /proc/$$/fd"]).stdin(Stdio::null()).output().await.unwrap();
        let listed: BTreeSet<i32> = String::from_utf8(listed.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect();
        assert!(
            listed.is_superset(&[0, 1, 2].into()) && listed.is_subset(&before.union(&[0, 1, 2].into()).copied().collect()),
            "{listed:?}"
        );
        child.kill().await.unwrap();
        drop((listener, stream, accepted, file, hangups));
    });
}

// ---- fork -----------------------------------------------------------------------------------------------------------

/// Forks, runs `in_child` there, and waits. The child ends with what `in_child` returns, and with 101 if it panics; it is killed if it hangs.
fn fork(in_child: impl FnOnce() -> i32) -> ExitStatus {
    // SAFETY: the child goes on with code that may allocate and lock: the C library makes its allocator whole again, and what else this test uses is what it tests.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "{}", std::io::Error::last_os_error());
    if pid == 0 {
        // SAFETY: alarm takes a number. SIGALRM ends a child that hangs, and its status says so.
        unsafe { libc::alarm(60) };
        let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(in_child)).unwrap_or(101);
        // SAFETY: ends the process at once: neither the parent's values nor its tests are to be seen to here.
        unsafe { libc::_exit(code) }
    }
    let mut status = 0;
    // SAFETY: `status` outlives the call, and the process is our child.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    ExitStatus::from_raw(status)
}

/// Tasks that spawn others, sleep and block, for as long as the guard lives, so that a fork may find any lock taken.
struct Busy {
    over: Arc<AtomicBool>,
}

impl Busy {
    fn on(runtime: &Runtime) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        for _ in 0..8 {
            runtime.spawn(keep_busy(Arc::clone(&over)));
        }
        Self { over }
    }
}

async fn keep_busy(over: Arc<AtomicBool>) {
    while !over.load(Ordering::Relaxed) {
        let tasks: Vec<_> = (0..100).map(|_| handover::spawn(async { handover::yield_now().await })).collect();
        for task in tasks {
            task.await.unwrap();
        }
        handover::blocking(|| std::thread::sleep(Duration::from_micros(50))).await;
        time::sleep(Duration::from_micros(50)).await;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_child_of_a_process_with_a_busy_runtime_may_exec() {
    let (runtime, _watchdog) = runtime("fork and exec");
    let _busy = Busy::on(&runtime);
    let (program, argument) = (CString::new("/bin/sh").unwrap(), CString::new("-c").unwrap());
    let script = CString::new("exit 7").unwrap();
    let arguments = [program.as_ptr(), argument.as_ptr(), script.as_ptr(), ptr::null()];
    for _ in 0..50 {
        let status = fork(|| {
            // SAFETY: the strings end in NUL, and the list of them in a null pointer.
            unsafe { libc::execv(program.as_ptr(), arguments.as_ptr()) };
            1
        });
        assert_eq!(status.code(), Some(7), "{status}");
    }
}

/// One of everything, in a runtime of its own.
fn everything_works() -> i32 {
    let runtime = Builder::new().processors(2).build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..200_u32).map(|n| handover::spawn(async move { n })).collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        assert_eq!(sum, 199 * 200 / 2);
        assert_eq!(handover::blocking(|| std::thread::sleep(Duration::from_millis(1))).hint(Hint::Long).await, ());
        time::sleep(Duration::from_millis(1)).await;

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        client.write_all(b"x").await.unwrap();
        server.read_exact(&mut [0]).await.unwrap();

        let mut signals = signal(SignalKind::user_defined1()).unwrap();
        // SAFETY: it has a handler, the parent's or a new one.
        unsafe { libc::raise(libc::SIGUSR1) };
        assert_eq!(signals.recv().await, Some(()));
        assert_eq!(Command::new("sh").args(["-c", "exit 5"]).status().await.unwrap().code(), Some(5));
    });
    drop(runtime);
    42
}

#[test]
fn a_fresh_runtime_works_in_the_child_of_a_process_with_a_busy_one() {
    if env::var_os(ALONE).is_none() {
        let output = child::command("a_fresh_runtime_works_in_the_child_of_a_process_with_a_busy_one").env(ALONE, "").output().unwrap();
        return child::assert_passed(&output);
    }
    let (runtime, _watchdog) = runtime("fork and a fresh runtime");
    let listener = {
        let _entered = runtime.enter();
        signal(SignalKind::user_defined1()).unwrap()
    };
    let busy = Busy::on(&runtime);
    for _ in 0..40 {
        let status = fork(everything_works);
        assert_eq!(status.code(), Some(42), "{status}");
    }
    // And the parent's goes on as if nothing had been.
    drop(busy);
    runtime.block_on(async move {
        let mut listener = listener;
        // SAFETY: it has a handler.
        unsafe { libc::raise(libc::SIGUSR1) };
        assert_eq!(listener.recv().await, Some(()));
    });
}

// ---- the end and the replacement of a process -----------------------------------------------------------------------

/// Runs the named test of this binary again, which is to end or replace itself.
fn run_alone(test: &str) -> Output {
    child::command(test).env(ALONE, "").output().unwrap()
}

/// Each needs a thread.
const CALLS: usize = 300;

/// Threads are started all the time while `then` runs: calls come in bursts of ever more, and each needs a thread.
fn while_threads_start<F>(then: impl FnOnce(Runtime) -> F) -> F::Output
where
    F: Future + Send,
    F::Output: Send,
{
    let runtime = Builder::new().processors(2).max_blocking_threads(2_000).build().unwrap();
    let handle = runtime.handle().clone();
    for _ in 0..CALLS {
        // Never returns: the end of the process does not wait for it.
        runtime.spawn(async {
            handover::blocking(|| {
                loop {
                    std::thread::park()
                }
            })
            .hint(Hint::Long)
            .await
        });
    }
    handle.block_on(then(runtime))
}

#[test]
fn the_process_ends_while_threads_start_and_calls_are_out() {
    const NAME: &str = "the_process_ends_while_threads_start_and_calls_are_out";
    if env::var_os(ALONE).is_some() {
        while_threads_start(async |_runtime| {
            let started = handover::runtime::Handle::current().metrics().threads_started();
            while handover::runtime::Handle::current().metrics().threads_started() == started {
                handover::yield_now().await;
            }
            print!("said last");
            process::exit(7)
        })
    }
    let _watchdog = Watchdog::start(Duration::from_secs(100), NAME, None);
    for _ in 0..20 {
        let output = run_alone(NAME);
        assert_eq!(output.status.code(), Some(7), "{output:?}");
        assert!(output.stdout.ends_with(b"said last"), "{output:?}");
    }
}

#[test]
fn the_process_is_replaced_while_threads_start() {
    const NAME: &str = "the_process_is_replaced_while_threads_start";
    if env::var_os(ALONE).is_some() {
        let log = Log::collect(Level::WARN);
        while_threads_start(async |runtime| {
            // Given a program that the kernel begins to load before it finds that its interpreter is not there, when the process cannot be replaced by it, time and again while threads start, then none was refused.
            let program = scratch("exec").join("program");
            fs::write(&program, "#!/nosuch/interpreter\n").unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            while runtime.metrics().threads() < CALLS {
                let error = process::exec(&mut Command::new(&program));
                assert!(error.to_string().starts_with("cannot replace this process by `"), "{error}");
                assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
            }
            assert_eq!(log.with("refuses a thread"), [""; 0]);
            // Rust's programs ignore SIGPIPE, and this one still does.
            let status = fs::read_to_string("/proc/self/status").unwrap();
            let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
            assert_ne!(u64::from_str_radix(ignored.trim(), 16).unwrap() & 1 << (libc::SIGPIPE - 1), 0, "{status}");
            let error = process::exec(Command::new("sh").args(["-c", "echo replaced $$; exit 9"]));
            panic!("{error}");
        })
    }
    let _watchdog = Watchdog::start(Duration::from_secs(100), NAME, None);
    for _ in 0..20 {
        let mut child = child::command(NAME).env(ALONE, "").stdout(Stdio::piped()).spawn().unwrap();
        let mut text = String::new();
        child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        let (pid, status) = (child.id(), child.wait().unwrap());
        assert_eq!(status.code(), Some(9), "{status}: {text}");
        // The same process, another program.
        assert!(text.contains(&format!("replaced {pid}")), "{text}");
    }
    std::io::stdout().flush().unwrap();
}
