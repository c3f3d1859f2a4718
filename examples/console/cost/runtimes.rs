//! What do the workloads know of a runtime? They ask for `crate::runtimes`, as in `benches`.

#[path = "../../../benches/src/runtimes/handover/variant.rs"]
mod variant;
#[allow(dead_code, reason = "others ask for more")]
#[path = "../../../benches/src/runtimes/words.rs"]
mod words;

use variant::variant;
pub(crate) use words::Runtime;

variant!(
    /// Its tasks as spans.
    Traced, |call| handover::blocking(call), |builder| builder.trace_tasks(true), |_handle| ()
);
