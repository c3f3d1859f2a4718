//! How does one ask a running program for a dump from outside? With a signal.
//!
//! The handler writes a byte to a socket pair, and a thread that does nothing else reads it and writes the dump to stderr. So it works where no worker thread is left, and nothing is done in the handler that must not be.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;

use signal_hook_registry::SigId;

use crate::runtime::Handle;

/// Writes a dump for each signal as long as it lives; see [`Handle::dump_on_signal`].
#[derive(Debug)]
#[must_use = "no dump is written once this is dropped"]
pub struct DumpOnSignal {
    registered: SigId,
    /// Shut down, it ends the thread.
    bell: UnixStream,
}

impl DumpOnSignal {
    pub(crate) fn start(handle: &Handle, signal: i32) -> io::Result<Self> {
        let (bell, rung) = UnixStream::pair()?;
        // A handler never waits: with the socket full, dumps are on their way already.
        bell.set_nonblocking(true)?;
        let handle = handle.clone();
        // Nobody joins it: it may wait for a stderr that nobody reads.
        thread::Builder::new().name("handover-dump".to_owned()).spawn(move || serve(&handle, rung))?;
        let registered = match register(signal, bell.try_clone()?) {
            Ok(registered) => registered,
            Err(error) => {
                bell.shutdown(Shutdown::Both)?;
                return Err(io::Error::new(error.kind(), format!("no dump on signal {signal}: {error}")));
            }
        };
        Ok(Self { registered, bell })
    }
}

#[allow(unsafe_code, reason = "what a signal handler does is unsafe")]
fn register(signal: i32, bell: UnixStream) -> io::Result<SigId> {
    if signal_hook_registry::FORBIDDEN.contains(&signal) {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it cannot be handled, see signal(7)"));
    }
    let ring = move || {
        // Full, or shut down: a dump is on its way, or nobody wants one.
        let _ = (&bell).write(&[1]);
    };
    // SAFETY: the closure is async-signal-safe: write(2) alone. The registry puts errno back.
    unsafe { signal_hook_registry::register(signal, ring) }
}

/// One dump for all signals that came since the last.
fn serve(handle: &Handle, mut rung: UnixStream) {
    let mut bytes = [0; 64];
    loop {
        match rung.read(&mut bytes) {
            Ok(0) => return,
            Ok(_) => {
                let text = handle.dump().to_string();
                // With stderr closed there is nobody to tell.
                let _ = io::stderr().lock().write_all(text.as_bytes());
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

impl Drop for DumpOnSignal {
    fn drop(&mut self) {
        signal_hook_registry::unregister(self.registered);
        // It fails only for a socket that is shut down already.
        let _ = self.bell.shutdown(Shutdown::Both);
    }
}
