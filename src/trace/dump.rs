//! Where are the last seconds written to, when something has happened?

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use handover_blocking::recorder::Recorder;

use super::{Trace, record};

/// The files of a process are numbered.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Writes what `recorder` holds into `directory`, and says where, or why not.
pub(crate) fn dump(recorder: &Arc<Recorder>, directory: &Path, cause: &str) {
    let file = format!("handover-{}-{cause}-{}.pftrace", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = directory.join(file);
    match record::last(recorder).and_then(|trace| write(&trace, &path)) {
        Ok(()) => tracing::warn!(target: "handover", path = %path.display(), cause, "the last events are in a trace"),
        Err(error) => tracing::warn!(target: "handover", %error, cause, "the last events are not written"),
    }
}

/// Whoever waits for the file finds it whole.
fn write(trace: &Trace, path: &Path) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    trace.write_to(&unfinished)?;
    std::fs::rename(&unfinished, path)
}
