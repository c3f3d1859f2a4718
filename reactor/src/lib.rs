//! When is a task ready again?
//!
//! This room knows `std::task::Waker` and nothing of tasks. A [`Source`] says when a file descriptor can be read or written, a
//! [`Timer`] says when a deadline has passed, and whoever takes the poller's role with [`Reactor::try_turn`] waits for both in one
//! system call. Wakers are collected under locks and handed out of them: this crate calls a waker in [`Reactor::close`] alone.
//!
//! # Where to start reading
//!
//! [`reactor`](Reactor) is the room's front door. Below it, each word has a file and a model under `tests/`:
//!
//! | file | word | model |
//! |---|---|---|
//! | [`readiness`] | what a descriptor was last seen to be | `loom_readiness.rs` |
//! | [`waiters`], [`cell`] | who waits for it | `loom_waiters.rs` |
//! | [`poller`] | who polls, until when, and whether it was woken | `loom_wake.rs` |
//! | [`timers`] | the next deadline of each shard | `loom_timers.rs` |
//!
//! # Locks
//!
//! The table of registrations is locked before a cell's waiters, never after; the locks of a timer shard and of descriptors' numbers are taken alone. No user
//! code (a waker's clone, wake or drop) runs while one of them is held.

#![deny(unsafe_code)]

mod alarm;
pub mod cell;
pub mod clock;
mod error;
mod interest;
mod kernel;
mod numbers;
mod patience;
pub mod poller;
mod reactor;
pub mod readiness;
mod registrations;
mod source;
mod sync;
pub mod timers;
mod turn;
pub mod waiters;

pub use error::Error;
pub use interest::{Direction, Interest};
pub use reactor::{Reactor, Wait};
pub use readiness::Ready;
pub use source::Source;
pub use timers::Timer;
pub use turn::Turn;
