//! Which kind of signal, and how many of it has this process seen?
//!
//! The counts are the process's: a handler may do little more than count. It then rings a bell, an eventfd(2) that the reactor of each runtime with listeners has registered (see [`hub`](super::hub)). Nobody takes the
//! count out of the eventfd: with edge-triggered epoll each write is an event for each reactor, and who reads could take another's away.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use handover_blocking::sys::calls;

use crate::named_error::named;

/// A kind of signal, by its number; see signal(7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignalKind(libc::c_int);

/// Signals have the numbers 1 to 64.
const KINDS: usize = 65;

static COUNTS: [AtomicU64; KINDS] = [const { AtomicU64::new(0) }; KINDS];
static BELL: OnceLock<File> = OnceLock::new();
/// Those with a handler of ours, a bit each. Held while one is installed.
static INSTALLED: Mutex<u128> = Mutex::new(0);

macro_rules! kinds {
    ($($name:ident $constant:ident $about:literal;)+) => {$(
        #[doc = concat!($about, " (`", stringify!($constant), "`)")]
        pub const fn $name() -> Self {
            Self(libc::$constant)
        }
    )+};
}

impl SignalKind {
    /// The kind with this number. Whether it can be listened for is seen when that is tried.
    pub const fn from_raw(number: libc::c_int) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn as_raw_value(&self) -> libc::c_int {
        self.0
    }

    kinds! {
        alarm SIGALRM "A timer of alarm(2) has run out.";
        child SIGCHLD "A child has ended, stopped or gone on.";
        hangup SIGHUP "The terminal is gone; by custom: read the configuration again.";
        interrupt SIGINT "Ctrl-C at the terminal.";
        io SIGIO "A descriptor is ready for I/O, see `O_ASYNC` in open(2).";
        pipe SIGPIPE "A pipe was written to that nobody reads.";
        quit SIGQUIT "Ctrl-\\ at the terminal.";
        terminate SIGTERM "The polite request to end.";
        user_defined1 SIGUSR1 "For the program to use.";
        user_defined2 SIGUSR2 "For the program to use.";
        window_change SIGWINCH "The terminal's window has another size.";
    }

    /// How many of it have come since the handler was installed.
    pub(super) fn count(self) -> u64 {
        // Acquire: pairs with the handler's Release, so that who sees the count sees what came before the signal on its thread.
        COUNTS[self.0 as usize].load(Ordering::Acquire)
    }

    /// Counts them from now on.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if there is no such signal or none can be heard; those of sigaction(2) and eventfd(2).
    #[allow(unsafe_code, reason = "what a signal handler does is unsafe")]
    pub(super) fn install(self) -> io::Result<()> {
        self.check()?;
        let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        if *installed & (1 << self.0) != 0 {
            return Ok(());
        }
        bell()?;
        let count = &COUNTS[self.0 as usize];
        let on_signal = move || {
            count.fetch_add(1, Ordering::Release);
            if let Some(mut bell) = BELL.get() {
                // It could fail only if the sum of all writes no longer fitted into 64 bits.
                let _ = bell.write(&1_u64.to_ne_bytes());
            }
        };
        // SAFETY: the closure is async-signal-safe: an atomic addition, a load, and write(2). The registry puts errno back.
        let result = unsafe { signal_hook_registry::register(self.0, on_signal) };
        named(result, || format!("cannot listen for {self}"))?;
        *installed |= 1 << self.0;
        Ok(())
    }

    /// Whether a handler may be installed for it.
    pub(super) fn check(self) -> io::Result<()> {
        let why = match self.0 {
            libc::SIGKILL | libc::SIGSTOP => "the system lets no program handle it",
            libc::SIGILL | libc::SIGFPE | libc::SIGSEGV => "the instruction that caused it would be run again for ever",
            1..KINDS_END => return Ok(()),
            _ => "there is no such signal: expected 1 to 64",
        };
        Err(io::Error::new(io::ErrorKind::InvalidInput, format!("cannot listen for {self}: {why}")))
    }

    fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(number, _)| *number == self.0).map(|(_, name)| *name)
    }
}

const KINDS_END: libc::c_int = KINDS as libc::c_int;

macro_rules! names {
    ($($name:ident)+) => { &[$((libc::$name, stringify!($name))),+] };
}

const NAMES: &[(libc::c_int, &str)] = names! {
    SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 SIGPIPE SIGALRM SIGTERM SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGXCPU SIGXFSZ
    SIGVTALRM SIGPROF SIGWINCH SIGIO SIGSYS
};

/// The eventfd, made by the first who asks, open as long as the process lives.
fn bell() -> io::Result<&'static File> {
    if let Some(bell) = BELL.get() {
        return Ok(bell);
    }
    let bell = calls::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK)?;
    Ok(BELL.get_or_init(|| bell.into()))
}

/// The bell for one more reactor: a descriptor of its own, so that each registration is one of its own.
pub(super) fn another_bell() -> io::Result<OwnedFd> {
    bell()?.as_fd().try_clone_to_owned()
}

impl fmt::Display for SignalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for SignalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignalKind({self})")
    }
}

impl From<libc::c_int> for SignalKind {
    fn from(number: libc::c_int) -> Self {
        Self(number)
    }
}

impl From<SignalKind> for libc::c_int {
    fn from(kind: SignalKind) -> Self {
        kind.0
    }
}
