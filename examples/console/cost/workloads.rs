//! Which workloads are run? Those of `benches` that are made of nothing but tasks and calls.

#[path = "../../../benches/src/workloads/channel.rs"]
pub(crate) mod channel;
#[path = "../../../benches/src/workloads/crowd.rs"]
mod crowd;
#[path = "../../../benches/src/workloads/syscall.rs"]
pub(crate) mod syscall;
#[path = "../../../benches/src/workloads/tasks.rs"]
pub(crate) mod tasks;
