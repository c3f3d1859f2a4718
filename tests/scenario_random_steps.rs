//! Does everything keep its word when everything happens at once? Scenario 17 of the list in README.md: 10^6 random steps.
//!
//! Tasks draw steps from a seeded generator: yield, spawn, wake each other, short, long, nested and panicking calls, undeclared blocking, aborts. What must hold:
//!
//! - every question that one task asks another is answered once (a lost wake-up is a hang);
//! - no task is polled by two threads at once or after its end, every future is dropped once;
//! - no processor has two holders: the runtime itself asserts this on every reclaim in debug builds (`Worker::reclaim`, `IdleSet::insert`), so that
//!   never more than P threads hold one.
//!
//! The threads' timing is not seeded, so a seed repeats the steps and not the run.

#[path = "support/exclusive.rs"]
mod exclusive;
#[path = "support/random.rs"]
mod random;
#[path = "support/watchdog.rs"]
mod watchdog;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use exclusive::Exclusive;
use futures::task::AtomicWaker;
use handover::runtime::{Builder, Runtime};
use handover::task::JoinHandle;
use handover::{Hint, block_in_place, blocking, spawn, yield_now};
use random::Random;
use watchdog::Watchdog;

const SEEDS: [u64; 3] = [1, 20_261_123, 0xDEAD_BEEF];
const TASKS: usize = 32;
const CLERKS: usize = 8;
/// 3 seeds, 3 numbers of processors, 32 tasks: 10^6 in all.
const STEPS: u64 = 3_500;

/// Where a walker hears from the clerks.
#[derive(Default)]
struct Mailbox {
    tokens: AtomicU64,
    waker: AtomicWaker,
}

impl Mailbox {
    fn send(&self) {
        self.tokens.fetch_add(1, Ordering::SeqCst);
        self.waker.wake();
    }

    async fn receive(&self) {
        poll_fn(|cx| {
            self.waker.register(cx.waker());
            let before = self.tokens.load(Ordering::SeqCst);
            if before == 0 {
                return Poll::Pending;
            }
            self.tokens.fetch_sub(1, Ordering::SeqCst);
            Poll::Ready(())
        })
        .await;
    }
}

/// What all tasks of one run share.
#[derive(Default)]
struct World {
    /// One for each walker, for the answers to it.
    answers: Vec<Mailbox>,
    /// One for each clerk, for the questions to it.
    questions: Vec<Desk>,
    steps: AtomicU64,
    children: AtomicU64,
    dropped: AtomicU64,
}

/// Where a clerk is asked: by the walker of that number, or by nobody, which means that it shall end.
#[derive(Default)]
struct Desk {
    waiting: Mutex<VecDeque<Option<usize>>>,
    waker: AtomicWaker,
}

impl Desk {
    fn ask(&self, walker: Option<usize>) {
        self.waiting.lock().unwrap().push_back(walker);
        self.waker.wake();
    }

    async fn next(&self) -> Option<usize> {
        poll_fn(|cx| {
            self.waker.register(cx.waker());
            self.waiting.lock().unwrap().pop_front().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// Answers until it shall end; says how many questions there were.
async fn serve(world: Arc<World>, number: usize) -> u64 {
    let mut served = 0;
    while let Some(walker) = world.questions[number].next().await {
        world.answers[walker].send();
        served += 1;
    }
    served
}

/// Counts the end of a child, however it ends.
struct Child {
    world: Arc<World>,
    alive: bool,
}

impl Child {
    fn new(world: &Arc<World>) -> Self {
        world.children.fetch_add(1, Ordering::Relaxed);
        Self { world: Arc::clone(world), alive: true }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        assert!(std::mem::replace(&mut self.alive, false), "dropped twice");
        self.world.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

struct Walker {
    world: Arc<World>,
    number: usize,
    random: Random,
    asked: u64,
}

impl Walker {
    /// Says how many questions it asked.
    async fn walk(mut self) -> u64 {
        for _ in 0..STEPS {
            self.step().await;
            self.world.steps.fetch_add(1, Ordering::Relaxed);
        }
        self.asked
    }

    async fn step(&mut self) {
        match self.random.below(1000) {
            0..300 => yield_now().await,
            300..600 => self.ask().await,
            600..850 => blocking(thread::yield_now).await,
            850..900 => self.detached_child(),
            900..950 => self.joined_child().await,
            950..985 => self.aborted_child().await,
            985..989 => self.panicking_child().await,
            989..993 => self.nested().await,
            993..996 => blocking(|| thread::sleep(Duration::from_micros(300))).await,
            996..998 => blocking(|| thread::sleep(Duration::from_micros(100))).hint(Hint::Long).await,
            998 => thread::sleep(Duration::from_micros(700)),
            _ => block_in_place(|| thread::sleep(Duration::from_millis(1))),
        }
    }

    /// Asks a clerk drawn at random and waits for the answer.
    async fn ask(&mut self) {
        let clerk = self.random.below(CLERKS as u64) as usize;
        self.asked += 1;
        self.world.questions[clerk].ask(Some(self.number));
        self.world.answers[self.number].receive().await;
    }

    fn spawn_child(&self, yields: u64) -> JoinHandle<u64> {
        let child = Child::new(&self.world);
        spawn(Exclusive::new(async move {
            for _ in 0..yields {
                yield_now().await;
            }
            drop(child);
            yields
        }))
    }

    fn detached_child(&mut self) {
        let yields = self.random.below(3);
        drop(self.spawn_child(yields));
    }

    async fn joined_child(&mut self) {
        let yields = self.random.below(3);
        assert_eq!(self.spawn_child(yields).await.unwrap(), yields);
    }

    /// Before its first poll, during, or after its end.
    async fn aborted_child(&mut self) {
        let child = Child::new(&self.world);
        let waits_for_ever = self.random.below(2) == 0;
        let task = spawn(Exclusive::new(async move {
            let _child = child;
            blocking(|| ()).await;
            if waits_for_ever {
                std::future::pending::<()>().await;
            }
        }));
        for _ in 0..self.random.below(3) {
            yield_now().await;
        }
        task.abort();
        let result = task.await;
        assert!(result.is_ok() || result.is_err_and(|error| error.is_cancelled()));
    }

    async fn panicking_child(&mut self) {
        let child = Child::new(&self.world);
        let task = spawn(Exclusive::new(async move {
            let _child = child;
            // Without the hook's message: there are thousands.
            blocking(|| std::panic::resume_unwind(Box::new("on purpose"))).await;
        }));
        assert!(task.await.is_err_and(|error| error.is_panic()));
    }

    async fn nested(&mut self) {
        let deep = self.random.below(2) == 0;
        let world = Arc::clone(&self.world);
        let result = blocking(|| {
            block_in_place(thread::yield_now);
            if deep { handover::block_on(async { spawn(async move { world.answers.len() }).await.unwrap() }) } else { TASKS }
        })
        .await;
        assert_eq!(result, TASKS);
    }
}

async fn run(world: Arc<World>, seed: u64) {
    let clerks: Vec<_> = (0..CLERKS).map(|number| spawn(Exclusive::new(serve(Arc::clone(&world), number)))).collect();
    let walkers: Vec<_> = (0..TASKS)
        .map(|number| {
            let random = Random::new(seed.wrapping_add(number as u64));
            spawn(Exclusive::new(Walker { world: Arc::clone(&world), number, random, asked: 0 }.walk()))
        })
        .collect();
    let (mut asked, mut served) = (0, 0);
    for walker in walkers {
        asked += walker.await.unwrap();
    }
    for (desk, clerk) in world.questions.iter().zip(clerks) {
        desk.ask(None);
        served += clerk.await.unwrap();
    }
    assert_eq!(served, asked);
    assert!(world.answers.iter().all(|mailbox| mailbox.tokens.load(Ordering::SeqCst) == 0), "an answer too many");
}

/// Detached children may outlive the walkers.
fn wait_for_the_last(runtime: &Runtime) {
    while runtime.metrics().num_alive_tasks() > 0 {
        thread::yield_now();
    }
}

#[test]
fn a_million_random_steps_lose_nothing_and_run_nothing_twice() {
    for seed in SEEDS {
        for processors in [1, 2, 4] {
            println!("seed {seed}, P = {processors}");
            let runtime = Builder::new().processors(processors).build().unwrap();
            let what = format!("random steps of seed {seed}, P = {processors}");
            let _watchdog = Watchdog::start(Duration::from_secs(60), what, Some(runtime.metrics()));
            let answers = (0..TASKS).map(|_| Mailbox::default()).collect();
            let questions = (0..CLERKS).map(|_| Desk::default()).collect();
            let world = Arc::new(World { answers, questions, ..World::default() });
            runtime.block_on(run(Arc::clone(&world), seed));
            wait_for_the_last(&runtime);
            drop(runtime);
            let world = Arc::into_inner(world).expect("every task has dropped its share");
            assert_eq!(world.steps.into_inner(), TASKS as u64 * STEPS);
            assert_eq!(world.dropped.into_inner(), world.children.into_inner(), "every child is dropped once");
        }
    }
}
