//! Which task runs next?
//!
//! The middle room of handover: the task cell, the queues, stealing, and the loop of a worker thread. It stands on `handover-blocking`, which says which
//! thread may run, and asks one trait, [`Driver`], for timers and I/O; it never names a reactor.
//!
//! Where to start reading: [`task::state`], [`queue::ring`], then `worker` (the loop) and [`scheduler`] (where tasks go).
//!
#![doc = include_str!("../SEARCH.md")]
#![deny(unsafe_code)]

pub mod queue;
pub mod task;

mod sync;

#[cfg(not(loom))]
mod batch;
#[cfg(not(loom))]
mod block_on;
#[cfg(not(loom))]
mod contention;
#[cfg(not(loom))]
mod driver;
#[cfg(not(loom))]
mod outlook;
#[cfg(not(loom))]
#[allow(unsafe_code, reason = "an instruction that no safe function offers")]
mod prefetch;
#[cfg(not(loom))]
#[allow(unsafe_code, reason = "the lease is the proof that a processor's parts may be touched")]
mod processors;
#[cfg(not(loom))]
mod sampler;
#[cfg(not(loom))]
#[allow(unsafe_code, reason = "a new task's references are dealt out")]
pub mod scheduler;
#[cfg(not(loom))]
pub mod views;
#[cfg(not(loom))]
mod worker;

#[cfg(not(loom))]
pub use block_on::block_on;
#[cfg(not(loom))]
pub use driver::Driver;
#[cfg(not(loom))]
pub use processors::ProcessorCounts;
#[cfg(not(loom))]
pub use scheduler::{Counts, Shared};
