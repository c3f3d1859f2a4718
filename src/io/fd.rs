//! How does a task use a descriptor of any kind?

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::panic::Location;

use handover_blocking::sys::descriptor::{self, Kind};
use handover_reactor::{Direction, Interest};

use super::refusal::explained;
use super::waiting::{Way, ask};
use crate::source::Source;
use crate::wiring;

/// Any descriptor: a socket, a pipe, a terminal, an eventfd, an inotify, a file, a device. As `os.File` of Go, it finds out by itself how to use it.
///
/// - What can make somebody wait for somebody else waits in the reactor, and holds no thread meanwhile: sockets, pipes and FIFOs, terminals, eventfds, timerfds, signalfds, inotifies, pidfds.
/// - What only takes its time is used by calls inline, each declared as [`blocking`](crate::blocking) declares it: regular files, directories, and devices that epoll(7) does not know, such as `/dev/null` and `/dev/zero`.
///
/// It reads and writes through the traits of `futures::io`, which are implemented for the type and for references to it; nothing is buffered. One task waits in each direction: the last to ask.
///
/// # Flags stay as they are
///
/// `O_NONBLOCK` is shared with every process that has the same open file, the shell's terminal for example, so a descriptor that was not opened here keeps the flags that it came with. Of a blocking one only as much
/// is asked as it has ready. If somebody else takes that first, in the moment between the question and the call, the call blocks: an ordinary declared call, which keeps its own task waiting (a timeout around it
/// as well) and nobody else.
///
/// `Fd::open`, of feature `fs`, opens a description of its own, and makes that non-blocking if it is of the first kind.
///
/// # Whose descriptor
///
/// `Fd<OwnedFd>`, the default, closes it. `Fd<T>` takes anything that has one, borrowed ones too: `Fd::new(std::io::stdin())`. What is registered with one runtime is registered once; see
/// [`AsyncFd`](super::AsyncFd#one-registration-for-each-descriptor).
///
/// # Cancel safety
///
/// A read or write happens wholly within one poll: a dropped one has moved no bytes.
///
/// # Examples
///
/// ```
/// use futures::io::{AsyncReadExt, AsyncWriteExt};
/// use handover::io::Fd;
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// // A pipe, which stays blocking for everybody else who may have it.
/// let (reader, writer) = std::io::pipe()?;
/// let (mut reader, mut writer) = (Fd::new(reader)?, Fd::new(writer)?);
/// let task = handover::spawn(async move {
///     let mut text = String::new();
///     reader.read_to_string(&mut text).await.map(|_| text)
/// });
/// writer.write_all(b"no thread waits").await?;
/// drop(writer);
/// assert_eq!(task.await.unwrap()?, "no thread waits");
///
/// // And a file, in the same words.
/// let mut manifest = String::new();
/// Fd::new(std::fs::File::open("Cargo.toml")?)?.read_to_string(&mut manifest).await?;
/// assert!(manifest.contains("[package]"));
/// # Ok(())
/// # }
/// ```
pub struct Fd<T: AsFd = OwnedFd> {
    route: Route,
    /// `None` only from `into_inner` to the end of the drop.
    inner: Option<T>,
}

/// How it is used.
pub(super) enum Route {
    /// By calls that are declared.
    Inline,
    /// When the reactor says that it is ready.
    Waiting(Waiting),
}

/// A registered descriptor.
pub(super) struct Waiting {
    pub(super) source: Source,
    pub(super) interest: Interest,
    pub(super) kind: Kind,
    pub(super) way: Way,
}

impl<T: AsFd> Fd<T> {
    /// Takes over a descriptor, or an object that has one, and finds out how to use it. Its flags stay as they are.
    ///
    /// # Errors
    ///
    /// Outside a runtime, unless it is a file; if it is registered with the runtime already (of kind [`AlreadyExists`](io::ErrorKind::AlreadyExists)); those of fstat(2), fcntl(2) and epoll_ctl(2). The message names the
    /// descriptor.
    #[track_caller]
    pub fn new(inner: T) -> io::Result<Self> {
        Self::of_type(inner, Interest::BOTH, "Fd", Some(Location::caller()))
    }

    /// One that is shown as a `concrete_type` that was made `at`, and is watched for no more than `wanted`.
    pub(super) fn of_type(inner: T, wanted: Interest, concrete_type: &str, at: Option<&Location<'_>>) -> io::Result<Self> {
        let route = Route::of(inner.as_fd(), wanted, concrete_type, at)?;
        Ok(Self { route, inner: Some(inner) })
    }

    /// The object itself. What is read or written behind the back of this one does no harm.
    pub fn get_ref(&self) -> &T {
        self.inner.as_ref().expect("an `Fd` holds its object until it is dropped")
    }

    /// Gives up the object, still open and with the flags that it has.
    pub fn into_inner(mut self) -> T {
        // Deregistered first: whoever gets it may close it.
        self.route = Route::Inline;
        self.inner.take().expect("an `Fd` holds its object until it is dropped")
    }

    /// Waits until a read would not block. A file is always readable.
    ///
    /// For what is never read, as a pidfd, or is read by other means. Any number of tasks may wait at once.
    ///
    /// # Errors
    ///
    /// The runtime was shut down; those of poll(2).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn readable(&self) -> io::Result<()> {
        self.ready(Direction::Read).await
    }

    /// Waits until a write would not block. A file is always writable. Any number of tasks may wait at once.
    ///
    /// # Errors
    ///
    /// The runtime was shut down; those of poll(2).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn writable(&self) -> io::Result<()> {
        self.ready(Direction::Write).await
    }

    async fn ready(&self, direction: Direction) -> io::Result<()> {
        poll_fn(wiring::poll_proceed).await;
        let Some(Waiting { source, .. }) = self.route().waiting(direction) else { return Ok(()) };
        loop {
            let seen = source.ready(direction).await?;
            // What was seen may be long gone, if nobody has met `EAGAIN` since.
            match ask(self.as_fd(), direction) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => source.clear(seen),
                result => return result,
            }
        }
    }

    pub(super) fn route(&self) -> &Route {
        &self.route
    }
}

#[cfg(feature = "fs")]
impl Fd {
    /// Opens a file of any kind: a FIFO, a terminal, a device, or an ordinary one.
    ///
    /// Opening is a declared blocking call: a FIFO is open when somebody has opened its other end (fifo(7)). With `O_NONBLOCK` in [`custom_flags`](crate::fs::OpenOptions::custom_flags) it is not waited for; one
    /// that is opened for reading then looks ended until somebody writes.
    ///
    /// # Errors
    ///
    /// Those of open(2), with the path in the message; those of [`new`](Self::new).
    ///
    /// # Cancel safety
    ///
    /// A dropped future has opened (and then closed) the file, or has not begun.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::io::AsyncReadExt;
    /// use handover::fs::OpenOptions;
    /// use handover::io::Fd;
    ///
    /// # #[handover::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut zeros = Fd::open("/dev/zero", OpenOptions::new().read(true)).await?;
    /// let mut bytes = [1; 4];
    /// zeros.read_exact(&mut bytes).await?;
    /// assert_eq!(bytes, [0; 4]);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn open(path: impl AsRef<std::path::Path>, options: &crate::fs::OpenOptions) -> io::Result<Self> {
        let file: OwnedFd = options.open(path).await?.into();
        let mut fd = Self::of_type(file, Interest::BOTH, "Fd", None)?;
        if let Route::Waiting(waiting) = &mut fd.route {
            let file = fd.inner.as_ref().expect("it was just opened").as_fd();
            // It is nobody else's yet.
            descriptor::set_nonblocking(file)?;
            waiting.way = Way::of(waiting.kind, true);
        }
        Ok(fd)
    }
}

impl Route {
    fn of(fd: BorrowedFd<'_>, wanted: Interest, concrete_type: &str, at: Option<&Location<'_>>) -> io::Result<Self> {
        let number = fd.as_raw_fd();
        let explain = |error| explained(number, error);
        let kind = descriptor::kind(fd).map_err(explain)?;
        // Epoll refuses these, but for a few files of the kernel's (/proc/mounts), which it takes for "something has changed"; read they are like any other.
        if kind == Kind::Stored {
            return Ok(Self::Inline);
        }
        let access = descriptor::access(fd).map_err(explain)?;
        // Only what it is open for, and asked for: who reads a terminal need not hear that there is room on the screen.
        let interest = match (access.reads && wanted.is_readable(), access.writes && wanted.is_writable()) {
            (true, false) => Interest::READABLE,
            (false, true) => Interest::WRITABLE,
            _ => Interest::BOTH,
        };
        match Source::register_at(&wiring::reactor()?, number, interest, concrete_type, at) {
            Ok(source) => {
                // The first call is made without a round through the poller: it does not block if this is wrong.
                source.assume_ready(interest);
                let way = Way::of(kind, access.is_nonblocking);
                Ok(Self::Waiting(Waiting { source, interest, kind, way }))
            }
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => Ok(Self::Inline),
            Err(error) => Err(explain(error)),
        }
    }

    /// The registration, if `direction` is one that is waited for. In the other one a call is made all the same, for the kernel to say what is wrong (`EBADF`).
    pub(super) fn waiting(&self, direction: Direction) -> Option<&Waiting> {
        match self {
            Self::Waiting(waiting) if waiting.watches(direction) => Some(waiting),
            _ => None,
        }
    }
}

impl Waiting {
    fn watches(&self, direction: Direction) -> bool {
        match direction {
            Direction::Read => self.interest.is_readable(),
            Direction::Write => self.interest.is_writable(),
        }
    }
}

impl<T: AsFd> Drop for Fd<T> {
    /// Closing is a blocking call like any other: a serial line sends what it holds, a file on a network waits for its server.
    fn drop(&mut self) {
        self.route = Route::Inline;
        if let Some(inner) = self.inner.take() {
            crate::block_in_place(|| drop(inner));
        }
    }
}

impl TryFrom<OwnedFd> for Fd {
    type Error = io::Error;

    #[track_caller]
    fn try_from(fd: OwnedFd) -> io::Result<Self> {
        Self::new(fd)
    }
}

impl From<Fd> for OwnedFd {
    fn from(fd: Fd) -> Self {
        fd.into_inner()
    }
}

impl<T: AsFd> AsFd for Fd<T> {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl<T: AsFd> AsRawFd for Fd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for Fd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let route = match &self.route {
            Route::Inline => "inline",
            Route::Waiting(_) => "reactor",
        };
        f.debug_struct("Fd").field("inner", self.get_ref()).field("route", &route).finish()
    }
}
