//! What did the runtime do in a stretch of time, thread by thread and processor by processor?
//!
//! A [`Trace`] is what [`Handle::record`](crate::runtime::Handle::record) returns: written to a file, it opens in [ui.perfetto.dev](https://ui.perfetto.dev); [`Trace::folded`] makes flame graphs of it.
//! docs/timeline.md shows what can be read from one.
//!
//! Recording costs nothing that can be measured while nobody does it, and up to 3 % while somebody does: what is so quick that it would cost more is merged into slices like `31 quick polls`.
//!
//! # Examples
//! ```
//! use std::time::Duration;
//! use handover::trace::Profile;
//!
//! let runtime = handover::runtime::Runtime::new()?;
//! let work = runtime.spawn(async {
//!     loop {
//!         handover::blocking(|| std::thread::sleep(Duration::from_millis(1))).await;
//!     }
//! });
//! let trace = runtime.record(Duration::from_millis(20))?;
//! work.abort();
//! let path = std::env::temp_dir().join("handover-doctest.pftrace");
//! trace.write_to(&path)?;
//! println!("{}", trace.folded(Profile::Blocking));
//! # std::fs::remove_file(path)?;
//! # Ok::<(), std::io::Error>(())
//! ```

mod dump;
mod merge;
#[cfg(test)]
mod merged;
mod on_stall;
mod perfetto;
mod pprof;
mod processor_track;
mod profile;
mod protobuf;
mod record;
mod slices;
mod thread_track;
mod timeline;
mod wakes;

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use handover_blocking::recorder::{On, Recording};

pub use profile::Profile;

#[cfg(feature = "signal")]
pub(crate) use dump::dump;
pub(crate) use on_stall::traced;
pub(crate) use record::{last, record};

/// A recording of what a runtime's threads did. It is no longer tied to the runtime.
#[derive(Clone)]
pub struct Trace {
    recording: Recording,
}

impl Trace {
    /// How long was recorded.
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.recording.end - self.recording.begin)
    }

    /// How many events it has.
    pub fn events(&self) -> usize {
        self.recording.tracks.iter().map(|track| track.events.len()).sum()
    }

    /// How many events were overwritten before they could be read: a thread made more than 32,768 of them within a few milliseconds. The timeline has gaps there, which are marked.
    pub fn lost_events(&self) -> u64 {
        self.recording.tracks.iter().map(|track| track.lost).sum()
    }

    /// Writes it as a Perfetto trace (`.pftrace`), for [ui.perfetto.dev](https://ui.perfetto.dev) or `trace_processor`. The extension does not matter to either.
    ///
    /// In a task, call it within [`blocking`](crate::blocking).
    ///
    /// # Errors
    /// What the system says of the file; the path is in the message.
    pub fn write_to(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        std::fs::write(path, self.to_bytes())
            .map_err(|error| io::Error::new(error.kind(), format!("a trace cannot be written to {}: {error}", path.display())))
    }

    /// The bytes of such a file: a `perfetto.protos.Trace`, a protocol buffer.
    pub fn to_bytes(&self) -> Vec<u8> {
        perfetto::encode(&timeline::Timeline::of(&self.recording))
    }

    /// The same, where the trace itself is not needed any more.
    pub fn into_bytes(self) -> Vec<u8> {
        self.to_bytes()
    }

    /// A profile as folded stacks, one a line: frames from the outermost, separated by `;`, then a blank and nanoseconds. Input of `flamegraph.pl`, `inferno-flamegraph` and
    /// [speedscope](https://www.speedscope.app).
    pub fn folded(&self, profile: Profile) -> String {
        profile::Samples::of(&self.recording, profile).folded()
    }

    /// A profile for `go tool pprof` and its kin: an uncompressed `perftools.profiles.Profile`.
    pub fn pprof(&self, profile: Profile) -> Vec<u8> {
        pprof::encode(&profile::Samples::of(&self.recording, profile), self.duration())
    }
}

/// What a runtime has that records all the time: it does as long as the runtime lives.
#[derive(Debug)]
pub(crate) struct AllTheTime {
    #[cfg(feature = "signal")]
    pub(crate) _on_signal: Option<crate::signal::OnSignal>,
    pub(crate) _on: Option<On>,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace")
            .field("duration", &self.duration())
            .field("events", &self.events())
            .field("lost_events", &self.lost_events())
            .finish_non_exhaustive()
    }
}
