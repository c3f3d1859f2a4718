//! Where may a blocking call stand? Anywhere. Scenario 13 of the list in README.md.

#[path = "support/watchdog.rs"]
mod watchdog;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use handover::runtime::{Builder, Handle, Runtime};
use watchdog::Watchdog;

const NEVER: Duration = Duration::from_secs(20);

fn runtime(processors: usize) -> (Runtime, Watchdog) {
    let runtime = Builder::new().processors(processors).build().unwrap();
    let watchdog = Watchdog::start(NEVER, "nested calls", Some(runtime.metrics()));
    (runtime, watchdog)
}

fn pause() {
    std::thread::sleep(Duration::from_millis(2));
}

/// A call in a call in a call, each blocking before and after the inner one.
fn calls_in_calls(depth: u32) -> u32 {
    if depth == 0 {
        return 0;
    }
    handover::block_in_place(|| {
        pause();
        let inner = calls_in_calls(depth - 1);
        pause();
        inner + 1
    })
}

#[test]
fn calls_nest() {
    for processors in [1, 2] {
        let (runtime, _watchdog) = runtime(processors);
        let tasks: Vec<_> = (0..4).map(|_| runtime.spawn(async { handover::blocking(|| calls_in_calls(5)).await })).collect();
        for task in tasks {
            assert_eq!(runtime.block_on(task).unwrap(), 5);
        }
    }
}

/// `block_on` in a task in `block_on` ..., each level blocking its own thread.
fn block_on_in_block_on(depth: u32) -> u32 {
    handover::block_on(async move {
        handover::yield_now().await;
        if depth == 0 { 0 } else { block_on_in_block_on(depth - 1) + 1 }
    })
}

#[test]
fn block_on_nests_ten_deep_on_one_processor() {
    let (runtime, _watchdog) = runtime(1);
    for _ in 0..10 {
        assert_eq!(runtime.block_on(async { block_on_in_block_on(10) }), 10);
    }
}

#[test]
fn many_tasks_block_on_at_once_on_one_processor() {
    let (runtime, _watchdog) = runtime(1);
    let tasks: Vec<_> = (0..20).map(|_| runtime.spawn(async { block_on_in_block_on(3) })).collect();
    for task in tasks {
        assert_eq!(runtime.block_on(task).unwrap(), 3);
    }
}

#[test]
fn a_call_in_block_on_in_a_call() {
    let (runtime, _watchdog) = runtime(1);
    let text = String::from("borrowed all the way");
    let length = runtime.block_on(async {
        handover::blocking(|| {
            pause();
            let length = handover::block_on(async { handover::blocking(|| text.len()).await });
            pause();
            length
        })
        .await
    });
    assert_eq!(length, text.len());
}

#[test]
fn spawn_blocking_nests() {
    let (runtime, _watchdog) = runtime(1);
    let outer = runtime.spawn_blocking(|| {
        pause();
        handover::block_on(handover::spawn_blocking(|| 3)).unwrap()
    });
    assert_eq!(runtime.block_on(outer).unwrap(), 3);
}

struct CallOnDrop<'a>(&'a AtomicU64);

impl Drop for CallOnDrop<'_> {
    fn drop(&mut self) {
        handover::block_in_place(pause);
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_call_in_a_destructor() {
    static DROPPED: AtomicU64 = AtomicU64::new(0);
    let (runtime, _watchdog) = runtime(1);
    // of a value in a task that ends, of a task's output that nobody takes, of a task that is aborted, and of one that panics
    runtime.block_on(async { drop(CallOnDrop(&DROPPED)) });
    drop(runtime.spawn(async { CallOnDrop(&DROPPED) }));
    let aborted = runtime.spawn(async {
        let _guard = CallOnDrop(&DROPPED);
        std::future::pending::<()>().await
    });
    runtime.block_on(handover::yield_now());
    aborted.abort();
    assert!(runtime.block_on(aborted).unwrap_err().is_cancelled());
    let panicked = runtime.spawn(async {
        let _guard = CallOnDrop(&DROPPED);
        std::panic::panic_any("on purpose")
    });
    assert!(runtime.block_on(panicked).unwrap_err().is_panic());
    drop(runtime);
    assert!(DROPPED.load(Ordering::Relaxed) >= 3, "{} destructors ran", DROPPED.load(Ordering::Relaxed));
}

/// Makes calls, and uses whatever else of the runtime it can reach, when its thread ends.
struct CallAtThreadEnd {
    said: mpsc::Sender<Result<usize, String>>,
}

impl Drop for CallAtThreadEnd {
    fn drop(&mut self) {
        let length = handover::block_in_place(|| "at the end".len());
        let current = Handle::try_current().map(|_| length).map_err(|error| error.to_string());
        // The test may be over already.
        let _ = self.said.send(current);
    }
}

thread_local! {
    static AT_END: std::cell::RefCell<Option<CallAtThreadEnd>> = const { std::cell::RefCell::new(None) };
}

fn leave_at_thread_end(said: mpsc::Sender<Result<usize, String>>) {
    AT_END.with(|slot| slot.borrow_mut().get_or_insert(CallAtThreadEnd { said }).said.clone());
}

#[test]
fn a_call_in_a_thread_local_destructor() {
    // on a thread of nobody's, with and without a runtime entered before,
    let (said, heard) = mpsc::channel();
    let (runtime, _watchdog) = runtime(1);
    let handle = runtime.handle().clone();
    let entering = said.clone();
    std::thread::spawn(move || {
        leave_at_thread_end(entering);
        drop(handle.enter());
    });
    assert!(heard.recv_timeout(NEVER).unwrap().is_err(), "no runtime is entered when a thread ends");
    // and on a worker thread that ends with its runtime.
    runtime.block_on(async { leave_at_thread_end(said) });
    drop(runtime);
    assert!(heard.recv_timeout(NEVER).unwrap().is_err(), "a worker thread's runtime is over when the thread ends");
}

#[test]
fn calls_outside_any_runtime_just_run() {
    let text = String::from("outside");
    assert_eq!(handover::block_in_place(|| text.len()), 7);
    assert_eq!(futures::executor::block_on(handover::blocking(|| text.len())), 7);
    assert_eq!(handover::block_on(async { handover::blocking(|| text.len()).await }), 7);
}
