//! How does a task wait for time to pass?
//!
//! Deadlines are points on the monotonic clock ([`Instant`] is std's) and are kept to within microseconds where the kernel has timerfd(2); they never end early. A deadline in the
//! past is reached at once; one that no clock will ever show, such as that of `sleep(Duration::MAX)`, saturates about 30 years ahead.
//!
//! A timer looks for its runtime when it is first polled, not when it is made, so it may be made anywhere.

mod interval;
mod sleep;
mod timeout;

pub use std::time::{Duration, Instant};

pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};

/// What stands for "never": later than any run of any program, and far from the end of every clock.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3_600);

/// `wait` from `start` on, saturating.
fn after(start: Instant, wait: Duration) -> Instant {
    start.checked_add(wait).unwrap_or_else(|| start + FAR)
}
