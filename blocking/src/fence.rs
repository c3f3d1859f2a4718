//! What orders a lending thread's store before its load, when one side runs 10^8 times a second and the other 100?
//!
//! The owner of a record uses [`light`], the monitor [`heavy`]. Together they act as a pair of `SeqCst` fences:
//!
//! - **With `membarrier(2)`** (Linux 4.14 and later, `PRIVATE_EXPEDITED`): `light` only stops the compiler, `heavy` makes
//!   the kernel run a full barrier on every CPU that runs a thread of this process. At the instant of that barrier each owner is
//!   either before its light fence or after it. *Before*: its later load sees what the monitor stored ahead of `heavy`.
//!   *After*: its earlier store has left the store buffer, so the monitor's load after `heavy` sees it.
//! - **Without** (older kernel, seccomp): both are `fence(SeqCst)`. Slower on the owner's side, never wrong.
//!
//! Under loom both are `fence(SeqCst)`, which loom models.

use crate::sync::{Ordering, fence};

#[cfg(not(loom))]
mod asymmetric {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// True once `membarrier` is registered. Relaxed everywhere: it is written before the first worker thread of the process starts, and
    /// thread creation orders that write before every read.
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    static PROBE: OnceLock<bool> = OnceLock::new();

    const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;
    const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;

    fn membarrier(command: libc::c_int) -> std::io::Result<()> {
        // SAFETY: membarrier takes two plain integers besides the command and touches no memory of ours.
        let result = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
        if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
    }

    pub(super) fn register() -> bool {
        *PROBE.get_or_init(|| {
            let disabled = std::env::var_os("HANDOVER_NO_MEMBARRIER").is_some();
            match membarrier(REGISTER_PRIVATE_EXPEDITED) {
                Ok(()) if !disabled => REGISTERED.store(true, Ordering::Relaxed),
                Ok(()) => tracing::info!("membarrier is switched off by HANDOVER_NO_MEMBARRIER; every poll pays a full fence"),
                Err(error) => tracing::info!(%error, "membarrier is not to be had; every poll pays a full fence"),
            }
            REGISTERED.load(Ordering::Relaxed)
        })
    }

    #[inline]
    pub(super) fn registered() -> bool {
        REGISTERED.load(Ordering::Relaxed)
    }

    pub(super) fn barrier_everywhere() {
        if let Err(error) = membarrier(PRIVATE_EXPEDITED) {
            // Registered and yet refused: owners run without fences, so going on could give one processor to two threads.
            eprintln!("handover: membarrier failed after it was registered: {error}");
            std::process::abort();
        }
    }
}

/// Chooses the kind of fence for this process; called before the first worker thread starts. Returns whether the owner's side is free.
#[cfg(not(loom))]
pub(crate) fn register() -> bool {
    asymmetric::register()
}

/// The owner's side: orders its store before its load, given that the other side is [`heavy`].
#[cfg(not(loom))]
#[inline]
pub(crate) fn light() {
    if asymmetric::registered() {
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
}

/// The monitor's side.
#[cfg(not(loom))]
pub(crate) fn heavy() {
    if asymmetric::registered() {
        fence(Ordering::SeqCst);
        asymmetric::barrier_everywhere();
    } else {
        fence(Ordering::SeqCst);
    }
}

#[cfg(loom)]
pub(crate) fn light() {
    fence(Ordering::SeqCst);
}

#[cfg(loom)]
pub(crate) fn heavy() {
    fence(Ordering::SeqCst);
}
