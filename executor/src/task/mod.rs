//! What is a task? One allocation with a state word, a future and then its output; and the handles to it.
//!
//! Start at [`state`]: it says who may touch what, and when. `cell` is the memory, `reference` and `join` the ways to it.

pub mod state;

#[cfg(not(loom))]
#[allow(unsafe_code, reason = "the future and the output share memory, guarded by the state word")]
pub(crate) mod cell;
#[cfg(not(loom))]
#[allow(unsafe_code, reason = "the thread-local pointer to the task that runs")]
pub(crate) mod current;
#[cfg(not(loom))]
pub(crate) mod depot;
#[cfg(not(loom))]
pub(crate) mod error;
#[cfg(not(loom))]
pub(crate) mod id;
#[cfg(not(loom))]
#[allow(unsafe_code, reason = "the output is moved out through a type-erased pointer")]
pub(crate) mod join;
#[cfg(not(loom))]
#[allow(unsafe_code, reason = "free blocks link to each other")]
mod memory;
#[cfg(not(loom))]
pub(crate) mod named;
#[cfg(not(loom))]
#[allow(unsafe_code, reason = "reference counting by hand")]
pub(crate) mod reference;
#[cfg(not(loom))]
#[allow(unsafe_code, reason = "pointers to task headers, in slots that never move")]
pub(crate) mod registry;
#[cfg(not(loom))]
pub(crate) mod traced;
#[cfg(not(loom))]
#[allow(unsafe_code, reason = "a waker whose clones and drops are told of")]
pub(crate) mod traced_waker;

#[cfg(not(loom))]
pub use current::{cancellable, id, try_id};
#[cfg(not(loom))]
pub use error::JoinError;
#[cfg(not(loom))]
pub use id::Id;
#[cfg(not(loom))]
pub use join::{AbortHandle, JoinHandle};
#[cfg(not(loom))]
pub use traced::{Kind, New};
