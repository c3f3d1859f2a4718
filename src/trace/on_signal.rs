//! What becomes of the last seconds when somebody sends SIGUSR2?

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use handover_blocking::recorder::Recorder;
use signal_hook_registry::SigId;

use super::dump::dump;

/// Dumps at each signal, until it is dropped. A thread of its own does so, that it works when every other one is stuck.
#[derive(Debug)]
pub(crate) struct OnSignal {
    registered: SigId,
}

impl OnSignal {
    /// # Errors
    /// When the system refuses a pipe, a handler or a thread.
    pub(crate) fn start(recorder: Arc<Recorder>, directory: PathBuf) -> io::Result<Self> {
        let (mut signals, pipe) = io::pipe()?;
        let pending = Arc::new(AtomicBool::new(false));
        let handled = Arc::clone(&pending);
        // At most one byte is in the pipe, so that the write does not block; and the other end is open as long as this one, so that it does not fail.
        let on_signal = move || {
            if !pending.swap(true, Ordering::AcqRel) {
                let _ = (&pipe).write(&[0]);
            }
        };
        // SAFETY: the handler makes an exchange and a write(2), which signal-safety(7) allows. It takes no lock and allocates nothing.
        #[allow(unsafe_code, reason = "a signal handler")]
        let registered = unsafe { signal_hook_registry::register(libc::SIGUSR2, on_signal) }?;
        let on_signal = Self { registered };
        thread::Builder::new().name("handover-trace".to_owned()).spawn(move || {
            // Until the handler, which holds the other end, is gone.
            while signals.read(&mut [0]).is_ok_and(|bytes| bytes > 0) {
                // Before the dump: a signal during it asks for another one.
                handled.store(false, Ordering::Release);
                dump(&recorder, &directory, "signal");
            }
        })?;
        Ok(on_signal)
    }
}

impl Drop for OnSignal {
    fn drop(&mut self) {
        signal_hook_registry::unregister(self.registered);
    }
}
