//! What becomes of the last seconds when a task stalls?

use std::path::PathBuf;
use std::sync::Arc;

use handover_blocking::recorder::Recorder;
use handover_blocking::{Stall, StallHook};

use super::dump::dump;

/// The hook that writes a trace for each stall that is reported, and then calls the user's.
pub(crate) fn traced(recorder: Arc<Recorder>, directory: PathBuf, hook: Option<StallHook>) -> StallHook {
    StallHook::new(move |stall: &Stall| {
        dump(&recorder, &directory, "stall");
        if let Some(hook) = &hook {
            hook.call(stall);
        }
    })
}
