//! How is a stretch of time recorded?

use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use handover_blocking::recorder::{Reader, Recorder};
use handover_blocking::{Hint, Pool, Site, call};

use super::Trace;

/// The rings are read this often, so that a thread may make 6 million events a second without losing one.
const READ_EVERY: Duration = Duration::from_millis(5);
/// A recording ends early with so many events: 200 MiB, and more than a browser likes to show.
const MOST_EVENTS: usize = 8_000_000;

/// Records what happens on `pool` for `duration`. Blocks the caller, as a declared call that is known to be long.
pub(crate) fn record(pool: &Arc<Pool>, duration: Duration, caller: &'static Location<'static>) -> io::Result<Trace> {
    if duration.is_zero() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the duration to record is zero; expected one above it"));
    }
    let on = pool.recorder().switch_on();
    let mut reader = Reader::from_now(pool);
    call::call_at(Site::of(caller), Some(Hint::Long), || listen(pool, &mut reader, duration));
    let recording = reader.finish();
    drop(on);
    Ok(Trace { recording })
}

/// Reads the rings until `duration` is over, the runtime has ended or there is too much.
fn listen(pool: &Pool, reader: &mut Reader, duration: Duration) {
    let end = Instant::now().checked_add(duration);
    loop {
        let left = end.map_or(READ_EVERY, |end| end.saturating_duration_since(Instant::now()));
        // As a sleep that the runtime's end cuts short.
        if left.is_zero() || pool.await_closed(left.min(READ_EVERY)) || reader.events() >= MOST_EVENTS {
            return;
        }
        reader.read();
    }
}

/// What the rings hold, without waiting.
///
/// # Errors
/// When the recorder is off: then they hold nothing, or what is long past.
pub(crate) fn last(recorder: &Arc<Recorder>) -> io::Result<Trace> {
    if !recorder.is_on() {
        let message = "nothing is recorded now; build the runtime with `Builder::flight_recorder(true)`";
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    Ok(Trace { recording: Reader::of_the_last(recorder).finish() })
}
