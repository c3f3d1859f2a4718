//! How shall a file be opened?

use super::File;
use super::path_error::named;
use std::future::Future;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// How a file is opened: what [`std::fs::OpenOptions`] offers, and the additions of unix.
///
/// # Examples
///
/// ```
/// use futures::io::AsyncWriteExt;
/// use handover::fs::{self, OpenOptions};
///
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// let path = std::env::temp_dir().join(format!("handover-doc-options-{}", std::process::id()));
/// for line in ["one\n", "two\n"] {
///     let mut log = OpenOptions::new().append(true).create(true).mode(0o600).open(&path).await?;
///     log.write_all(line.as_bytes()).await?;
/// }
/// assert_eq!(fs::read_to_string(&path).await?, "one\ntwo\n");
/// # std::fs::remove_file(path)
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct OpenOptions {
    std: std::fs::OpenOptions,
}

impl OpenOptions {
    /// Everything is off. A file can be opened only with one of `read`, `write` and `append`.
    #[expect(clippy::new_without_default, reason = "the default opens nothing; std's has none either")]
    pub fn new() -> Self {
        std::fs::OpenOptions::new().into()
    }

    /// The file can be read.
    pub fn read(&mut self, on: bool) -> &mut Self {
        self.std.read(on);
        self
    }

    /// The file can be written, from its start on; what is there is overwritten.
    pub fn write(&mut self, on: bool) -> &mut Self {
        self.std.write(on);
        self
    }

    /// The file can be written, each write going to its end of the moment: writers do not overwrite each other. See `O_APPEND` in open(2).
    pub fn append(&mut self, on: bool) -> &mut Self {
        self.std.append(on);
        self
    }

    /// The file is emptied. It needs `write`.
    pub fn truncate(&mut self, on: bool) -> &mut Self {
        self.std.truncate(on);
        self
    }

    /// The file is made if it is not there. It needs `write` or `append`.
    pub fn create(&mut self, on: bool) -> &mut Self {
        self.std.create(on);
        self
    }

    /// The file is made, and it is an error if it is there, even as a symbolic link to nothing. `create` and `truncate` do not matter then.
    pub fn create_new(&mut self, on: bool) -> &mut Self {
        self.std.create_new(on);
        self
    }

    /// The permissions of a file that is made, from which the process's umask(2) takes some. 0o666 unless told.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.std.mode(mode);
        self
    }

    /// More flags for open(2), as `libc` names them; those about reading and writing have no effect.
    ///
    /// With `O_DIRECT` it is the caller who aligns buffers. `O_NONBLOCK` changes nothing for a file on a disk; where it does, reads and writes fail with
    /// [`WouldBlock`](io::ErrorKind::WouldBlock), since a [`File`] never waits for readiness.
    pub fn custom_flags(&mut self, flags: i32) -> &mut Self {
        self.std.custom_flags(flags);
        self
    }

    /// Opens a file in this way.
    ///
    /// # Errors
    ///
    /// Those of open(2), with the path in the message; [`InvalidInput`](io::ErrorKind::InvalidInput) for options that contradict each other.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has opened (and then closed) the file, or has not begun.
    #[track_caller]
    pub fn open<P: AsRef<Path>>(&self, path: P) -> impl Future<Output = io::Result<File>> + use<'_, P> {
        crate::blocking(move || named("open", path.as_ref(), self.std.open(path.as_ref())).map(File::from))
    }
}

impl From<std::fs::OpenOptions> for OpenOptions {
    fn from(std: std::fs::OpenOptions) -> Self {
        Self { std }
    }
}
