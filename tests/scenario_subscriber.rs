//! May a tracing subscriber block, spawn and use the runtime itself? Scenario 36 of the list in README.md.
//!
//! A binary of its own: the subscriber is the whole process's.

#[path = "support/watchdog.rs"]
mod watchdog;

use std::cell::Cell;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use futures::executor::block_on;
use handover::runtime::{Builder, Handle, Runtime};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use watchdog::Watchdog;

static RUNTIME: Mutex<Option<Handle>> = Mutex::new(None);
static EVENTS: AtomicU64 = AtomicU64::new(0);
static TASKS: AtomicU64 = AtomicU64::new(0);
/// How often it still meddles: where tasks are traced, those that it spawns would make it spawn more for ever.
static PATIENCE: AtomicI64 = AtomicI64::new(0);

thread_local! {
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

/// Hears everything; whenever it is called it blocks for a moment, declared, enters the runtime that called it, and spawns a task there.
struct Meddler;

fn meddle() {
    if BUSY.replace(true) {
        return;
    }
    if PATIENCE.fetch_sub(1, Ordering::Relaxed) > 0 {
        EVENTS.fetch_add(1, Ordering::Relaxed);
        handover::block_in_place(|| thread::sleep(Duration::from_micros(500)));
        let runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(runtime) = runtime {
            let _entered = runtime.enter();
            drop(runtime.metrics());
            drop(handover::spawn(async { handover::blocking(|| TASKS.fetch_add(1, Ordering::Relaxed)).await }));
        }
    }
    BUSY.set(false);
}

impl Subscriber for Meddler {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("handover") || metadata.target().starts_with("runtime")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        meddle();
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        meddle();
    }

    fn enter(&self, _: &Id) {
        meddle();
    }

    fn exit(&self, _: &Id) {
        meddle();
    }

    fn try_close(&self, _: Id) -> bool {
        meddle();
        true
    }
}

/// Everything that is logged: hand-offs of both kinds, a stall, the start of threads, panicking wakers and destructors.
fn make_events(runtime: &Runtime) {
    let tasks: Vec<_> = (0..24)
        .map(|n| {
            runtime.spawn(async move {
                match n % 3 {
                    0 => handover::blocking(|| thread::sleep(Duration::from_millis(12))).await,
                    1 => thread::sleep(Duration::from_millis(25)),
                    _ => handover::yield_now().await,
                }
            })
        })
        .collect();
    for task in tasks {
        block_on(task).unwrap();
    }
    // An output whose destructor panics, unseen.
    drop(runtime.spawn(async { PanicOnDrop }));
}

struct PanicOnDrop;

impl Drop for PanicOnDrop {
    fn drop(&mut self) {
        std::panic::resume_unwind(Box::new("on purpose"));
    }
}

#[test]
fn a_subscriber_that_blocks_and_spawns_is_borne() {
    tracing::subscriber::set_global_default(Meddler).expect("one subscriber per test binary");
    for (processors, traced) in [(1, false), (2, false), (1, true), (2, true)] {
        let (events, tasks) = (EVENTS.load(Ordering::Relaxed), TASKS.load(Ordering::Relaxed));
        PATIENCE.store(if traced { 300 } else { i64::MAX }, Ordering::Relaxed);
        // Threads that stay: the end of an idle one would heal a wake-up that was lost.
        let runtime =
            Builder::new().processors(processors).thread_keep_alive(Duration::from_secs(3600)).trace_tasks(traced).build().unwrap();
        let _watchdog = Watchdog::start(Duration::from_secs(30), "a meddling subscriber", Some(runtime.metrics()));
        *RUNTIME.lock().unwrap() = Some(runtime.handle().clone());
        make_events(&runtime);
        while runtime.metrics().num_alive_tasks() > 0 {
            thread::yield_now();
        }
        // The last events, of threads that end, come from a runtime that shuts down: what is spawned then is refused.
        drop(runtime);
        *RUNTIME.lock().unwrap() = None;
        assert!(EVENTS.load(Ordering::Relaxed) > events);
        assert!(TASKS.load(Ordering::Relaxed) > tasks);
    }
}
