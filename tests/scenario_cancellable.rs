//! What ends a blocking call whose task is aborted, and whom else does it touch? Nobody. Scenario 43 of the list in README.md.

#[path = "support/child.rs"]
mod child;
#[path = "support/latch.rs"]
mod latch;
#[path = "support/random.rs"]
mod random;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::future::pending;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{fs, hint, mem, ptr, thread};

use futures::executor::block_on;
use handover::runtime::{Builder, Runtime};
use handover::task::{AbortHandle, JoinHandle};
use handover::{blocking, cancellable};
use latch::Latch;
use random::Random;
use watchdog::Watchdog;

const NEVER: Duration = Duration::from_secs(60);

fn runtime(processors: usize) -> (Runtime, Watchdog) {
    let runtime = Builder::new().processors(processors).build().unwrap();
    let watchdog = Watchdog::start(NEVER, "an interrupted call", Some(runtime.metrics()));
    (runtime, watchdog)
}

/// A thread that is about to block, so that others can see whether it does.
#[derive(Clone, Default)]
struct Sleeper(Arc<AtomicI32>);

impl Sleeper {
    fn is_me(&self) {
        // SAFETY: gettid takes nothing.
        self.0.store(unsafe { libc::gettid() }, Ordering::SeqCst);
    }

    /// Until the kernel says that it sleeps; proc(5).
    fn await_sleep(&self) {
        let sleeps = |tid: i32| {
            let stat = fs::read_to_string(format!("/proc/self/task/{tid}/stat")).unwrap_or_default();
            stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('S'))
        };
        while self.0.load(Ordering::SeqCst) == 0 || !sleeps(self.0.load(Ordering::SeqCst)) {
            thread::yield_now();
        }
    }
}

fn read_some(mut pipe: PipeReader) -> io::Result<Vec<u8>> {
    let mut bytes = [0; 16];
    let count = pipe.read(&mut bytes)?;
    Ok(bytes[..count].to_vec())
}

/// A task that sleeps in a cancellable read of an empty pipe by now, and the pipe's other end.
fn blocked_read(runtime: &Runtime) -> (JoinHandle<io::Result<Vec<u8>>>, PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    let sleeper = Sleeper::default();
    let me = sleeper.clone();
    let task = runtime.spawn_blocking(cancellable(move || {
        me.is_me();
        read_some(reader)
    }));
    sleeper.await_sleep();
    (task, writer)
}

#[track_caller]
fn assert_interrupted(result: io::Result<Vec<u8>>) {
    assert_eq!(result.expect_err("the read was interrupted").kind(), ErrorKind::Interrupted);
}

// ---- before, during and after the system call ----------------------------------------------------------------------------

#[test]
fn a_call_that_blocks_is_interrupted() {
    let (runtime, _watchdog) = runtime(1);
    for _ in 0..50 {
        let (task, _writer) = blocked_read(&runtime);
        task.abort();
        assert_interrupted(block_on(task).unwrap());
    }
}

#[test]
fn a_signal_before_the_system_call_is_sent_again() {
    let (runtime, _watchdog) = runtime(1);
    for computing in [0, 10, 100, 1_000, 10_000].map(Duration::from_micros) {
        let (reader, _writer) = io::pipe().unwrap();
        let (started, aborted) = (Latch::default(), Arc::new(AtomicBool::new(false)));
        let (starts, is_aborted) = (started.clone(), Arc::clone(&aborted));
        let task = runtime.spawn_blocking(cancellable(move || {
            starts.step();
            while !is_aborted.load(Ordering::SeqCst) {
                hint::spin_loop();
            }
            // The signals that come now interrupt nothing.
            let aborted_at = Instant::now();
            while aborted_at.elapsed() < computing {
                hint::spin_loop();
            }
            read_some(reader)
        }));
        assert!(started.wait_for(1, NEVER));
        task.abort();
        aborted.store(true, Ordering::SeqCst);
        assert_interrupted(block_on(task).unwrap());
    }
}

#[test]
fn what_was_read_before_the_signal_is_kept() {
    let (runtime, _watchdog) = runtime(1);
    let (reader, mut writer) = io::pipe().unwrap();
    writer.write_all(b"precious").unwrap();
    let (has_read, aborted) = (Latch::default(), Arc::new(AtomicBool::new(false)));
    let (reads, is_aborted) = (has_read.clone(), Arc::clone(&aborted));
    let task = runtime.spawn_blocking(cancellable(move || {
        let bytes = read_some(reader);
        reads.step();
        while !is_aborted.load(Ordering::SeqCst) {
            hint::spin_loop();
        }
        bytes
    }));
    assert!(has_read.wait_for(1, NEVER));
    task.abort();
    aborted.store(true, Ordering::SeqCst);
    assert_eq!(block_on(task).unwrap().unwrap(), b"precious");
}

#[test]
fn bytes_are_read_or_left_and_never_lost() {
    const ROUNDS: u64 = 3_000;
    let (runtime, _watchdog) = runtime(2);
    let (mut interrupted, mut read) = (0, 0);
    for round in 0..ROUNDS {
        let (reader, mut writer) = io::pipe().unwrap();
        let own = reader.try_clone().unwrap();
        let started = Latch::default();
        let starts = started.clone();
        let task = runtime.spawn_blocking(cancellable(move || {
            starts.step();
            read_some(own)
        }));
        assert!(started.wait_for(1, NEVER));
        let abort = task.abort_handle();
        if round.is_multiple_of(2) {
            abort.abort();
        }
        writer.write_all(b"whole").unwrap();
        abort.abort();
        let seen = match block_on(task).unwrap() {
            Ok(bytes) => {
                read += 1;
                bytes
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Interrupted);
                interrupted += 1;
                read_some(reader).unwrap()
            }
        };
        assert_eq!(seen, b"whole");
    }
    assert_eq!(interrupted + read, ROUNDS);
    assert!(read > 0, "every read was interrupted, none raced");
}

// ---- nobody else ---------------------------------------------------------------------------------------------------------

fn current_mask() -> Vec<bool> {
    // SAFETY: sigset_t is plain data, and the pointer is to a local.
    unsafe {
        let mut mask: libc::sigset_t = mem::zeroed();
        libc::pthread_sigmask(libc::SIG_SETMASK, ptr::null(), &raw mut mask);
        (1..=libc::SIGRTMAX()).map(|signal| libc::sigismember(&raw const mask, signal) == 1).collect()
    }
}

/// Real-time signals that are pending for the calling thread.
fn pending_signals() -> Vec<i32> {
    // SAFETY: as above.
    unsafe {
        let mut pending: libc::sigset_t = mem::zeroed();
        libc::sigpending(&raw mut pending);
        (libc::SIGRTMIN()..=libc::SIGRTMAX()).filter(|&signal| libc::sigismember(&raw const pending, signal) == 1).collect()
    }
}

/// A runtime whose threads block every real-time signal, so that one which comes outside a cancellable call stays pending and can be seen.
fn runtime_that_keeps_strays(processors: usize) -> (Runtime, Watchdog) {
    // SAFETY: as above; the mask is this thread's, which its runtime's threads inherit.
    unsafe {
        let mut mask: libc::sigset_t = mem::zeroed();
        (libc::SIGRTMIN()..=libc::SIGRTMAX()).for_each(|signal| {
            libc::sigaddset(&raw mut mask, signal);
        });
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const mask, ptr::null_mut());
    }
    runtime(processors)
}

#[test]
fn no_signal_comes_after_its_call() {
    const ROUNDS: u64 = 20_000;
    let (runtime, _watchdog) = runtime_that_keeps_strays(2);
    let mut random = Random::new(43);
    for round in 0..ROUNDS {
        let started = Arc::new(AtomicBool::new(false));
        let starts = Arc::clone(&started);
        let spins = random.below(3_000);
        let task = runtime.spawn(async move {
            blocking(|| {
                let before = (current_mask(), pending_signals());
                cancellable(|| {
                    starts.store(true, Ordering::SeqCst);
                    (0..spins).for_each(|_| hint::spin_loop());
                })();
                (before, (current_mask(), pending_signals()))
            })
            .await
        });
        while !started.load(Ordering::SeqCst) {
            hint::spin_loop();
        }
        (0..random.below(2_000)).for_each(|_| hint::spin_loop());
        task.abort();
        let (before, after) = block_on(task).unwrap();
        assert!(before.1.is_empty(), "round {round}: a signal came between two calls: {:?}", before.1);
        assert_eq!(before, after, "round {round}");
    }
}

#[test]
fn a_million_reads_after_it_see_no_eintr() {
    const READS: u64 = 1_000_000;
    let (runtime, _watchdog) = runtime(1);
    for _ in 0..10 {
        let (task, _writer) = blocked_read(&runtime);
        task.abort();
        assert_interrupted(block_on(task).unwrap());
    }
    let (mut reader, mut writer) = io::pipe().unwrap();
    let feeder = thread::spawn(move || (0..READS / 1000).try_for_each(|_| writer.write_all(&[7; 1000])));
    let total = runtime.block_on(async {
        let mut total = 0;
        for _ in 0..READS / 100 {
            total += blocking(|| (0..100).map(|_| reader.read(&mut [0; 1]).expect("no read is interrupted") as u64).sum::<u64>()).await;
        }
        total
    });
    feeder.join().unwrap().unwrap();
    assert_eq!(total, READS);
}

#[test]
fn other_calls_on_other_threads_are_left_alone() {
    let (runtime, _watchdog) = runtime(2);
    let (bystander, mut bystander_writer) = blocked_read(&runtime);
    for _ in 0..100 {
        let (reader, _writer) = io::pipe().unwrap();
        let task = runtime.spawn_blocking(cancellable(move || read_some(reader)));
        task.abort();
        match block_on(task) {
            Ok(result) => assert_interrupted(result),
            // The abort came before the call.
            Err(error) => assert!(error.is_cancelled(), "{error}"),
        }
    }
    bystander_writer.write_all(b"still here").unwrap();
    assert_eq!(block_on(bystander).unwrap().unwrap(), b"still here");
}

/// Runs in a process of its own, for handlers belong to the process.
#[test]
fn a_handler_of_the_users_stays() {
    if std::env::var_os("HANDOVER_TEST_CHILD").is_none() {
        let child = child::command("a_handler_of_the_users_stays").env("HANDOVER_TEST_CHILD", "1").output().unwrap();
        child::assert_passed(&child);
        return;
    }
    static CALLS: AtomicU64 = AtomicU64::new(0);
    extern "C" fn count(_signal: libc::c_int) {
        CALLS.fetch_add(1, Ordering::SeqCst);
    }
    let handler = count as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: the handler only raises a count.
    unsafe { libc::signal(libc::SIGRTMAX(), handler) };
    let (runtime, _watchdog) = runtime(1);
    let (task, _writer) = blocked_read(&runtime);
    task.abort();
    assert_interrupted(block_on(task).unwrap());
    assert_eq!(CALLS.load(Ordering::SeqCst), 0, "the user's handler was called");
    // SAFETY: a signal to this thread, whose handler only raises a count.
    unsafe { libc::raise(libc::SIGRTMAX()) };
    assert_eq!(CALLS.load(Ordering::SeqCst), 1, "the user's handler is gone");
}

// ---- where else it is used -----------------------------------------------------------------------------------------------

#[test]
fn a_task_that_is_aborted_before_the_call_is_interrupted_in_it() {
    let (runtime, _watchdog) = runtime(1);
    let own = Arc::new(Mutex::new(None::<AbortHandle>));
    let known = Latch::default();
    let (slot, is_known) = (Arc::clone(&own), known.clone());
    let (reader, _writer) = io::pipe().unwrap();
    let task = runtime.spawn(async move {
        blocking(|| assert!(is_known.wait_for(1, NEVER))).await;
        slot.lock().unwrap().as_ref().unwrap().abort();
        blocking(cancellable(|| read_some(reader))).await
    });
    *own.lock().unwrap() = Some(task.abort_handle());
    known.step();
    assert_interrupted(block_on(task).unwrap());
}

#[test]
fn a_shutdown_interrupts() {
    let (runtime, _watchdog) = runtime(2);
    let (tasks, _writers): (Vec<_>, Vec<_>) = (0..20).map(|_| blocked_read(&runtime)).unzip();
    runtime.shutdown_timeout(NEVER);
    tasks.into_iter().for_each(|task| assert_interrupted(block_on(task).unwrap()));
}

/// The signals that matter are sent by a runtime that is closing.
#[test]
fn a_call_that_blocks_only_after_the_shutdown_has_begun_is_interrupted() {
    struct Closing(Arc<AtomicBool>);
    impl Drop for Closing {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let (runtime, _watchdog) = runtime(2);
    let closing = Arc::new(AtomicBool::new(false));
    let guard = Closing(Arc::clone(&closing));
    let (waits, started) = (Latch::default(), Latch::default());
    let (is_waiting, starts) = (waits.clone(), started.clone());
    drop(runtime.spawn(async move {
        let _guard = guard;
        is_waiting.step();
        pending::<()>().await
    }));
    let (reader, _writer) = io::pipe().unwrap();
    let task = runtime.spawn_blocking(cancellable(move || {
        starts.step();
        while !closing.load(Ordering::SeqCst) {
            hint::spin_loop();
        }
        let closing_since = Instant::now();
        while closing_since.elapsed() < Duration::from_millis(5) {
            hint::spin_loop();
        }
        read_some(reader)
    }));
    assert!(waits.wait_for(1, NEVER) && started.wait_for(1, NEVER));
    runtime.shutdown_timeout(NEVER);
    assert_interrupted(block_on(task).unwrap());
}

#[test]
fn the_second_call_of_a_task_is_interrupted_like_the_first() {
    let (runtime, _watchdog) = runtime(1);
    let (reader, _writer) = io::pipe().unwrap();
    let sleeper = Sleeper::default();
    let me = sleeper.clone();
    let task = runtime.spawn(async move {
        blocking(cancellable(|| ())).await;
        blocking(cancellable(|| {
            me.is_me();
            read_some(reader)
        }))
        .await
    });
    sleeper.await_sleep();
    task.abort();
    assert_interrupted(block_on(task).unwrap());
}

#[test]
fn within_another_it_is_part_of_it() {
    let (runtime, _watchdog) = runtime(1);
    let (reader, _writer) = io::pipe().unwrap();
    let (done, slow) = (Latch::default(), Sleeper::default());
    let (inner_done, me) = (done.clone(), slow.clone());
    let task = runtime.spawn_blocking(cancellable(move || {
        cancellable(|| inner_done.step())();
        me.is_me();
        read_some(reader)
    }));
    assert!(done.wait_for(1, NEVER));
    slow.await_sleep();
    task.abort();
    assert_interrupted(block_on(task).unwrap());
    assert_eq!(done.steps(), 1, "the inner call has run once");
}

#[test]
fn a_panic_ends_the_call() {
    let (runtime, _watchdog) = runtime(1);
    let own = Arc::new(Mutex::new(None::<AbortHandle>));
    let slot = Arc::clone(&own);
    let (reader, mut writer) = io::pipe().unwrap();
    writer.write_all(b"later").unwrap();
    let panicked = Latch::default();
    let (panics, aborted) = (panicked.clone(), Latch::default());
    let is_aborted = aborted.clone();
    let task = runtime.spawn(async move {
        blocking(|| {
            let before = current_mask();
            let unwound = panic::catch_unwind(AssertUnwindSafe(cancellable(|| panic!("on purpose"))));
            assert!(unwound.is_err());
            assert_eq!(current_mask(), before);
            panics.step();
            // Not cancellable: the abort that comes now interrupts nothing.
            assert!(is_aborted.wait_for(1, NEVER));
            drop(slot);
            read_some(reader)
        })
        .await
    });
    *own.lock().unwrap() = Some(task.abort_handle());
    assert!(panicked.wait_for(1, NEVER));
    task.abort();
    aborted.step();
    assert_eq!(block_on(task).unwrap().unwrap(), b"later");
}

#[test]
fn outside_a_task_it_just_runs() {
    assert_eq!(cancellable(|| 6 * 7)(), 42);
    let (runtime, _watchdog) = runtime(1);
    assert_eq!(runtime.block_on(async { handover::block_in_place(cancellable(|| 6 * 7)) }), 42);
}
