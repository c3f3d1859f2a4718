//! What does one do with a descriptor of which nothing is known? Asks what it is, whether it is ready, and reads or writes it.
//!
//! Calls of POSIX, which std has for its own types alone. None of them is declared: whoever makes one that may block declares it.

use std::borrow::Cow;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// What a descriptor leads to. See inode(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file, a directory, a block device: a read or write takes as long as the disk does, and nobody else is waited for.
    Stored,
    /// A socket.
    Socket,
    /// A pipe, with or without a name.
    Pipe,
    /// A character device, or something of the kernel's without a name, as an eventfd.
    Other,
}

/// What `fd` leads to.
///
/// # Errors
/// Those of fstat(2).
pub fn kind(fd: BorrowedFd<'_>) -> io::Result<Kind> {
    Ok(match status(fd)?.st_mode & libc::S_IFMT {
        libc::S_IFREG | libc::S_IFDIR | libc::S_IFBLK => Kind::Stored,
        libc::S_IFSOCK => Kind::Socket,
        libc::S_IFIFO => Kind::Pipe,
        _ => Kind::Other,
    })
}

/// What `fd` leads to, in a word for people: `socket`, `pipe`, `terminal`, `device`; of what the kernel makes without a name its own (`eventfd`, `inotify`, see proc(5)); else, and if it cannot be told, `descriptor`.
pub fn word(fd: RawFd) -> Cow<'static, str> {
    let mode = status_of(fd).map_or(0, |status| status.st_mode & libc::S_IFMT);
    match mode {
        libc::S_IFSOCK => "socket".into(),
        libc::S_IFIFO => "pipe".into(),
        // SAFETY: a plain number, and no memory is touched; of a descriptor that is not open it says no.
        libc::S_IFCHR if unsafe { libc::isatty(fd) } == 1 => "terminal".into(),
        libc::S_IFCHR => "device".into(),
        _ => kernel_word(fd).map_or("descriptor".into(), Cow::Owned),
    }
}

/// From `anon_inode:[eventfd]`, `anon_inode:inotify` or `pidfd:[4711]`.
fn kernel_word(fd: RawFd) -> Option<String> {
    let target = std::fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
    let (class, name) = target.to_str()?.split_once(':')?;
    let word = if class == "anon_inode" { name.trim_matches(['[', ']']) } else { class };
    (!word.is_empty() && word.chars().all(|letter| letter.is_ascii_alphanumeric())).then(|| word.to_owned())
}

/// How many bytes a file has from its position on, as far as it knows: 0 for what has no length.
///
/// # Errors
/// Those of fstat(2) and lseek(2).
pub fn remaining(file: BorrowedFd<'_>) -> io::Result<u64> {
    let length = status(file)?.st_size as i64;
    // SAFETY: plain numbers; the descriptor is open as long as it is borrowed.
    let position = unsafe { libc::lseek(file.as_raw_fd(), 0, libc::SEEK_CUR) } as i64;
    if position < 0 { Err(io::Error::last_os_error()) } else { Ok(length.saturating_sub(position).max(0) as u64) }
}

fn status(fd: BorrowedFd<'_>) -> io::Result<libc::stat> {
    status_of(fd.as_raw_fd())
}

fn status_of(fd: RawFd) -> io::Result<libc::stat> {
    let mut status = std::mem::MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: `status` has room for what the call writes.
    answer(unsafe { libc::fstat(fd, status.as_mut_ptr()) } as isize)?;
    // SAFETY: the call has succeeded and filled it in; zeros would be a valid value, too.
    Ok(unsafe { status.assume_init() })
}

/// How a descriptor was opened, and the flag that says whether it blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// It may be read.
    pub reads: bool,
    /// It may be written.
    pub writes: bool,
    /// `O_NONBLOCK` is set. It may be changed at any time by whoever shares the open file.
    pub is_nonblocking: bool,
}

/// How `fd` was opened.
///
/// # Errors
/// Those of fcntl(2).
pub fn access(fd: BorrowedFd<'_>) -> io::Result<Access> {
    let flags = flags(fd)?;
    let mode = flags & libc::O_ACCMODE;
    Ok(Access {
        reads: mode == libc::O_RDONLY || mode == libc::O_RDWR,
        writes: mode == libc::O_WRONLY || mode == libc::O_RDWR,
        is_nonblocking: flags & libc::O_NONBLOCK != 0,
    })
}

/// Sets `O_NONBLOCK`, for everybody who shares the open file.
///
/// # Errors
/// Those of fcntl(2).
pub fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    let flags = flags(fd)? | libc::O_NONBLOCK;
    // SAFETY: plain numbers; the descriptor is open as long as it is borrowed.
    answer(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags) } as isize).map(drop)
}

fn flags(fd: BorrowedFd<'_>) -> io::Result<libc::c_int> {
    // SAFETY: plain numbers; the descriptor is open as long as it is borrowed.
    answer(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) } as isize).map(|flags| flags as libc::c_int)
}

/// Tells a socket's peer that no more will come. That it has none, or has gone, is no error.
///
/// # Errors
/// Those of shutdown(2) other than `ENOTCONN`.
pub fn end_writing(socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: plain numbers; the descriptor is open as long as it is borrowed.
    match answer(unsafe { libc::shutdown(socket.as_raw_fd(), libc::SHUT_WR) } as isize) {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        result => result.map(drop),
    }
}

/// Whether `fd` can be read (`libc::POLLIN`) or written (`libc::POLLOUT`) now, or a call would say at once why not. It does not wait.
///
/// # Errors
/// Those of poll(2).
pub fn is_ready(fd: BorrowedFd<'_>, events: libc::c_short) -> io::Result<bool> {
    let mut asked = libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 };
    // SAFETY: `asked` is one entry, which the call reads and writes.
    answer(unsafe { libc::poll(&raw mut asked, 1, 0) } as isize).map(|ready| ready > 0)
}

/// Reads into `buffers`, from the file's own position on if it has one.
///
/// # Errors
/// Those of readv(2).
#[inline]
pub fn read(fd: BorrowedFd<'_>, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    // SAFETY: an `IoSliceMut` has the layout of an `iovec`, and lends its memory for writing as long as the call lasts.
    answer(unsafe { libc::readv(fd.as_raw_fd(), buffers.as_mut_ptr().cast(), pieces(buffers.len())) })
}

/// Writes `buffers`, from the file's own position on if it has one.
///
/// # Errors
/// Those of writev(2).
#[inline]
pub fn write(fd: BorrowedFd<'_>, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    // SAFETY: an `IoSlice` has the layout of an `iovec`, and lends its memory for reading as long as the call lasts.
    answer(unsafe { libc::writev(fd.as_raw_fd(), buffers.as_ptr().cast(), pieces(buffers.len())) })
}

/// Reads from a socket, whose flags do not matter: it does not block.
///
/// # Errors
/// Those of recvmsg(2): `EAGAIN` if there is nothing.
#[inline]
pub fn receive(socket: BorrowedFd<'_>, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    let mut message = message(buffers.as_mut_ptr().cast(), buffers.len());
    // SAFETY: the message names nothing but the buffers, which are as in `read`.
    answer(unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) })
}

/// Writes to a socket, whose flags do not matter: it does not block, and a peer that has gone is an error and no signal.
///
/// # Errors
/// Those of sendmsg(2): `EAGAIN` if there is no room.
#[inline]
pub fn send(socket: BorrowedFd<'_>, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    let message = message(buffers.as_ptr().cast_mut().cast(), buffers.len());
    // SAFETY: the message names nothing but the buffers, which are as in `write`; the call only reads them.
    answer(unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) })
}

/// A message without an address and without control data.
fn message(pieces_at: *mut libc::iovec, len: usize) -> libc::msghdr {
    // SAFETY: zeros and null pointers are a valid message: an empty one.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = pieces_at;
    message.msg_iovlen = pieces(len) as _;
    message
}

/// The kernel takes `IOV_MAX` pieces at once, 1,024 of them on Linux and the BSDs, and refuses more. What is left is for the next call, as after any other short count.
fn pieces(len: usize) -> libc::c_int {
    len.min(1_024) as libc::c_int
}

#[inline]
fn answer(count: isize) -> io::Result<usize> {
    usize::try_from(count).map_err(|_negative| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::{AsFd, FromRawFd, OwnedFd};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn each_kind_is_told() {
        let (socket, _peer) = UnixStream::pair().unwrap();
        let (pipe, _writer) = io::pipe().unwrap();
        assert_eq!(kind(socket.as_fd()).unwrap(), Kind::Socket);
        assert_eq!(kind(pipe.as_fd()).unwrap(), Kind::Pipe);
        assert_eq!(kind(File::open("Cargo.toml").unwrap().as_fd()).unwrap(), Kind::Stored);
        assert_eq!(kind(File::open("src").unwrap().as_fd()).unwrap(), Kind::Stored);
        assert_eq!(kind(File::open("/dev/null").unwrap().as_fd()).unwrap(), Kind::Other);
    }

    #[test]
    fn each_kind_has_a_word() {
        let (socket, _peer) = UnixStream::pair().unwrap();
        let (pipe, _writer) = io::pipe().unwrap();
        let file = File::open("Cargo.toml").unwrap();
        let null = File::open("/dev/null").unwrap();
        // The other end of a pseudo-terminal is none itself, but says that it is one.
        let terminal = File::open("/dev/ptmx").unwrap();
        // SAFETY: these three take plain numbers.
        let event = made(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) });
        // SAFETY: as above.
        let watches = made(unsafe { libc::inotify_init1(libc::IN_CLOEXEC) });
        // SAFETY: as above.
        let process = made(unsafe { libc::syscall(libc::SYS_pidfd_open, std::process::id(), 0) } as RawFd);
        for (fd, expected) in [
            (socket.as_fd(), "socket"),
            (pipe.as_fd(), "pipe"),
            (file.as_fd(), "descriptor"),
            (null.as_fd(), "device"),
            (terminal.as_fd(), "terminal"),
            (event.as_fd(), "eventfd"),
            (watches.as_fd(), "inotify"),
            (process.as_fd(), "pidfd"),
        ] {
            assert_eq!(word(fd.as_raw_fd()), expected);
        }
        assert_eq!(word(-1), "descriptor", "nothing is open there");
    }

    /// What the kernel has just made.
    fn made(fd: RawFd) -> OwnedFd {
        assert!(fd >= 0, "{}", io::Error::last_os_error());
        // SAFETY: it is new, and nobody else's.
        unsafe { OwnedFd::from_raw_fd(fd) }
    }

    #[test]
    fn a_pipe_is_ready_when_it_holds_something_and_when_it_has_ended() {
        let (reader, writer) = io::pipe().unwrap();
        assert!(!is_ready(reader.as_fd(), libc::POLLIN).unwrap());
        assert!(is_ready(writer.as_fd(), libc::POLLOUT).unwrap());
        assert_eq!(write(writer.as_fd(), &[IoSlice::new(b"in "), IoSlice::new(b"pieces")]).unwrap(), 9);
        assert!(is_ready(reader.as_fd(), libc::POLLIN).unwrap());
        let (mut first, mut second) = ([0; 4], [0; 8]);
        assert_eq!(read(reader.as_fd(), &mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)]).unwrap(), 9);
        assert_eq!((&first, &second[..5]), (b"in p", &b"ieces"[..]));
        drop(writer);
        assert!(is_ready(reader.as_fd(), libc::POLLIN).unwrap());
    }

    #[test]
    fn a_blocking_socket_does_not_block() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        assert_eq!(receive(ours.as_fd(), &mut [IoSliceMut::new(&mut [0; 4])]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let full = loop {
            match send(ours.as_fd(), &[IoSlice::new(&[7; 4096])]) {
                Ok(sent) => assert!(sent > 0),
                Err(error) => break error,
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(receive(theirs.as_fd(), &mut [IoSliceMut::new(&mut [0; 4])]).unwrap(), 4);
        drop(theirs);
        // No signal ends this process.
        assert_eq!(send(ours.as_fd(), &[IoSlice::new(b"x")]).unwrap_err().raw_os_error(), Some(libc::EPIPE));
    }

    #[test]
    fn what_remains_of_a_file_is_told() {
        let mut file = File::open("Cargo.toml").unwrap();
        let length = file.metadata().unwrap().len();
        assert_eq!(remaining(file.as_fd()).unwrap(), length);
        io::Read::read_exact(&mut file, &mut [0; 10]).unwrap();
        assert_eq!(remaining(file.as_fd()).unwrap(), length - 10);
        io::Seek::seek(&mut file, io::SeekFrom::End(5)).unwrap();
        assert_eq!(remaining(file.as_fd()).unwrap(), 0);
        let (reader, _writer) = io::pipe().unwrap();
        assert_eq!(remaining(reader.as_fd()).unwrap_err().raw_os_error(), Some(libc::ESPIPE));
    }

    #[test]
    fn flags_are_read_and_one_is_set() {
        let (reader, _writer) = io::pipe().unwrap();
        assert_eq!(access(reader.as_fd()).unwrap(), Access { reads: true, writes: false, is_nonblocking: false });
        set_nonblocking(reader.as_fd()).unwrap();
        assert_eq!(access(reader.as_fd()).unwrap(), Access { reads: true, writes: false, is_nonblocking: true });
        let (socket, mut peer) = UnixStream::pair().unwrap();
        assert_eq!(access(socket.as_fd()).unwrap(), Access { reads: true, writes: true, is_nonblocking: false });
        end_writing(socket.as_fd()).unwrap();
        assert_eq!(io::Read::read(&mut peer, &mut [0]).unwrap(), 0);
    }

    #[test]
    fn errors_are_the_systems() {
        let file = File::open("src").unwrap();
        assert_eq!(read(file.as_fd(), &mut [IoSliceMut::new(&mut [0; 4])]).unwrap_err().raw_os_error(), Some(libc::EISDIR));
        assert_eq!(write(file.as_fd(), &[IoSlice::new(b"x")]).unwrap_err().raw_os_error(), Some(libc::EBADF));
        assert_eq!(receive(file.as_fd(), &mut []).unwrap_err().raw_os_error(), Some(libc::ENOTSOCK));
        assert_eq!(send(file.as_fd(), &[]).unwrap_err().raw_os_error(), Some(libc::ENOTSOCK));
    }
}
