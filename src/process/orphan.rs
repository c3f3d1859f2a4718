//! Who reaps a process whose `Child` was dropped?
//!
//! A task of the runtime that started it, which waits for its end as anybody would. If that runtime ends first, the process lies in a list that is gone through whenever this program starts or drops another one, in any
//! runtime. A zombie stays only where nobody does.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::process::ExitStatus;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use super::running::Running;

/// Those whose runtime has ended.
static LEFT_BEHIND: Mutex<Vec<std::process::Child>> = Mutex::new(Vec::new());

/// Has `running` reaped when it ends.
pub(super) fn adopt(running: Running) {
    sweep();
    let handle = running.handle().clone();
    // A runtime that was shut down drops the task at once, and that is seen to.
    drop(handle.spawn(Orphan { running: Some(running) }));
}

/// Reaps those in the list that have ended.
pub(super) fn sweep() {
    let mut left_behind = LEFT_BEHIND.lock().unwrap_or_else(PoisonError::into_inner);
    // An error says that somebody else has reaped it.
    left_behind.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
}

/// The task.
struct Orphan {
    running: Option<Running>,
}

impl Future for Orphan {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(running) = &mut self.running else { return Poll::Ready(()) };
        let ended: io::Result<ExitStatus> = ready!(running.poll_wait(cx));
        if ended.is_ok() {
            self.running = None;
        }
        Poll::Ready(())
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        if let Ok(None) = running.try_wait() {
            LEFT_BEHIND.lock().unwrap_or_else(PoisonError::into_inner).push(running.into_std());
        }
    }
}
