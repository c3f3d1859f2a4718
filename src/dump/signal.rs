//! How does one ask a running program for a dump from outside? With a signal.

use std::io::{self, Write};

use crate::runtime::Handle;
use crate::signal::OnSignal;

/// Writes a dump for each signal as long as it lives; see [`Handle::dump_on_signal`].
#[derive(Debug)]
#[must_use = "no dump is written once this is dropped"]
pub struct DumpOnSignal {
    _on_signal: OnSignal,
}

impl DumpOnSignal {
    pub(crate) fn start(handle: &Handle, signal: i32) -> io::Result<Self> {
        let handle = handle.clone();
        let dump = move || {
            let text = handle.dump().to_string();
            // With stderr closed there is nobody to tell.
            let _ = io::stderr().lock().write_all(text.as_bytes());
        };
        let on_signal = OnSignal::call(signal, "handover-dump", dump);
        let on_signal = on_signal.map_err(|error| io::Error::new(error.kind(), format!("no dump on signal {signal}: {error}")))?;
        Ok(Self { _on_signal: on_signal })
    }
}
