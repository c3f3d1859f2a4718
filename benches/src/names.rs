//! What are the runtimes and their variants called?

use std::fmt;
use std::str::FromStr;

/// Defines the names in the order of the tables.
macro_rules! runtime_names {
    ($($name:ident = $text:literal),+ $(,)?) => {
        /// A runtime, or a variant of one: `tokio-bip` is tokio with `block_in_place`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum RuntimeName { $($name),+ }

        impl RuntimeName {
            /// All of them.
            pub(crate) const ALL: &[Self] = &[$(Self::$name),+];

            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

runtime_names! {
    Handover = "handover",
    HandoverBip = "handover-bip",
    HandoverRecorded = "handover-recorded",
    HandoverScraped = "handover-scraped",
    HandoverTraced = "handover-traced",
    HandoverConsoleIdle = "handover-console-idle",
    HandoverConsole = "handover-console",
    Tokio = "tokio",
    TokioCt = "tokio-ct",
    TokioBip = "tokio-bip",
    TokioInline = "tokio-inline",
    TokioFs = "tokio-fs",
    Smol = "smol",
    SmolInline = "smol-inline",
    Go = "go",
    GoRaw = "go-raw",
    Crossbeam = "crossbeam",
    St3 = "st3",
    Std = "std",
    Epoll = "epoll",
}

impl RuntimeName {
    /// The runtime that this is a variant of: itself where it is none.
    pub(crate) fn family(self) -> &'static str {
        let name = self.as_str();
        name.split_once('-').map_or(name, |(family, _)| family)
    }

    /// Whether it shows what the machine gives rather than what a runtime does.
    pub(crate) fn is_floor(self) -> bool {
        matches!(self, Self::Std | Self::Epoll)
    }

    /// Whether it is measured by the program built from `benches/go`.
    pub(crate) fn is_go(self) -> bool {
        self.family() == Self::Go.as_str()
    }

    /// Whether it is measured by the program built from `examples/console`.
    pub(crate) fn is_console(self) -> bool {
        matches!(self, Self::HandoverConsoleIdle | Self::HandoverConsole)
    }
}

impl fmt::Display for RuntimeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for RuntimeName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|name| name.as_str() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|name| name.as_str()).collect();
            format!("unknown runtime `{text}`; known are {}", known.join(", "))
        })
    }
}
