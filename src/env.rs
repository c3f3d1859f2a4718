//! What does the environment of the process say, and when may it be changed?
//!
//! Reading is the standard library's ([`var`], [`vars`], ...), whose own lock makes it safe beside [`set_var`] and beside `std::env::set_var`.
//!
//! **What the lock of [`set_var`] covers** is everything in this crate that reads the environment, or has the C library read it: the start of a process ([`process`](crate::process)), which copies all of it, and the look-up
//! of a name ([`net`](crate::net)), where getaddrinfo(3) asks for `RES_OPTIONS`, `LOCALDOMAIN` and others. A change waits until those have ended, and they wait for it, in declared blocking calls.
//!
//! **What no lock can cover** is C code that reads the environment by itself, on another thread: getenv(3), localtime(3) with its `TZ`, `setlocale`, name look-ups other than ours, and most libraries when they start. So
//! the functions that change it are unsafe here as well: they promise more than the standard library's, but not everything.
//!
//! There is no copy that is taken when the program starts (Go has one): it would be a second truth beside `std::env`.

use std::ffi::OsStr;
use std::sync::{PoisonError, RwLock};

pub use std::env::{VarError, Vars, VarsOs, var, var_os, vars, vars_os};

/// Held together by who has the environment read, alone by who changes it.
static ENVIRONMENT: RwLock<()> = RwLock::new(());

/// Runs `f`, which reads the environment in ways that the standard library's lock does not cover. Belongs into a declared call: a change, or a look-up that is in the way of one, may take long.
#[cfg_attr(not(any(feature = "net", feature = "process")), expect(dead_code, reason = "nothing reads the environment"))]
pub(crate) fn reading<T>(f: impl FnOnce() -> T) -> T {
    let _shared = ENVIRONMENT.read().unwrap_or_else(PoisonError::into_inner);
    f()
}

/// Sets a variable for this process, and for all that it starts from now on.
///
/// Waits until no process is being started and no name is being looked up by this crate; a declared blocking call.
///
/// # Panics
///
/// If `name` is empty or contains `=` or NUL, and if `value` contains NUL.
///
/// # Safety
///
/// No other thread reads or changes the environment at the same time but through this crate or through `std::env`. See the [module](self) for who else does. In a program without C libraries of its own, that is the thread
/// that calls `to_socket_addrs` of the standard library.
///
/// # Examples
///
/// ```
/// use handover::env;
///
/// // SAFETY: nothing else runs in this program.
/// unsafe { env::set_var("HANDOVER_DOC_COLOUR", "blue") };
/// assert_eq!(env::var("HANDOVER_DOC_COLOUR").as_deref(), Ok("blue"));
/// ```
#[track_caller]
#[allow(unsafe_code, reason = "the standard library's functions for it are unsafe")]
pub unsafe fn set_var(name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
    // SAFETY: the lock is held alone, so no thread has the environment read by this crate; for all others the caller answers.
    changing(|| unsafe { std::env::set_var(name, value) });
}

/// Takes a variable out of the environment of this process, and of all that it starts from now on.
///
/// Waits as [`set_var`] does.
///
/// # Panics
///
/// If `name` is empty or contains `=` or NUL.
///
/// # Safety
///
/// As for [`set_var`].
///
/// # Examples
///
/// ```
/// use handover::env;
///
/// // SAFETY: nothing else runs in this program.
/// unsafe { env::remove_var("HANDOVER_DOC_TASTE") };
/// assert_eq!(env::var("HANDOVER_DOC_TASTE"), Err(env::VarError::NotPresent));
/// ```
#[track_caller]
#[allow(unsafe_code, reason = "the standard library's functions for it are unsafe")]
pub unsafe fn remove_var(name: impl AsRef<OsStr>) {
    // SAFETY: as in `set_var`.
    changing(|| unsafe { std::env::remove_var(name) });
}

#[track_caller]
fn changing(change: impl FnOnce()) {
    crate::block_in_place(|| {
        let _alone = ENVIRONMENT.write().unwrap_or_else(PoisonError::into_inner);
        change();
    });
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    #[allow(unsafe_code, reason = "the standard library's functions for it are unsafe")]
    fn a_change_waits_while_the_environment_is_read() {
        const NAME: &str = "HANDOVER_TEST_CHANGED";
        let (sender, changed) = mpsc::channel();
        let change = reading(|| {
            let change = thread::spawn(move || {
                // SAFETY: nobody in this test binary reads the environment but through std.
                unsafe { set_var(NAME, "1") };
                sender.send(()).expect("the test waits");
            });
            // It runs, and comes to the lock now or later; in neither case it gets past it.
            thread::yield_now();
            assert_eq!(changed.try_recv(), Err(mpsc::TryRecvError::Empty));
            assert_eq!(var(NAME), Err(VarError::NotPresent));
            change
        });
        change.join().expect("it goes on afterwards");
        assert_eq!(var(NAME).as_deref(), Ok("1"));
        // SAFETY: as above.
        unsafe { remove_var(NAME) };
        assert_eq!(var(NAME), Err(VarError::NotPresent));
    }

    /// Runs `f` in a task while the environment is being changed; it must not come to its end before the change has.
    #[cfg(any(feature = "net", feature = "process"))]
    fn waits_for_a_change(f: impl Future<Output = ()> + Send + 'static) {
        let runtime = crate::runtime::Builder::new().processors(1).build().expect("threads are to be had");
        let (sender, over) = mpsc::channel();
        changing(|| {
            runtime.spawn(async move {
                f.await;
                sender.send(()).expect("the test waits");
            });
            // A hundred times what it takes without the lock.
            let waited = over.recv_timeout(std::time::Duration::from_millis(100));
            assert_eq!(waited, Err(mpsc::RecvTimeoutError::Timeout));
        });
        assert_eq!(over.recv(), Ok(()));
    }

    #[test]
    #[cfg(feature = "process")]
    fn no_process_is_started_while_the_environment_is_changed() {
        waits_for_a_change(async { assert!(crate::process::Command::new("true").status().await.expect("it is there").success()) });
    }

    #[test]
    #[cfg(feature = "net")]
    fn no_name_is_looked_up_while_the_environment_is_changed() {
        waits_for_a_change(async { assert!(crate::net::lookup_host("localhost:1").await.expect("it is known").count() > 0) });
    }
}
