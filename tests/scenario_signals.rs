//! Does every listener hear of every kind of signal? Storms of them, listeners that come and go, several runtimes, others' handlers. Scenario 42 of the list in README.md.
//!
//! Handlers are the process's, so tests that run side by side here use signals of their own.

#[path = "support/child.rs"]
mod child;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::thread;
use std::time::Duration;

use futures::StreamExt;
use handover::runtime::{Builder, Runtime};
use handover::signal::unix::{SignalKind, signal};
use watchdog::Watchdog;

fn runtime(what: &str) -> (Runtime, Watchdog) {
    let runtime = Builder::new().processors(2).build().unwrap();
    let watchdog = Watchdog::start(Duration::from_secs(60), what, Some(runtime.metrics()));
    (runtime, watchdog)
}

/// To this process, so that any thread may run the handler.
fn send(kind: SignalKind) {
    // SAFETY: both calls take numbers only, and the signal goes to ourselves.
    assert_eq!(unsafe { libc::kill(libc::getpid(), kind.as_raw_value()) }, 0);
}

fn real_time(offset: i32) -> SignalKind {
    SignalKind::from_raw(libc::SIGRTMIN() + offset)
}

#[test]
fn listeners_in_two_runtimes_hear_each_signal() {
    const ROUNDS: usize = 200;
    let (one, _watchdog) = runtime("listeners in two runtimes");
    let (two, _other_watchdog) = runtime("listeners in two runtimes, the other");
    let kind = real_time(0);
    let (heard, mut hearings) = futures::channel::mpsc::unbounded();
    for runtime in [&one, &one, &two] {
        let heard = heard.clone();
        let mut listener = {
            let _entered = runtime.enter();
            signal(kind).unwrap()
        };
        runtime.spawn(async move {
            while listener.recv().await.is_some() {
                heard.unbounded_send(()).unwrap();
            }
        });
    }
    one.block_on(async {
        for _ in 0..ROUNDS {
            send(kind);
            // Given one signal, when nobody sends another, then each of the three tells of it once.
            for _ in 0..3 {
                assert!(hearings.recv().await.is_ok());
            }
            assert!(hearings.try_recv().is_err());
        }
    });
}

#[test]
fn a_storm_of_two_kinds_loses_the_last_of_neither() {
    const ROUNDS: u64 = 20_000;
    let (runtime, _watchdog) = runtime("a storm of two kinds");
    let kinds = [SignalKind::user_defined1(), SignalKind::user_defined2()];
    let sent = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
    let listeners: Vec<_> = (0..8)
        .map(|n| {
            let (which, sent) = (n % 2, Arc::clone(&sent));
            let mut listener = {
                let _entered = runtime.enter();
                signal(kinds[which]).unwrap()
            };
            runtime.spawn(async move {
                let mut hearings = 0;
                // Whoever hears a signal sees what its sender did before. So who has heard of the last one sees the last number.
                while sent[which].load(Ordering::SeqCst) != ROUNDS {
                    listener.next().await.unwrap();
                    hearings += 1;
                }
                hearings
            })
        })
        .collect();
    let senders = kinds.iter().enumerate().map(|(which, &kind)| {
        let sent = Arc::clone(&sent);
        thread::spawn(move || {
            for _ in 0..ROUNDS {
                sent[which].fetch_add(1, Ordering::SeqCst);
                send(kind);
            }
        })
    });
    senders.collect::<Vec<_>>().into_iter().for_each(|sender| sender.join().unwrap());
    runtime.block_on(async {
        for listener in listeners {
            assert!(listener.await.unwrap() <= ROUNDS, "a signal was heard more often than it was sent");
        }
    });
}

/// How often the waker below was cloned, and which clones another listener has heard the signal of.
static CLONES: AtomicU64 = AtomicU64::new(0);
static HEARD_BESIDE: AtomicU64 = AtomicU64::new(0);
const WHILE_CLONED: i32 = 3;

/// A waker that does nothing but to be slow: while it is cloned, a signal comes, and everybody who waits for it is woken.
mod slow_waker {
    use super::*;

    const METHODS: RawWakerVTable = RawWakerVTable::new(clone, ignore, ignore, ignore);

    fn clone(_: *const ()) -> RawWaker {
        let clones = CLONES.fetch_add(1, Ordering::SeqCst) + 1;
        send(real_time(WHILE_CLONED));
        while HEARD_BESIDE.load(Ordering::SeqCst) < clones {
            thread::yield_now();
        }
        RawWaker::new(std::ptr::null(), &METHODS)
    }

    fn ignore(_: *const ()) {}

    pub(crate) fn new() -> Waker {
        // SAFETY: none of the methods touches the data pointer.
        unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &METHODS)) }
    }
}

#[test]
fn a_signal_that_comes_while_its_listener_lies_down_is_heard_by_it() {
    let (runtime, _watchdog) = runtime("a signal as its listener lies down");
    let _entered = runtime.enter();
    let mut listener = signal(real_time(WHILE_CLONED)).unwrap();
    let mut beside = signal(real_time(WHILE_CLONED)).unwrap();
    runtime.spawn(async move {
        while beside.recv().await.is_some() {
            HEARD_BESIDE.fetch_add(1, Ordering::SeqCst);
        }
    });
    // Given a listener that has looked and found nothing, when a signal comes and all who wait are woken before it has left its waker, then it does not lie down.
    let polled = listener.poll_recv(&mut Context::from_waker(&slow_waker::new()));
    assert_eq!((polled, CLONES.load(Ordering::SeqCst)), (Poll::Ready(Some(())), 1));
}

#[test]
fn listeners_come_and_go_in_a_storm_and_the_one_who_stays_hears_the_last() {
    const COMERS: u64 = 2_000;
    let (runtime, _watchdog) = runtime("listeners come and go");
    let kind = real_time(1);
    let (over, storms) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let storm = thread::spawn({
        let (over, storms) = (Arc::clone(&over), Arc::clone(&storms));
        move || {
            // Real-time signals queue up; from the second one on somebody listens.
            while storms.load(Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
            while !over.load(Ordering::SeqCst) {
                send(kind);
            }
            send(kind);
        }
    });
    runtime.block_on(async {
        let mut stays = signal(kind).unwrap();
        storms.store(1, Ordering::SeqCst);
        let comers = (0..8).map(|_| {
            handover::spawn(async move {
                for _ in 0..COMERS / 8 {
                    // Sometimes the only one of its runtime's hub but for the one who stays.
                    assert_eq!(signal(kind).unwrap().recv().await, Some(()));
                    drop(signal(kind).unwrap());
                }
            })
        });
        for comer in comers.collect::<Vec<_>>() {
            comer.await.unwrap();
        }
        over.store(true, Ordering::SeqCst);
        handover::blocking(|| storm.join().unwrap()).await;
        assert_eq!(stays.recv().await, Some(()));
    });
}

#[test]
fn the_runtime_that_listened_first_may_end() {
    let kind = real_time(2);
    let (first, _watchdog) = runtime("the first of two runtimes ends");
    let (second, _other_watchdog) = runtime("the first of two runtimes ends, the second");
    let listener = |runtime: &Runtime| {
        let _entered = runtime.enter();
        signal(kind).unwrap()
    };
    let (mut of_first, mut of_second) = (listener(&first), listener(&second));
    let waiting = second.spawn(async move { (of_first.recv().await, of_first.recv().await) });
    drop(first);
    // A listener of a runtime that has ended says so, wherever it is asked.
    assert_eq!(second.block_on(waiting).unwrap(), (None, None));
    for _ in 0..100 {
        send(kind);
        assert_eq!(second.block_on(of_second.recv()), Some(()));
    }
    // And a listener of the second that came before hears on with a new one beside it.
    let mut another = listener(&second);
    send(kind);
    assert_eq!(second.block_on(async { (of_second.recv().await, another.recv().await) }), (Some(()), Some(())));
}

#[test]
fn a_second_ctrl_c_is_heard() {
    let (runtime, _watchdog) = runtime("a second Ctrl-C");
    runtime.block_on(async {
        let mut interrupts = signal(SignalKind::interrupt()).unwrap();
        for _ in 0..3 {
            let waiting = handover::spawn(handover::signal::ctrl_c());
            // It listens once it has been polled, and that cannot be seen; so Ctrl-C is sent until it hears.
            while !waiting.is_finished() {
                send(SignalKind::interrupt());
                assert_eq!(interrupts.recv().await, Some(()));
                handover::yield_now().await;
            }
            waiting.await.unwrap().unwrap();
        }
        // Without anybody in `ctrl_c` it is still not the default action that is taken.
        send(SignalKind::interrupt());
        assert_eq!(interrupts.recv().await, Some(()));
    });
}

static OTHERS_HEARD: AtomicU64 = AtomicU64::new(0);

extern "C" fn on_signal_of_others(_signal: libc::c_int) {
    OTHERS_HEARD.fetch_add(1, Ordering::SeqCst);
}

#[test]
fn handlers_of_others_stay() {
    let (runtime, _watchdog) = runtime("handlers of others");
    let kind = SignalKind::window_change();
    // SAFETY: the handler only adds to an atomic number.
    unsafe { libc::signal(kind.as_raw_value(), on_signal_of_others as extern "C" fn(libc::c_int) as libc::sighandler_t) };
    let flag = Arc::new(AtomicBool::new(false));
    runtime.block_on(async {
        let mut listener = signal(kind).unwrap();
        // Later than ours, by the registry that others use.
        let id = signal_hook::flag::register(kind.as_raw_value(), Arc::clone(&flag)).unwrap();
        for round in 1..=100 {
            flag.store(false, Ordering::SeqCst);
            send(kind);
            assert_eq!(listener.recv().await, Some(()));
            // The handler of before is called first; ours rings while the one of after may be still to come.
            assert_eq!(OTHERS_HEARD.load(Ordering::SeqCst), round);
            while !flag.load(Ordering::SeqCst) {
                handover::yield_now().await;
            }
        }
        assert!(signal_hook::low_level::unregister(id));
        drop(listener);
        // Ours are gone, theirs is not. The handler has run when kill(2) returns, or on another thread a moment later.
        send(kind);
        while OTHERS_HEARD.load(Ordering::SeqCst) != 101 {
            handover::yield_now().await;
        }
    });
}

#[handover::test]
async fn a_signal_that_nobody_can_listen_for_is_named_in_the_error() {
    let cases = [
        (libc::SIGKILL, "cannot listen for SIGKILL (9): the system lets no program handle it"),
        (libc::SIGSTOP, "cannot listen for SIGSTOP (19)"),
        (libc::SIGSEGV, "cannot listen for SIGSEGV (11): the instruction"),
        (0, "cannot listen for signal 0: there is no such signal: expected 1 to 64"),
        (-1, "cannot listen for signal -1"),
        (65, "cannot listen for signal 65"),
        (i32::MAX, "cannot listen for signal 2147483647"),
        // The C library keeps it for itself.
        (32, "cannot listen for signal 32"),
    ];
    for (number, message) in cases {
        let error = signal(SignalKind::from_raw(number)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().starts_with(message), "{error}");
    }
}

#[test]
fn outside_a_runtime_it_says_so() {
    let error = signal(SignalKind::hangup()).unwrap_err();
    assert!(error.to_string().contains("no handover runtime here"), "{error}");
}

/// How often the threads of this process have gone to sleep, all but the calling one.
fn switches() -> u64 {
    let me = format!("/proc/self/task/{}/status", thread_id());
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten().map(|task| task.path().join("status"));
    let others = tasks.filter(|path| std::fs::canonicalize(path).ok() != std::fs::canonicalize(&me).ok());
    let texts = others.filter_map(|path| std::fs::read_to_string(path).ok());
    texts
        .flat_map(|text| {
            text.lines().filter_map(|line| line.split_once("voluntary_ctxt_switches:")?.1.trim().parse::<u64>().ok()).collect::<Vec<_>>()
        })
        .sum()
}

fn thread_id() -> i32 {
    // SAFETY: gettid takes nothing and cannot fail.
    unsafe { libc::gettid() }
}

#[test]
fn a_listener_that_hears_nothing_wakes_nobody() {
    if std::env::var_os("HANDOVER_TEST_IDLE").is_none() {
        // Alone in its process: the other tests here are not idle.
        let output = child::command("a_listener_that_hears_nothing_wakes_nobody").env("HANDOVER_TEST_IDLE", "1").output().unwrap();
        return child::assert_passed(&output);
    }
    let (runtime, _watchdog) = runtime("an idle listener");
    let mut listener = {
        let _entered = runtime.enter();
        signal(SignalKind::hangup()).unwrap()
    };
    let hearing = runtime.spawn(async move { listener.recv().await });
    // The threads come to rest within some rounds of the monitor. Then nothing happens in as long a time as many more would take.
    let is_quiet = |_| {
        let before = switches();
        thread::sleep(Duration::from_millis(300));
        switches() == before
    };
    assert!((0..20).any(is_quiet), "something wakes up all the time");
    assert!(!hearing.is_finished());
    send(SignalKind::hangup());
    assert_eq!(runtime.block_on(hearing).unwrap(), Some(()));
}
