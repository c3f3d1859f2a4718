//! How is something done at a signal although every thread of the runtime may be stuck? By a thread that does nothing else.
//!
//! The handler writes a byte to a socket pair, and the thread reads it. So nothing is done in the handler that must not be, and no worker thread is needed.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;

use handover_blocking::replace;
use signal_hook_registry::SigId;

use super::SignalKind;

/// Does something at each signal as long as it lives.
#[derive(Debug)]
pub(crate) struct OnSignal {
    registered: SigId,
    /// Shut down, it ends the thread.
    bell: UnixStream,
}

impl OnSignal {
    /// Calls `act` once for all signals that came since its last call, on a thread of this name.
    ///
    /// # Errors
    /// `InvalidInput` for a signal that does not exist or cannot be handled; what the system says when it refuses a thread or descriptors.
    pub(crate) fn call(signal: i32, thread: &str, act: impl FnMut() + Send + 'static) -> io::Result<Self> {
        let (bell, rung) = UnixStream::pair()?;
        // A handler never waits: with the socket full, a call is on its way already.
        bell.set_nonblocking(true)?;
        let thread = thread::Builder::new().name(thread.to_owned());
        // Nobody joins it: what it does may wait for somebody.
        replace::starting_thread(|| thread.spawn(move || serve(rung, act)))?;
        match register(signal, bell.try_clone()?) {
            Ok(registered) => Ok(Self { registered, bell }),
            Err(error) => {
                bell.shutdown(Shutdown::Both)?;
                Err(error)
            }
        }
    }
}

#[allow(unsafe_code, reason = "what a signal handler does is unsafe")]
fn register(signal: i32, bell: UnixStream) -> io::Result<SigId> {
    SignalKind::from_raw(signal).check()?;
    let ring = move || {
        // Full, or shut down: a call is on its way, or nobody wants one.
        let _ = (&bell).write(&[1]);
    };
    // SAFETY: the closure is async-signal-safe: write(2) alone. The registry puts errno back.
    unsafe { signal_hook_registry::register(signal, ring) }
}

fn serve(mut rung: UnixStream, mut act: impl FnMut()) {
    let mut bytes = [0; 64];
    loop {
        match rung.read(&mut bytes) {
            Ok(0) => return,
            Ok(_) => act(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // A socket pair has no other errors.
            Err(_) => return,
        }
    }
}

impl Drop for OnSignal {
    fn drop(&mut self) {
        signal_hook_registry::unregister(self.registered);
        // It fails only for a socket that is shut down already.
        let _ = self.bell.shutdown(Shutdown::Both);
    }
}
