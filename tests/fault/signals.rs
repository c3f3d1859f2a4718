//! How do signals hit every thread of a process again and again, in whatever system call it is?

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

/// Signals that were delivered.
static DELIVERED: AtomicU64 = AtomicU64::new(0);

extern "C" fn count(_: libc::c_int) {
    // SeqCst here and below: a test has no reason to be clever.
    DELIVERED.fetch_add(1, Ordering::SeqCst);
}

/// SIGUSR1 for all threads but its own, without `SA_RESTART`, until it is dropped.
pub(crate) struct Storm {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Storm {
    pub(crate) fn start() -> Self {
        // SAFETY: all zeros is a valid `sigaction`: no flags, and an empty mask.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = count as *const () as libc::sighandler_t;
        // SAFETY: the handler only counts, which is async-signal-safe, and `action` outlives the call.
        let result = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
        assert_eq!(result, 0, "{}", io::Error::last_os_error());
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        Self { over, thread: Some(thread::spawn(move || blow(&is_over))) }
    }

    /// How many signals were delivered so far.
    pub(crate) fn delivered(&self) -> u64 {
        DELIVERED.load(Ordering::SeqCst)
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let blown = self.thread.take().expect("it is joined once").join().expect("the storm does not panic");
        blown.expect("the threads of this process can be listed");
    }
}

fn blow(over: &AtomicBool) -> io::Result<()> {
    // SAFETY: these calls take nothing and touch nothing.
    let (process, own) = unsafe { (libc::getpid(), libc::gettid()) };
    while !over.load(Ordering::SeqCst) {
        for task in std::fs::read_dir("/proc/self/task")? {
            let thread: libc::pid_t = task?.file_name().to_str().and_then(|name| name.parse().ok()).expect("a thread is a number");
            if thread != own {
                // SAFETY: the process is this one; a thread that has ended meanwhile makes it fail with ESRCH, and nothing else can.
                unsafe { libc::syscall(libc::SYS_tgkill, process, thread, libc::SIGUSR1) };
            }
        }
        // Others have to get on between two gusts on a small machine.
        thread::yield_now();
    }
    Ok(())
}
