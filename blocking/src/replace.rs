//! What must not happen while the process is replaced by another program? A thread must not begin.
//!
//! execve(2) marks what the threads of a process share ("in exec"), and until it is over or has failed, clone(2) of a thread is refused with EAGAIN. A runtime would take that for a limit of the
//! system, warn, and back off; one that is just being built would fail. So whoever starts a thread holds this lock together with others, and whoever replaces the process holds it alone (Go's
//! `execLock`, its issue 19546). A thread is started some hundred times in a program's life, and each time costs a microsecond without the lock and a few nanoseconds more with it.
//!
//! Threads that others start by themselves are not covered: their start may fail with EAGAIN in these microseconds, as it may without us.

use std::sync::{PoisonError, RwLock};

static IN_EXEC: RwLock<()> = RwLock::new(());

/// Runs `start`, which starts a thread, while nobody replaces the process.
pub fn starting_thread<T>(start: impl FnOnce() -> T) -> T {
    let _shared = IN_EXEC.read().unwrap_or_else(PoisonError::into_inner);
    start()
}

/// Runs `exec`, which replaces the process or fails, while no thread of a runtime is being started.
pub fn replacing_process<T>(exec: impl FnOnce() -> T) -> T {
    let _alone = IN_EXEC.write().unwrap_or_else(PoisonError::into_inner);
    exec()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn a_thread_does_not_begin_while_the_process_is_replaced() {
        let (sender, started) = mpsc::channel();
        let starter = replacing_process(|| {
            let starter = thread::spawn(move || starting_thread(|| sender.send(()).expect("the test waits")));
            // It runs, and comes to the lock now or later; in neither case it gets past it.
            thread::yield_now();
            assert_eq!(started.try_recv(), Err(mpsc::TryRecvError::Empty));
            starter
        });
        starter.join().expect("it goes on afterwards");
        assert_eq!(started.try_recv(), Ok(()));
    }
}
