//! Which run queue is the quickest?
//!
//! The owner pushes 128 and pops 128, first in, first out, as a worker does; alone, and beside one thief that takes what
//! it can get. Every item is counted in the end.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use crossbeam::Crossbeam;
pub(crate) use own::Own;
pub(crate) use st3::St3;

use crate::measurement::{Measurement, Metric};

mod crossbeam;
mod own;
mod st3;

const BURST: u64 = 128;
const MEASURED: Duration = Duration::from_millis(500);
/// Bursts between two looks at the clock.
const CHUNK: u64 = 64;
/// What an item is in a run queue: a pointer.
type Item = u64;

/// A run queue as its owner sees it.
pub(crate) trait Queue {
    type Thief: Thief;

    fn new() -> Self;
    fn thief(&self) -> Self::Thief;
    /// The owner never has more than a burst in it. A bounded queue may be full all the same, while a thief that has
    /// lost its CPU in mid-theft holds it up; then the push waits.
    fn push(&self, item: Item);
    fn pop(&self) -> Option<Item>;
}

/// A run queue as other workers see it.
pub(crate) trait Thief: Send {
    /// Takes a share, adds its items to `sum`, and says how many there were.
    fn steal(&mut self, sum: &mut u64) -> u64;
}

/// `queues`: push and pop are two operations.
pub(crate) fn alone<Q: Queue>() -> Measurement {
    let queue = Q::new();
    let worked = work(&queue);
    assert_eq!(worked.popped, worked.pushed, "items are missing from the queue");
    worked.measurement
}

/// `queues_thief`: the same for the owner, who now has company.
pub(crate) fn beside_a_thief<Q: Queue>() -> Measurement {
    let queue = Q::new();
    let over = AtomicBool::new(false);
    let mut thief = queue.thief();
    thread::scope(|scope| {
        let over = &over;
        let stolen = scope.spawn(move || steal_until(over, &mut thief));
        let worked = work(&queue);
        over.store(true, Ordering::Relaxed);
        let (stolen, stolen_sum) = stolen.join().expect("the thief panicked");
        assert_eq!(worked.popped + stolen, worked.pushed, "items are missing from the queue");
        assert_eq!(worked.popped_sum.wrapping_add(stolen_sum), worked.pushed_sum, "items are not those pushed");
        worked.measurement
    })
}

struct Worked {
    pushed: u64,
    pushed_sum: u64,
    popped: u64,
    popped_sum: u64,
    measurement: Measurement,
}

fn work<Q: Queue>(queue: &Q) -> Worked {
    let (mut pushed, mut pushed_sum, mut popped, mut popped_sum) = (0, 0_u64, 0, 0_u64);
    let start = Instant::now();
    while start.elapsed() < MEASURED {
        for _ in 0..CHUNK {
            for item in pushed..pushed + BURST {
                queue.push(black_box(item));
                pushed_sum = pushed_sum.wrapping_add(item);
            }
            pushed += BURST;
            while let Some(item) = queue.pop() {
                popped_sum = popped_sum.wrapping_add(item);
                popped += 1;
            }
        }
    }
    let measurement = Measurement::time_each(Metric::NsPerOp, start.elapsed(), 2 * pushed);
    Worked { pushed, pushed_sum, popped, popped_sum, measurement }
}

fn steal_until(over: &AtomicBool, thief: &mut impl Thief) -> (u64, u64) {
    let (mut stolen, mut sum) = (0, 0);
    while !over.load(Ordering::Relaxed) {
        match thief.steal(&mut sum) {
            0 => std::hint::spin_loop(),
            count => stolen += count,
        }
    }
    (stolen, sum)
}

/// Empties the thief's own queue, as [`Thief::steal`] has to.
fn drain(mut pop: impl FnMut() -> Option<Item>, sum: &mut u64) -> u64 {
    let mut count = 0;
    while let Some(item) = pop() {
        *sum = sum.wrapping_add(item);
        count += 1;
    }
    count
}
