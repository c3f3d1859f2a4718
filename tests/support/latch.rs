//! How does a blocking call wait for something that another task does? On a latch: any number of steps, waited for without an executor.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// A count that goes up, and threads that wait for it.
#[derive(Clone, Default)]
pub(crate) struct Latch {
    shared: Arc<(Mutex<u64>, Condvar)>,
}

impl Latch {
    /// One step.
    pub(crate) fn step(&self) {
        *self.shared.0.lock().unwrap() += 1;
        self.shared.1.notify_all();
    }

    /// How many steps there were.
    pub(crate) fn steps(&self) -> u64 {
        *self.shared.0.lock().unwrap()
    }

    /// Blocks the calling thread until there were `steps`; false if `limit` passed first.
    pub(crate) fn wait_for(&self, steps: u64, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut count = self.shared.0.lock().unwrap();
        while *count < steps {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            count = self.shared.1.wait_timeout(count, left).unwrap().0;
        }
        true
    }
}
