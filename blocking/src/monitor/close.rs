//! How does a runtime end, as the monitor sees it?

use std::time::{Duration, Instant};

use super::Monitor;
use crate::verdict::Reason;
use crate::wakefulness::Depth;

/// While threads are still out, the monitor looks this often at first, and then ever less.
const SHORTEST_CLOSING_SLEEP: Duration = Duration::from_micros(50);
const LONGEST_CLOSING_SLEEP: Duration = Duration::from_millis(100);

impl Monitor {
    /// Takes what is stuck, cancels what no thread is left to cancel, and waits for the last thread.
    pub(super) fn close(mut self) {
        let mut sleep = SHORTEST_CLOSING_SLEEP;
        loop {
            self.interrupts.send(&self.pool, Instant::now());
            for processor in 0..self.watches.len() {
                self.take_for_shutdown(processor);
            }
            let drained = self.nobody_works() && self.scheduler.drain();
            while let Some(spare) = self.pool.spares.pop() {
                spare.dismiss();
            }
            if drained && self.pool.roster.alive() == 0 {
                break;
            }
            self.pool.doze.settle_down(Depth::Nap);
            if self.pool.roster.alive() > 0 || !drained {
                let now = Instant::now();
                self.pool.doze.sleep(now + self.interrupts.shortened(sleep, now));
            }
            sleep = if self.pool.doze.wake_up() { SHORTEST_CLOSING_SLEEP } else { (sleep * 2).min(LONGEST_CLOSING_SLEEP) };
        }
        self.pool.set_closed();
    }

    /// No thread holds a processor or will take one: all that are left are out in user code. As long as there are others, the cancelling is theirs:
    /// a future's destructor may block, and finds a worker thread around it as ever.
    fn nobody_works(&self) -> bool {
        self.pool.idle.is_full() && self.pool.roster.all(|thread| thread.words.observe().is_lent())
    }

    /// Takes `processor` from a thread that has not moved since the last look.
    fn take_for_shutdown(&mut self, processor: usize) {
        let Some((thread, seq)) = self.lent(processor) else { return };
        let now = Instant::now();
        if self.watches[processor].update(&thread, seq, now) {
            self.retake(processor, &thread, seq, Reason::Shutdown, now);
        }
    }
}
