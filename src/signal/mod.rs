//! How does a task wait for a signal?
//!
//! [`ctrl_c`] waits for one SIGINT, [`unix::signal`] makes a listener that hears every signal of a kind from then on.
//!
//! Handlers that others have installed stay, and are called first. The first listener of a kind takes the place of the *default* action for good, as in tokio: when it is gone, a Ctrl-C that nobody listens for does
//! nothing at all. See signal(7).

mod hub;
mod kind;
mod on_signal;
pub mod unix;

pub use kind::SignalKind;
pub(crate) use on_signal::OnSignal;

use std::io;

/// Waits for the next Ctrl-C, that is for SIGINT. It counts from the first poll on.
///
/// Who wants to hear every one, also those that come between two waits, keeps a listener instead: [`unix::signal`] with [`SignalKind::interrupt`].
///
/// # Errors
///
/// Outside a runtime; if the runtime was shut down; if the system has no descriptors left.
///
/// # Cancel safety
///
/// A dropped wait has heard nothing; a Ctrl-C that comes after it is for the next one who waits.
///
/// # Examples
///
/// ```no_run
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let server = handover::spawn(async { /* ... */ });
/// handover::signal::ctrl_c().await?;
/// println!("ending; once more to end at once");
/// # futures::pin_mut!(server);
/// futures::future::select(server, Box::pin(handover::signal::ctrl_c())).await;
/// # Ok(())
/// # }
/// ```
pub async fn ctrl_c() -> io::Result<()> {
    let mut interrupts = unix::signal(SignalKind::interrupt())?;
    match interrupts.recv().await {
        Some(()) => Ok(()),
        None => Err(io::Error::other("the runtime was shut down while a task waited for Ctrl-C")),
    }
}
