//! How is a file copied, whatever signals come meanwhile?

use super::file_io::uninterrupted;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// What [`std::fs::copy`] does; but that gives up when copy_file_range(2) is interrupted, and does not say how far it came, so that it could only be begun anew. Of two open files both positions say it.
pub(super) fn copy_file(from: &Path, to: &Path) -> io::Result<u64> {
    let mut source = File::open(from)?;
    let mut target = prepare(&source, to)?;
    uninterrupted(|| io::copy(&mut source, &mut target))?;
    source.stream_position()
}

/// Opens `to`, empty and with the permissions of `source`.
fn prepare(source: &File, to: &Path) -> io::Result<File> {
    let metadata = source.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the first is no regular file"));
    }
    // With these from the start on, so that nobody reads a secret while it is written; again afterwards, since umask(2) has taken some, or `to` was there with others.
    let mode = metadata.permissions().mode();
    let target = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(to)?;
    // A device keeps its own.
    if target.metadata()?.is_file() {
        target.set_permissions(metadata.permissions())?;
    }
    Ok(target)
}
