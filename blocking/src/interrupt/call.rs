//! How does an interruptible call begin and end, and who reports it to the monitor?

use std::io;
use std::sync::{Arc, LazyLock};

use crate::current::with_current;
use crate::interrupt::desk::Desk;
use crate::interrupt::signal::{Signal, Target, Unblocked};
use crate::interrupt::word::{End, Interruption};
use crate::pool::Pool;
use crate::scheduler::Scheduler;
use crate::worker::Worker;

static DESK: LazyLock<Desk<Entry>> = LazyLock::new(Desk::new);

/// An interruptible call, as the monitor sees it. It does not hold the runtime, for the runtime may hold it.
#[derive(Debug)]
pub(crate) struct OutCall {
    word: Interruption,
    signal: Signal,
    target: Target,
}

/// An interruptible call, as whoever aborts its task finds it: with the runtime that is to be told.
#[derive(Clone)]
struct Entry {
    call: Arc<OutCall>,
    pool: Arc<Pool>,
    scheduler: Arc<dyn Scheduler>,
}

/// Runs `f`, which `task` runs on the calling thread, so that [`interrupt`] ends the system call that it is in. `is_cancelled` says whether that was asked for already.
///
/// On a thread that is no worker, and within another interruptible call of the same task, it just runs `f`.
pub fn interruptible<T>(task: u64, is_cancelled: impl FnOnce() -> bool, f: impl FnOnce() -> T) -> T {
    with_current(|worker| {
        let _out = worker.and_then(|worker| Out::begin(task, worker, is_cancelled));
        f()
    })
}

/// The task has been cancelled: if it is in an interruptible call, that is to end.
pub fn interrupt(task: u64) {
    if let Some(entry) = DESK.find(task) {
        entry.report();
    }
}

impl OutCall {
    /// Whether it is still out.
    pub(crate) fn is_out(&self) -> bool {
        self.word.is_out()
    }

    /// Sends the signal, unless the call is over.
    ///
    /// # Errors
    /// When it cannot be sent: for now (`WouldBlock`), or any more.
    pub(crate) fn strike(&self) -> io::Result<()> {
        if !self.word.begin_sending() {
            return Ok(());
        }
        // SAFETY: the call is out, and does not end before `sent`: so its thread is alive.
        #[allow(unsafe_code, reason = "a signal to a thread that must be alive")]
        let sent = unsafe { self.signal.send(self.target) };
        self.word.sent();
        sent
    }
}

impl Entry {
    /// Tells the monitor, which sends until the call is over. If that and the runtime are, nobody takes it off the list, and it goes with the list.
    fn report(&self) {
        self.pool.interrupts.lock().push(Arc::clone(&self.call));
        self.pool.kick(&*self.scheduler);
    }
}

/// The call, as its own thread has it; also when it unwinds, its end is the drop.
struct Out {
    task: u64,
    call: Arc<OutCall>,
    unblocked: Unblocked,
}

impl Out {
    /// `None` where the call cannot be interrupted, or is part of one that can.
    fn begin(task: u64, worker: &Worker, is_cancelled: impl FnOnce() -> bool) -> Option<Self> {
        let signal = Signal::get()?;
        let call = Arc::new(OutCall { word: Interruption::new(), signal, target: Target::current() });
        let entry = Entry { call: Arc::clone(&call), pool: Arc::clone(worker.pool()), scheduler: Arc::clone(worker.scheduler()) };
        if !DESK.enter(task, entry) {
            return None;
        }
        let out = Self { task, unblocked: signal.unblock(), call };
        if is_cancelled() {
            interrupt(task);
        }
        Some(out)
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        let _entry = DESK.leave(self.task);
        if self.call.word.end() == End::Struck {
            self.unblocked.deliver_pending();
        }
    }
}
