//! How does a task get a name?

use std::future::Future;
use std::io;
use std::panic::Location;

use handover_executor::task::New;

use super::JoinHandle;
use crate::runtime::Handle;

/// Starts a task that has a name. tokio-console and task dumps show it; a name need not be unique.
///
/// # Examples
/// ```
/// # handover::block_on(async {
/// let task = handover::task::Builder::new().name("answer").spawn(async { 6 * 7 })?;
/// assert_eq!(task.await.unwrap(), 42);
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "a builder does nothing until it spawns"]
pub struct Builder<'a> {
    name: Option<&'a str>,
}

impl<'a> Builder<'a> {
    /// A task without a name.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the task is called.
    pub fn name(mut self, name: &'a str) -> Self {
        self.name = Some(name);
        self
    }

    /// Starts a task on the current runtime; see [`spawn`](crate::spawn).
    ///
    /// # Errors
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let handle = Handle::try_current().map_err(io::Error::other)?;
        let new = New { name: self.name, ..New::task(Location::caller()) };
        Ok(handle.shared().spawn_as(future, new))
    }

    /// Starts a task that makes one blocking call; see [`spawn_blocking`](crate::spawn_blocking).
    ///
    /// # Errors
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn_blocking<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.spawn(handover_blocking::blocking(f))
    }
}
