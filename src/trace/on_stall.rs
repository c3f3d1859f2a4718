//! What becomes of the last seconds when a task stalls?

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use handover_blocking::recorder::Recorder;
use handover_blocking::{Stall, StallHook};

use super::record;

/// The files of a process are numbered.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Writes what `recorder` holds into `directory`, and says where, or why not.
pub(super) fn dump(recorder: &Arc<Recorder>, directory: &Path, cause: &str) {
    let file = format!("handover-{}-{cause}-{}.pftrace", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = directory.join(file);
    match record::last(recorder).and_then(|trace| trace.write_to(&path)) {
        Ok(()) => tracing::warn!(target: "handover", path = %path.display(), cause, "the last events are in a trace"),
        Err(error) => tracing::warn!(target: "handover", %error, cause, "the last events are not written"),
    }
}

/// The hook that writes a trace for each stall that is reported, and then calls the user's.
pub(crate) fn traced(recorder: Arc<Recorder>, directory: PathBuf, hook: Option<StallHook>) -> StallHook {
    StallHook::new(move |stall: &Stall| {
        dump(&recorder, &directory, "stall");
        if let Some(hook) = &hook {
            hook.call(stall);
        }
    })
}
