//! Which thread may run it?
//!
//! The bottom room of handover: processors and who holds them, the threads that carry them, the monitor, and the calls that block.
//! It knows neither tasks nor I/O; what it needs from above goes through one trait, [`Scheduler`].
//!
//! Where to start reading: HANDOFF.md (below), [`record`] (the protocol), then [`lease`], [`worker`], [`pool`], [`monitor`].
//!
#![doc = include_str!("../HANDOFF.md")]
#![deny(unsafe_code)]

pub mod admission;
pub mod bell;
pub mod coarse;
pub mod idle_set;
pub mod interrupt;
pub mod lease;
#[allow(unsafe_code, reason = "the lease is the proof that a processor's part may be touched")]
pub mod per_processor;
pub mod record;
pub mod recorder;
pub mod searchers;
pub mod wakefulness;

#[allow(unsafe_code, reason = "the membarrier system call")]
mod fence;
mod sync;

#[cfg(not(loom))]
pub mod worker;

#[cfg(not(loom))]
pub mod call;
#[cfg(not(loom))]
pub mod config;
#[cfg(not(loom))]
pub mod counters;
#[cfg(not(loom))]
#[allow(unsafe_code, reason = "the thread-local pointer to the thread's own worker")]
pub mod current;
#[cfg(not(loom))]
mod events;
#[cfg(not(loom))]
#[allow(unsafe_code, reason = "system calls on signal handlers")]
pub mod fork;
#[cfg(not(loom))]
mod handed_off;
#[cfg(not(loom))]
pub mod histogram;
#[cfg(not(loom))]
pub mod monitor;
#[cfg(not(loom))]
pub mod pool;
#[cfg(not(loom))]
pub mod predictor;
#[cfg(not(loom))]
pub mod replace;
#[cfg(not(loom))]
pub mod scheduler;
#[cfg(not(loom))]
pub mod shown;
#[cfg(not(loom))]
mod since;
#[cfg(not(loom))]
pub mod stall;
#[cfg(not(loom))]
#[allow(unsafe_code, reason = "system calls by number, for users")]
pub mod sys;
#[cfg(not(loom))]
mod telling;
#[cfg(not(loom))]
#[allow(unsafe_code, reason = "a source location is kept as an atomic pointer")]
pub mod threads;
#[cfg(not(loom))]
mod verdict;
#[cfg(not(loom))]
pub mod views;

#[cfg(not(loom))]
mod doze;
#[cfg(not(loom))]
mod holders;
#[cfg(not(loom))]
#[allow(unsafe_code, reason = "system calls on threads, clocks and signal masks")]
mod kernel;
#[cfg(not(loom))]
#[allow(unsafe_code, reason = "system calls for the user and its limits")]
mod limits;
#[cfg(not(loom))]
mod parker;
#[cfg(not(loom))]
mod spares;
#[cfg(not(loom))]
#[allow(unsafe_code, reason = "system calls on a timer")]
mod timerfd;

#[cfg(not(loom))]
pub use call::{Blocking, block_in_place, blocking};
#[cfg(not(loom))]
pub use config::{Config, ConfigError};
pub use lease::Lease;
#[cfg(not(loom))]
pub use pool::Pool;
#[cfg(not(loom))]
pub use predictor::{Hint, Site};
#[cfg(not(loom))]
pub use scheduler::Scheduler;
#[cfg(not(loom))]
pub use stall::{Stall, StallHook};
#[cfg(not(loom))]
pub use worker::Worker;
