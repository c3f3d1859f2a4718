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
/// Places of the code at which `syscall_fast` is measured.
const PLACES: u32 = 8;
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

/// `syscall_fast`: one call after the other. Chunks of undeclared calls alternate with them, so that the difference is known more closely than the machine holds its pace from one process to the next. The
/// same instructions cost 2 or 7 ns by where the linker puts them (fetch blocks, branch predictors), for either loop; so both are measured at eight places, and the median place counts.
pub(crate) async fn fast<R: Runtime>() -> io::Result<Vec<Measurement>> {
    let places = [
        fast_at::<R, 0>().await,
        fast_at::<R, 16>().await,
        fast_at::<R, 32>().await,
        fast_at::<R, 48>().await,
        fast_at::<R, 64>().await,
        fast_at::<R, 80>().await,
        fast_at::<R, 96>().await,
        fast_at::<R, 112>().await,
    ];
    let (mut declared, mut over) =
        places.map(|place| (place.declared, place.declared - place.raw)).into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
    let median = |nanos: &mut Vec<f64>| {
        nanos.sort_by(f64::total_cmp);
        f64::midpoint(nanos[nanos.len() / 2 - 1], nanos[nanos.len() / 2])
    };
    Ok(vec![Measurement::new(Metric::NsPerCall, median(&mut declared)), Measurement::new(Metric::OverRaw, median(&mut over))])
}

/// What a call takes at one place of the code, in nanoseconds.
struct Place {
    declared: f64,
    raw: f64,
}

/// The loops, moved by `PADDING` instructions that do nothing.
async fn fast_at<R: Runtime, const PADDING: usize>() -> Place {
    // SAFETY: `nop` has no effect.
    unsafe { std::arch::asm!(".rept {padding}", "nop", ".endr", padding = const PADDING, options(nomem, nostack, preserves_flags)) };
    let _warm = alternate!(WARM_UP / PLACES, R::blocking(getppid).await);
    let (declared, raw) = alternate!(MEASURED / PLACES, R::blocking(getppid).await);
    let each = |chunks: Sample| chunks.sort().median().as_secs_f64() * 1e9 / f64::from(CHUNK);
    Place { declared: each(declared), raw: each(raw) }
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
