//! What did each thread do, in the last seconds, to the nanosecond?
//!
//! A flight recorder: each thread writes what it does into a [`ring`] of its own, with a reading of the CPU's clock, and overwrites what is oldest. Whoever wants to know
//! reads the rings meanwhile. This room knows neither tasks nor I/O: an [`Event`] has numbers and source locations.
#![cfg_attr(not(loom), doc = include_str!("../../RECORDER.md"))]

pub mod ring;

#[cfg(not(loom))]
mod clock;
#[cfg(not(loom))]
#[allow(unsafe_code, reason = "a source location is kept as a number")]
mod event;
#[cfg(not(loom))]
mod pace;
#[cfg(not(loom))]
mod pen;
#[cfg(not(loom))]
mod recording;
#[cfg(not(loom))]
mod switch;

#[cfg(not(loom))]
pub use event::{Event, Kind, Merged, Waits};
#[cfg(not(loom))]
pub use recording::{Reader, Recording, Track};
#[cfg(not(loom))]
pub use switch::{On, Recorder, wake};

#[cfg(not(loom))]
pub(crate) use event::{levels, place};
#[cfg(not(loom))]
pub(crate) use pen::{Going, Pen};
#[cfg(not(loom))]
pub(crate) use switch::{Tape, is_any_on};
