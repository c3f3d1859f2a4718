//! What if a setting makes no sense, or is as large or small as it can be? Scenario 24 of the list in README.md. (What the attributes refuse while they are compiled is in
//! `macros/tests/ui`.)
//!
//! Each test runs in a process of its own: it counts threads and descriptors.

#[path = "support/child.rs"]
mod child;
#[path = "support/latch.rs"]
mod latch;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::env;
use std::io::ErrorKind;
use std::panic;
use std::thread;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use futures::future::join_all;
use handover::Hint;
use handover::runtime::{Builder, Runtime};
use latch::Latch;
use watchdog::Watchdog;

/// Set in the children.
const ALONE: &str = "HANDOVER_TEST_ALONE";
const NEVER: Duration = Duration::from_secs(30);
/// What a stack may have at most.
const LARGEST_STACK: usize = 64 << 30;

/// Runs `test`, the body of the test `name`, in a process that has no other.
#[track_caller]
fn alone(name: &str, test: impl FnOnce()) {
    if env::var_os(ALONE).is_some() {
        let _watchdog = Watchdog::start(NEVER, name, None);
        test();
    } else {
        child::assert_passed(&child::command(name).env(ALONE, "1").output().unwrap());
    }
}

/// Threads and descriptors of this process.
fn possessions() -> [usize; 2] {
    ["/proc/self/task", "/proc/self/fd"].map(|folder| std::fs::read_dir(folder).unwrap().count())
}

/// A thread is gone from /proc a moment after the runtime has seen its end.
fn await_possessions(expected: [usize; 2]) {
    let began = Instant::now();
    while possessions() != expected {
        assert!(began.elapsed() < NEVER / 2, "{:?} threads and descriptors, not {expected:?}", possessions());
        thread::yield_now();
    }
}

fn two_processors() -> Builder {
    Builder::new().processors(2)
}

/// A build with a value that makes no sense is refused with a message that begins with `expected`, the setting and its value; nothing was started.
#[track_caller]
fn assert_refused(builder: &Builder, expected: &str) {
    let before = possessions();
    let error = builder.build().expect_err(expected);
    assert_eq!(possessions(), before, "threads and descriptors after: {error}");
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(error.to_string().starts_with(expected), "`{error}` does not begin with `{expected}`");
}

/// A task of each kind runs, and none gets in another's way.
fn use_all(runtime: &Runtime) {
    let sleep = || thread::sleep(Duration::from_millis(1));
    let sum = runtime.block_on(async move {
        let tasks = (0..8).map(|n: u32| {
            handover::spawn(async move {
                handover::yield_now().await;
                handover::blocking(sleep).await;
                handover::blocking(sleep).hint(Hint::Long).await;
                // Undeclared.
                sleep();
                n
            })
        });
        join_all(tasks).await.into_iter().map(Result::unwrap).sum::<u32>()
    });
    assert_eq!(sum, 28);
}

#[track_caller]
fn assert_legal(builder: &Builder) {
    let before = possessions();
    let runtime = builder.build().unwrap();
    use_all(&runtime);
    drop(runtime);
    await_possessions(before);
}

// ---- refused -------------------------------------------------------------------------------------------------------

#[test]
fn a_bad_value_is_named_and_leaves_nothing_behind() {
    alone("a_bad_value_is_named_and_leaves_nothing_behind", || {
        for count in [0, 4097, usize::MAX] {
            assert_refused(&Builder::new().processors(count), &format!("processors is {count}; "));
        }
        assert_refused(&two_processors().handoff_after(Duration::ZERO), "handoff_after is zero; ");
        assert_refused(&two_processors().max_blocking_threads(0), "max_blocking_threads is 0; ");
        for bytes in [0, 1, (64 << 10) - 1, LARGEST_STACK + 1, usize::MAX] {
            assert_refused(&two_processors().thread_stack_size(bytes), &format!("thread_stack_size is {bytes} bytes; "));
        }
        for name in ["\0", "web\0", "w\0eb"] {
            assert_refused(&two_processors().thread_name(name), &format!("thread_name is {name:?}; "));
        }
    });
}

#[test]
fn one_of_several_bad_values_is_named_and_the_rest_after_it() {
    alone("one_of_several_bad_values_is_named_and_the_rest_after_it", || {
        let builder =
            Builder::new().processors(0).max_blocking_threads(0).handoff_after(Duration::ZERO).thread_name("\0").thread_stack_size(1);
        // When each is put right as it is named, then every one has been, and what is left is a runtime.
        assert_refused(&builder, "processors is 0; ");
        let builder = builder.processors(1);
        assert_refused(&builder, "handoff_after is zero; ");
        let builder = builder.handoff_after(Duration::from_millis(1));
        assert_refused(&builder, "max_blocking_threads is 0; ");
        let builder = builder.max_blocking_threads(1);
        assert_refused(&builder, "thread_name is \"\\0\"; ");
        let builder = builder.thread_name("web");
        assert_refused(&builder, "thread_stack_size is 1 bytes; ");
        assert_legal(&builder.thread_stack_size(1 << 20));
    });
}

/// Either number alone is legal; together they ask for 256 TiB, twice what a process on x86-64 can address.
#[test]
fn numbers_that_contradict_each_other_are_named() {
    alone("numbers_that_contradict_each_other_are_named", || {
        let before = possessions();
        let error = Builder::new().processors(4096).thread_stack_size(LARGEST_STACK).build().unwrap_err();
        await_possessions(before);
        let text = error.to_string();
        assert!(text.contains("processors") && text.contains("4096"), "the number of processors is not named: {error}");
        assert!(text.contains("thread_stack_size") && text.contains("68719476736"), "the size of a stack is not named: {error}");
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    });
}

#[handover::main(processors = 4097)]
async fn on_too_many_processors() {}

#[test]
fn the_attribute_says_what_the_builder_says() {
    alone("the_attribute_says_what_the_builder_says", || {
        let before = possessions();
        let panic = panic::catch_unwind(on_too_many_processors).unwrap_err();
        assert_eq!(possessions(), before);
        let text = panic.downcast_ref::<String>().expect("a message");
        assert_eq!(text, "the handover runtime could not be built: processors is 4097; expected 1 to 4096");
    });
}

// ---- legal ---------------------------------------------------------------------------------------------------------

#[test]
fn the_extremes_of_what_is_legal_run() {
    alone("the_extremes_of_what_is_legal_run", || {
        for limit in [Duration::from_nanos(1), Duration::MAX] {
            assert_legal(&two_processors().handoff_after(limit));
        }
        for limit in [Duration::ZERO, Duration::MAX] {
            assert_legal(&two_processors().thread_keep_alive(limit));
        }
        for count in [1, usize::MAX] {
            assert_legal(&two_processors().max_blocking_threads(count));
        }
        // The least, one that is no multiple of a page, and one that no thread fills.
        for bytes in [64 << 10, (64 << 10) + 1, 256 << 20] {
            assert_legal(&two_processors().thread_stack_size(bytes));
        }
        for processors in [1, 64, 65] {
            assert_legal(&Builder::new().processors(processors));
        }
        // More processors than calls that may be out, and both at their ends at once.
        assert_legal(&Builder::new().processors(8).max_blocking_threads(1));
        assert_legal(
            &Builder::new().processors(1).max_blocking_threads(usize::MAX).handoff_after(Duration::MAX).thread_keep_alive(Duration::ZERO),
        );
    });
}

/// What the settings allow, the system may still refuse. It must not be the settings' fault then.
#[track_caller]
fn assert_legal_or_refused_by_the_system(builder: &Builder) {
    let before = possessions();
    match builder.build() {
        Ok(runtime) => use_all(&runtime),
        Err(error) => {
            println!("SKIPPED: the system refuses {builder:?}: {error}");
            assert_ne!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
    }
    await_possessions(before);
}

#[test]
fn the_largest_numbers_run_where_the_system_has_room() {
    alone("the_largest_numbers_run_where_the_system_has_room", || {
        assert_legal_or_refused_by_the_system(&Builder::new().processors(4096).thread_stack_size(128 << 10));
        assert_legal_or_refused_by_the_system(&two_processors().thread_stack_size(LARGEST_STACK));
    });
}

#[test]
fn any_name_without_nul_is_the_name_of_the_threads() {
    alone("any_name_without_nul_is_the_name_of_the_threads", || {
        // Linux cuts after 15 bytes, which is in the middle of an umlaut here.
        let cut = "ü".repeat(8);
        for name in ["", "w", "a b/c%n\n", &cut, &"long".repeat(1 << 18)] {
            let runtime = two_processors().thread_name(name).build().unwrap();
            use_all(&runtime);
            let found = runtime.block_on(async { thread::current().name().map(String::from) });
            assert!(found.as_deref() == Some(name), "a thread is called {:.40?}", found);
        }
    });
}

#[handover::main(
    processors = 1,
    handoff_after_ms = 18446744073709551615,
    max_blocking_threads = 0xFFFF_FFFF_FFFF_FFFF,
    thread_name = "a name of more than fifteen bytes"
)]
async fn at_the_ends() -> Option<String> {
    handover::blocking(|| thread::sleep(Duration::from_millis(1))).await;
    thread::current().name().map(String::from)
}

#[test]
fn the_attribute_takes_the_largest_numbers() {
    alone("the_attribute_takes_the_largest_numbers", || {
        assert_eq!(at_the_ends().as_deref(), Some("a name of more than fifteen bytes"));
    });
}

/// Given 16 calls that are out at once, so that there are more threads than the runtime keeps; when they return; then the surplus goes at once, or never.
#[test]
fn spares_leave_at_once_or_never() {
    alone("spares_leave_at_once_or_never", || {
        for limit in [Duration::ZERO, Duration::MAX] {
            let runtime = two_processors().thread_keep_alive(limit).build().unwrap();
            let before = runtime.metrics().threads();
            storm(&runtime, 16);
            let began = Instant::now();
            while limit.is_zero() && runtime.metrics().threads() > before {
                assert!(began.elapsed() < NEVER / 2, "{:?}", runtime.metrics());
                thread::yield_now();
            }
            // The monitor goes by many times.
            use_all(&runtime);
            let metrics = runtime.metrics();
            assert!(limit.is_zero() || (metrics.threads_ended() == 0 && metrics.threads() >= 16), "{metrics:?}");
        }
    });
}

/// Calls that end when all are out.
fn storm(runtime: &Runtime, calls: u64) {
    let out = Latch::default();
    let tasks: Vec<_> = (0..calls)
        .map(|_| {
            let out = out.clone();
            let call = move || {
                out.step();
                assert!(out.wait_for(calls, NEVER / 2), "{} of {calls} calls are out", out.steps());
            };
            runtime.spawn(async move { handover::blocking(call).hint(Hint::Long).await })
        })
        .collect();
    tasks.into_iter().for_each(|task| block_on(task).unwrap());
}
