//! How does an interruptible call begin and end, and who reports it to the monitor?

use std::sync::{Arc, LazyLock};
use std::{fmt, io};

use crate::interrupt::desk::Desk;
use crate::interrupt::signal::{Signal, Target, Unblocked};
use crate::interrupt::word::{End, Interruption};
use crate::pool::Pool;
use crate::scheduler::Scheduler;
use crate::worker::{Worker, with_current};

static DESK: LazyLock<Desk<Arc<OutCall>>> = LazyLock::new(Desk::new);

/// An interruptible call, as the monitor sees it.
pub(crate) struct OutCall {
    word: Interruption,
    signal: Signal,
    target: Target,
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
    if let Some(call) = DESK.find(task) {
        call.report();
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

    /// Tells the monitor, which sends until the call is over.
    fn report(self: Arc<Self>) {
        let (pool, scheduler) = (Arc::clone(&self.pool), Arc::clone(&self.scheduler));
        pool.interrupts.lock().push(self);
        pool.kick(&*scheduler);
    }
}

impl fmt::Debug for OutCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutCall").field("word", &self.word).field("signal", &self.signal).finish_non_exhaustive()
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
        let call = Arc::new(OutCall {
            word: Interruption::new(),
            signal,
            target: Target::current(),
            pool: Arc::clone(worker.pool()),
            scheduler: Arc::clone(worker.scheduler()),
        });
        if !DESK.enter(task, Arc::clone(&call)) {
            return None;
        }
        let out = Self { task, unblocked: signal.unblock(), call };
        if is_cancelled() {
            Arc::clone(&out.call).report();
        }
        Some(out)
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        DESK.leave(self.task);
        if self.call.word.end() == End::Struck {
            self.unblocked.deliver_pending();
        }
    }
}
