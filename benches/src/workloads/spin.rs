//! How is "20 us of computing" the same work for everyone?
//!
//! By the clock it would not be: a thread that is pushed off its CPU would have done less. So it is a number of rounds
//! of a fixed loop, found by the clock once, while the machine has nothing else to do.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Rounds of one trial; about 100 us.
const TRIAL: u64 = 100_000;
/// Of so many trials the quickest counts: interruptions only ever make one slower.
const TRIALS: usize = 50;

/// A fixed amount of computing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spin {
    rounds: u64,
}

impl Spin {
    /// As much as takes `time` on this machine if nothing interrupts it.
    pub(crate) fn lasting(time: Duration) -> Self {
        let trial = Self { rounds: TRIAL };
        let quickest = (0..TRIALS).map(|_| trial.timed()).min().unwrap_or(Duration::MAX);
        Self { rounds: (TRIAL as f64 * time.as_secs_f64() / quickest.as_secs_f64()) as u64 }
    }

    fn timed(self) -> Duration {
        let start = Instant::now();
        self.run();
        start.elapsed()
    }

    /// Computes: each step needs the one before it, so that no compiler or CPU can do them at once.
    pub(crate) fn run(self) {
        let mut state = black_box(0x9E37_79B9_7F4A_7C15_u64);
        for _ in 0..self.rounds {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
        }
        black_box(state);
    }
}
