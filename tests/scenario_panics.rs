//! What does a panic of user code end? Its task, and nothing else. Scenario 33 of the list in README.md.
//!
//! And what of wakers that do more than wake: that block, that call the runtime, that panic?

#[path = "support/latch.rs"]
mod latch;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::panic::{self, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use futures::executor::block_on;
use handover::runtime::{Builder, Runtime};
use latch::Latch;
use watchdog::Watchdog;

const NEVER: Duration = Duration::from_secs(20);

fn runtime(processors: usize) -> (Runtime, Watchdog) {
    let runtime = Builder::new().processors(processors).build().unwrap();
    let watchdog = Watchdog::start(NEVER, "a panic", Some(runtime.metrics()));
    (runtime, watchdog)
}

/// `resume_unwind` panics without the hook's message: what is on purpose should not look like a failure.
fn panic_quietly<T>(text: &'static str) -> T {
    resume_unwind(Box::new(text))
}

/// After whatever happened, every processor still runs tasks and every task is gone.
fn assert_sound(runtime: Runtime) {
    let tasks: Vec<_> = (0..100).map(|n| runtime.spawn(async move { handover::blocking(|| n).await })).collect();
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(block_on(task).unwrap(), n);
    }
    let metrics = runtime.metrics();
    drop(runtime);
    assert_eq!((metrics.num_alive_tasks(), metrics.threads()), (0, 0));
}

struct PanicOnDrop(&'static str);

impl Drop for PanicOnDrop {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic_quietly(self.0)
        }
    }
}

#[test]
fn a_panic_in_a_poll_is_the_handles_error() {
    let (runtime, _watchdog) = runtime(1);
    let error = block_on(runtime.spawn(async { panic_quietly::<()>("in poll") })).unwrap_err();
    assert!(error.to_string().contains("in poll"), "{error}");
    assert_eq!(error.into_panic().downcast_ref(), Some(&"in poll"));
    let error = block_on(runtime.spawn_blocking(|| panic_quietly::<()>("in a call"))).unwrap_err();
    assert!(error.is_panic());
    let caught = panic::catch_unwind(|| runtime.block_on(async { panic_quietly::<()>("in block_on") }));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"in block_on"));
    assert_sound(runtime);
}

/// Ends at once; its destructor panics.
struct EndsBadly(#[expect(dead_code, reason = "kept for its destructor")] PanicOnDrop);

impl Future for EndsBadly {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

#[test]
fn a_panic_in_the_destructor_of_a_future() {
    let (runtime, _watchdog) = runtime(1);
    // that has ended,
    assert!(block_on(runtime.spawn(EndsBadly(PanicOnDrop("at the end")))).unwrap_err().is_panic());
    // that is aborted,
    let waiting = |text| {
        runtime.spawn(async move {
            let _guard = PanicOnDrop(text);
            std::future::pending::<()>().await
        })
    };
    let task = waiting("aborted");
    runtime.block_on(handover::yield_now());
    task.abort();
    assert!(block_on(task).is_err());
    // and that waits when the runtime ends.
    drop(waiting("left to the shutdown"));
    assert_sound(runtime);
}

#[test]
fn a_panic_in_the_destructor_of_an_output() {
    let (runtime, _watchdog) = runtime(1);
    // that nobody takes, before and after the end of the task,
    let polled = Latch::default();
    let step = polled.clone();
    drop(runtime.spawn(async move {
        step.step();
        PanicOnDrop("detached")
    }));
    assert!(polled.wait_for(1, NEVER), "{} polls", polled.steps());
    let task = runtime.spawn(async { PanicOnDrop("dropped with its handle") });
    while !task.is_finished() {
        thread::yield_now();
    }
    drop(task);
    // and of the payload of a panic that nobody takes.
    drop(runtime.spawn(async { resume_unwind(Box::new(PanicOnDrop("a payload"))) }));
    let task = runtime.spawn(async { resume_unwind(Box::new(PanicOnDrop("a payload that is seen"))) });
    while !task.is_finished() {
        thread::yield_now();
    }
    drop(task);
    assert_sound(runtime);
}

/// A waker that does something else first.
struct Meddler<F: Fn() + Send + Sync> {
    meddle: F,
    woken: Latch,
}

impl<F: Fn() + Send + Sync> Wake for Meddler<F> {
    fn wake(self: Arc<Self>) {
        self.woken.step();
        (self.meddle)();
    }
}

/// Polls `future` once with a meddling waker, on the calling thread; then, after `proceed`, waits for its call.
fn wait_with<F: Future>(future: F, meddle: impl Fn() + Send + Sync + 'static, proceed: impl FnOnce()) {
    let woken = Latch::default();
    let waker = Waker::from(Arc::new(Meddler { meddle, woken: woken.clone() }));
    let mut future = pin!(future);
    assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    proceed();
    assert!(woken.wait_for(1, NEVER), "the waker was not called");
}

#[test]
fn a_join_waker_that_panics() {
    let (runtime, _watchdog) = runtime(1);
    for _ in 0..10 {
        let release = Latch::default();
        let released = release.clone();
        let mut task = runtime.spawn_blocking(move || released.wait_for(1, NEVER));
        wait_with(&mut task, || panic_quietly("in wake"), || release.step());
        assert!(block_on(task).unwrap());
    }
    assert_sound(runtime);
}

#[cfg(feature = "time")]
mod called_by_the_runtime {
    use super::*;

    /// A timer's waker is called by a worker thread between two tasks, with its processor in hand.
    fn timer_with(runtime: &Runtime, meddle: impl Fn() + Send + Sync + 'static) {
        let _entered = runtime.enter();
        wait_with(handover::time::sleep(Duration::from_millis(2)), meddle, || ());
    }

    #[test]
    fn a_timers_waker_that_panics() {
        let (runtime, _watchdog) = runtime(1);
        for _ in 0..10 {
            timer_with(&runtime, || panic_quietly("in wake"));
            timer_with(&runtime, || resume_unwind(Box::new(PanicOnDrop("the payload of a waker"))));
        }
        assert_sound(runtime);
    }

    #[test]
    fn a_timers_waker_that_makes_a_blocking_call() {
        for processors in [1, 2] {
            let (runtime, _watchdog) = runtime(processors);
            for round in 0..10 {
                let hint = if round % 2 == 0 { handover::Hint::Short } else { handover::Hint::Long };
                // Others keep the processors busy, so that the monitor would take a lent one.
                let others: Vec<_> = (0..20).map(|_| runtime.spawn(async { thread::sleep(Duration::from_micros(200)) })).collect();
                timer_with(&runtime, move || block_on(handover::blocking(|| thread::sleep(Duration::from_millis(15))).hint(hint)));
                timer_with(&runtime, || handover::block_in_place(|| thread::sleep(Duration::from_millis(15))));
                others.into_iter().for_each(|task| block_on(task).unwrap());
            }
            assert_sound(runtime);
        }
    }

    #[test]
    fn a_timers_waker_that_uses_the_runtime() {
        let (runtime, _watchdog) = runtime(1);
        let ran = Latch::default();
        for round in 1..=10 {
            let (handle, step) = (runtime.handle().clone(), ran.clone());
            timer_with(&runtime, move || {
                let step = step.clone();
                drop(handle.spawn(async move { step.step() }));
            });
            assert!(ran.wait_for(round, NEVER), "the task that the waker spawned did not run");
        }
        assert_sound(runtime);
    }
}
