//! What does a declared blocking call cost when it does not block?

use std::hint::black_box;
use std::io;
use std::os::unix::process::parent_id;
use std::time::{Duration, Instant};

use crate::measurement::{Measurement, Metric};
use crate::runtimes::Runtime;
use crate::sample::Sample;

const WARM_UP: Duration = Duration::from_millis(100);
const MEASURED: Duration = Duration::from_secs(1);
/// Calls between two looks at the clock: few enough for the slow runtimes, enough for the clock not to count.
const CHUNK: u32 = 256;

/// Runs chunks of declared calls and of raw ones in turn, and says how long each took. A macro: a future within a future is a function frame more between the run loop and the call, which Go's loop
/// does not have, and which costs a mispredicted return after each system call (ARCHITECTURE.md).
macro_rules! alternate {
    ($time:expr, $declared:expr) => {{
        let parent = i64::from(parent_id());
        let (mut declared, mut raw) = (Sample::default(), Sample::default());
        let start = Instant::now();
        while start.elapsed() < $time {
            let before = Instant::now();
            for _ in 0..CHUNK {
                assert_eq!(black_box($declared), parent, "getppid(2) has given another process");
            }
            let between = Instant::now();
            for _ in 0..CHUNK {
                assert_eq!(black_box(getppid()), parent, "getppid(2) has given another process");
            }
            declared.push(between - before);
            raw.push(between.elapsed());
        }
        (declared, raw)
    }};
}

/// `syscall_fast`: one call after the other. Chunks of undeclared calls alternate with them, so that the difference is
/// known more closely than the machine holds its pace from one process to the next.
pub(crate) async fn fast<R: Runtime>() -> io::Result<Vec<Measurement>> {
    let _warm = alternate!(WARM_UP, R::blocking(getppid).await);
    let (declared, raw) = alternate!(MEASURED, R::blocking(getppid).await);
    let mean = Measurement::time_each(Metric::NsPerCall, declared.mean(), u64::from(CHUNK));
    let over = declared.sort().median().as_secs_f64() - raw.sort().median().as_secs_f64();
    Ok(vec![mean, Measurement::new(Metric::OverRaw, over * 1e9 / f64::from(CHUNK))])
}

/// `syscall_yield`: with a yield after each call.
pub(crate) async fn yielding<R: Runtime>() -> io::Result<Vec<Measurement>> {
    let _warm = alternate!(WARM_UP, {
        let answer = R::blocking(getppid).await;
        R::yield_now().await;
        answer
    });
    let (declared, _) = alternate!(MEASURED, {
        let answer = R::blocking(getppid).await;
        R::yield_now().await;
        answer
    });
    Ok(vec![Measurement::time_each(Metric::NsPerCall, declared.mean(), u64::from(CHUNK))])
}

/// The cheapest system call that cannot be answered without entering the kernel.
fn getppid() -> i64 {
    // SAFETY: getppid takes no argument and has no effect.
    unsafe { libc::syscall(libc::SYS_getppid) }
}
