//! How are several buffers read or written at a place of a file?

use super::File;
use super::file_io::uninterrupted;
use handover_blocking::sys::calls::{preadv2, pwritev2};
use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::AsFd;

/// `IOV_MAX` of Linux: a call with more buffers is refused. Those beyond are left for the next one, as after any other short count.
const MAX_PIECES: usize = 1_024;

impl File {
    /// Reads at `offset` (bytes) into `buffers`, one after the other, and says how many bytes it read: 0 at the end of the file. See preadv(2).
    ///
    /// The file's position stays. Of more than 1,024 buffers it fills the first 1,024.
    ///
    /// # Examples
    ///
    /// ```
    /// use handover::fs::File;
    /// use std::io::{IoSlice, IoSliceMut};
    ///
    /// # #[handover::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let path = std::env::temp_dir().join(format!("handover-doc-vectored-{}", std::process::id()));
    /// let file = File::options().read(true).write(true).create(true).open(&path).await?;
    /// file.write_all_vectored_at(&mut [IoSlice::new(b"head"), IoSlice::new(b"body")], 100).await?;
    ///
    /// let (mut head, mut body) = ([0; 4], [0; 4]);
    /// let count = file.read_vectored_at(&mut [IoSliceMut::new(&mut head), IoSliceMut::new(&mut body)], 100).await?;
    /// assert_eq!((count, &head, &body), (8, b"head", b"body"));
    /// # std::fs::remove_file(path)
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of preadv(2): `EINVAL` for an offset beyond `i64::MAX`, too.
    #[track_caller]
    pub fn read_vectored_at(&self, buffers: &mut [IoSliceMut<'_>], offset: u64) -> impl Future<Output = io::Result<usize>> {
        crate::blocking(move || {
            let (file, offset) = (self.as_fd(), checked(offset)?);
            let count = buffers.len().min(MAX_PIECES);
            uninterrupted(|| preadv2(file, &mut buffers[..count], offset, 0))
        })
    }

    /// Writes bytes of `buffers`, one after the other, at `offset` (bytes) and says how many. See pwritev(2).
    ///
    /// The file's position stays. Of more than 1,024 buffers it writes at most the first 1,024.
    ///
    /// # Errors
    ///
    /// Those of pwritev(2): `EINVAL` for an offset beyond `i64::MAX`, too.
    #[track_caller]
    pub fn write_vectored_at(&self, buffers: &[IoSlice<'_>], offset: u64) -> impl Future<Output = io::Result<usize>> {
        crate::blocking(move || self.write_pieces(buffers, offset))
    }

    /// Writes all of `buffers`, one after the other, at `offset` (bytes), by as many calls as it takes. See pwritev(2).
    ///
    /// What `buffers` holds afterwards is left open: they are cut as they are written.
    ///
    /// # Errors
    ///
    /// Those of pwritev(2), and [`WriteZero`](io::ErrorKind::WriteZero) if the system takes no more. A part may have been written then.
    #[track_caller]
    pub fn write_all_vectored_at(&self, buffers: &mut [IoSlice<'_>], mut offset: u64) -> impl Future<Output = io::Result<()>> {
        crate::blocking(move || {
            let mut rest = buffers;
            // Empty ones at the front go: a call with nothing else would write nothing, which is no failure.
            IoSlice::advance_slices(&mut rest, 0);
            while !rest.is_empty() {
                let count = self.write_pieces(rest, offset)?;
                if count == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                offset += count as u64;
                IoSlice::advance_slices(&mut rest, count);
            }
            Ok(())
        })
    }

    fn write_pieces(&self, buffers: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        let (file, offset) = (self.as_fd(), checked(offset)?);
        uninterrupted(|| pwritev2(file, &buffers[..buffers.len().min(MAX_PIECES)], offset, 0))
    }
}

/// Preadv2(2) takes -1 for the file's own position, which nobody means who names an offset.
fn checked(offset: u64) -> io::Result<u64> {
    if offset > i64::MAX as u64 { Err(io::Error::from_raw_os_error(libc::EINVAL)) } else { Ok(offset) }
}
