//! How does a task read and write a descriptor that may block, and is not its own to change?
//!
//! `O_NONBLOCK` belongs to the open file description: it is shared with every process that has a duplicate. Whoever sets it on the terminal or the pipe that he inherited breaks the shell that he returns to. And a flag
//! that was seen may be changed by others at any time. So no call here depends on it to be *right*: each is worth making once the reactor has said "ready", and each that might block all the same is declared, so that
//! it would hold up nobody but its own task. What is done to make that rare:
//!
//! | kind | read, write | why it does not block |
//! |---|---|---|
//! | socket | recvmsg(2), sendmsg(2) with `MSG_DONTWAIT` | the flag is the call's own |
//! | `O_NONBLOCK` was seen | readv(2), writev(2), declared | only if others have taken the flag away since |
//! | else, first | preadv2(2), pwritev2(2) with `RWF_NOWAIT` | the flag is the call's own; pipes, eventfds, timerfds take it |
//! | else, second | poll(2) without waiting, then readv(2), writev(2), declared | only if somebody else reads or fills it in between |
//!
//! A pipe that poll(2) calls writable has room for `PIPE_BUF` bytes at least, and a write of more would block: it is cut to that. Other kinds are not cut: to some devices one write is one message.
//!
//! # No edge is lost
//!
//! Epoll tells of *changes*, and what it told stays noted until a call here says `WouldBlock` (`readiness.rs` of the reactor). A hang would be a note that is cleared while the descriptor is ready, for no change follows.
//! So `WouldBlock` is said only after the kernel has said, later than the note was read, that the descriptor is *not* ready: by `EAGAIN` of a socket or an `O_NONBLOCK` descriptor, or by poll(2). If it becomes ready after
//! that, that is a change, epoll tells of it, and clearing an older note does nothing. `EAGAIN` under `RWF_NOWAIT` alone does not clear, because it may have other reasons (a lock that is held). Nor does a short count, which
//! with streams means "empty" and saves `TcpStream` a call: a terminal gives one line at a time, a packet pipe one packet.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use handover_blocking::sys::descriptor::{self, Kind};
use handover_reactor::Direction;

use super::async_fd::uninterrupted;
use super::kernel;

/// How a call is kept from blocking.
#[derive(Debug)]
pub(super) enum Way {
    /// By a flag of the socket call.
    Socket,
    /// By a flag of the file, which was seen set.
    Flagged,
    /// By a flag of the call, or else by asking first.
    Asking {
        /// Whether it is a pipe, whose writes are cut.
        is_pipe: bool,
        /// Whether the file takes reads, and writes, with `RWF_NOWAIT`. True until it has refused one.
        nowait: [AtomicBool; 2],
    },
}

impl Way {
    pub(super) fn of(kind: Kind, is_nonblocking: bool) -> Self {
        match kind {
            Kind::Socket => Self::Socket,
            _ if is_nonblocking => Self::Flagged,
            kind => Self::Asking { is_pipe: kind == Kind::Pipe, nowait: [AtomicBool::new(true), AtomicBool::new(true)] },
        }
    }

    /// Reads what is there.
    ///
    /// # Errors
    ///
    /// `WouldBlock` only if the kernel has just said so; see the file's head. Others are the call's.
    pub(super) fn read(&self, fd: BorrowedFd<'_>, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        match self {
            Self::Socket => descriptor::receive(fd, buffers),
            Self::Flagged => crate::block_in_place(|| descriptor::read(fd, buffers)),
            Self::Asking { nowait: [nowait, _], .. } => {
                if let Some(result) = unless_refused(nowait, || kernel::read_nowait(fd, buffers)) {
                    return result;
                }
                ask(fd, Direction::Read)?;
                crate::block_in_place(|| descriptor::read(fd, buffers))
            }
        }
    }

    /// Writes what there is room for.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub(super) fn write(&self, fd: BorrowedFd<'_>, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Socket => descriptor::send(fd, buffers),
            Self::Flagged => crate::block_in_place(|| descriptor::write(fd, buffers)),
            Self::Asking { nowait: [_, nowait], is_pipe } => {
                if let Some(result) = unless_refused(nowait, || kernel::write_nowait(fd, buffers)) {
                    return result;
                }
                ask(fd, Direction::Write)?;
                if *is_pipe { write_cut(fd, buffers) } else { crate::block_in_place(|| descriptor::write(fd, buffers)) }
            }
        }
    }
}

/// The result of `call`, made with `RWF_NOWAIT`; none if the file, or the kernel, does not take that flag, or if it says `EAGAIN`: then the file is to be asked.
fn unless_refused(nowait: &AtomicBool, call: impl FnOnce() -> io::Result<usize>) -> Option<io::Result<usize>> {
    // Relaxed: a hint, which orders nothing.
    if !nowait.load(Ordering::Relaxed) {
        return None;
    }
    let error = match call() {
        Ok(count) => return Some(Ok(count)),
        Err(error) => error,
    };
    match error.raw_os_error() {
        Some(libc::EAGAIN) => None,
        // Old kernels say EINVAL to flags that they do not know; other EINVALs the ordinary call says again.
        Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL | libc::EPERM) => {
            nowait.store(false, Ordering::Relaxed);
            None
        }
        _ => Some(Err(error)),
    }
}

/// Whether a call in `direction` would not block now; poll(2).
///
/// # Errors
///
/// `WouldBlock` if it would.
pub(super) fn ask(fd: BorrowedFd<'_>, direction: Direction) -> io::Result<()> {
    let events = match direction {
        Direction::Read => libc::POLLIN,
        Direction::Write => libc::POLLOUT,
    };
    if uninterrupted(|| descriptor::is_ready(fd, events))? { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
}

/// Writes at most `PIPE_BUF` bytes: whole pieces, or the beginning of the first.
fn write_cut(pipe: BorrowedFd<'_>, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut room = libc::PIPE_BUF;
    let whole = buffers.iter().take_while(|piece| {
        let fits = piece.len() <= room;
        room = room.saturating_sub(piece.len());
        fits
    });
    let (whole, rest) = buffers.split_at(whole.count());
    match rest.first() {
        Some(first) if whole.iter().all(|piece| piece.is_empty()) => {
            crate::block_in_place(|| descriptor::write(pipe, &[IoSlice::new(&first[..libc::PIPE_BUF])]))
        }
        _ => crate::block_in_place(|| descriptor::write(pipe, whole)),
    }
}
