//! What does a signal do to a call: does it start again, or is it told?

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, TryRecvError};
use std::thread;

use futures::executor::block_on;
use handover::runtime::Builder;
use handover::syscall::{Errno, flock, gettid, syscalls, tgkill};

use crate::covered::watched;
use crate::place::{assert_refused, file};

syscalls! {
    /// Reads, whatever signals come.
    blocking(retry) fn patient_read(file: BorrowedFd<'_>, bytes: &mut [u8]) -> usize = unsafe libc::SYS_read see read(2);

    /// Reads until a signal comes.
    blocking(hand_on) fn impatient_read(file: BorrowedFd<'_>, bytes: &mut [u8]) -> usize = unsafe libc::SYS_read see read(2);
}

static SIGNALS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(_: libc::c_int) {
    SIGNALS.fetch_add(1, Ordering::SeqCst);
}

/// SIGUSR1 is counted, and ends the call that it comes in: there is no `SA_RESTART`.
fn handle() {
    let mut action: libc::sigaction = {
        // SAFETY: zeros are no flags, an empty set and no handler.
        unsafe { std::mem::zeroed() }
    };
    action.sa_sigaction = count as *const () as usize;
    // SAFETY: the handler does nothing but count.
    assert_eq!(unsafe { libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()) }, 0);
}

/// Whether a thread sleeps in a call, as proc(5) tells it. One that is over does not.
fn sleeps(tid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{tid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|state| state.starts_with('S'))
}

/// What a read of an empty pipe by a thread of its own answers, which gets `signals` signals while it sleeps in it, and then seven bytes.
fn read_with_signals(read: fn(BorrowedFd<'_>, &mut [u8]) -> io::Result<usize>, signals: usize) -> io::Result<usize> {
    handle();
    let (reader, mut writer) = io::pipe().unwrap();
    let (thread_sender, thread_of) = mpsc::channel();
    let reading = thread::spawn(move || {
        thread_sender.send(gettid().unwrap()).unwrap();
        let answer = read(reader.as_fd(), &mut [0; 16]);
        drop(thread_sender);
        answer
    });
    let tid = thread_of.recv().unwrap();
    for _ in 0..signals {
        while !sleeps(tid) && thread_of.try_recv() != Err(TryRecvError::Disconnected) {
            thread::yield_now();
        }
        if reading.is_finished() {
            break;
        }
        // Refused if the thread has just ended.
        let _sent = tgkill(std::process::id() as i32, tid, libc::SIGUSR1);
    }
    // No reader is left if it has given up.
    let _written = writer.write_all(b"a seven");
    reading.join().unwrap()
}

#[test]
fn a_call_that_is_retried_starts_again_after_each_signal() {
    watched("signals and a call that is retried", || {
        let before = SIGNALS.load(Ordering::SeqCst);
        assert_eq!(read_with_signals(patient_read, 100).unwrap(), 7);
        assert_ne!(SIGNALS.load(Ordering::SeqCst), before);
    });
}

#[test]
fn a_call_that_hands_on_tells_of_the_signal() {
    // The other test's signals go to its own thread.
    watched("signals and a call that hands them on", || assert_refused(read_with_signals(impatient_read, 1000), Errno::EINTR));
}

/// Given a task that waits for a lock within `cancellable`; when it is aborted, the call ends, though nobody gives the lock up.
#[test]
fn a_cancellation_ends_a_call_that_hands_on() {
    watched("a cancelled wait for a lock", || {
        let runtime = Builder::new().processors(1).build().unwrap();
        let first = file("cancelled-flock", b"");
        flock(first.as_fd(), libc::LOCK_EX).unwrap();
        let second = std::fs::File::open(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&first))).unwrap();
        let (answers, answer) = mpsc::channel();
        let waiting = runtime.spawn(async move {
            handover::blocking(handover::cancellable(|| answers.send(flock(second.as_fd(), libc::LOCK_EX)).unwrap())).await;
        });
        let metrics = runtime.metrics();
        while metrics.calls_out() == 0 {
            thread::yield_now();
        }
        waiting.abort();
        assert_refused(answer.recv().unwrap(), Errno::EINTR);
        // The call was made, and so the task ends in the poll that it was made in.
        block_on(waiting).unwrap();
        drop(first);
    });
}
