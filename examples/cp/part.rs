//! How does a file come to be there whole or not at all? Under another name first.

use handover::fs::{self, File, OpenOptions};
use std::fs::Permissions;
use std::io;
use std::path::{Path, PathBuf};

/// A file beside the target; it is removed when it is dropped before it is complete.
pub(crate) struct Part {
    file: File,
    path: PathBuf,
    target: PathBuf,
    is_complete: bool,
}

impl Part {
    pub(crate) async fn create(target: &Path) -> io::Result<Self> {
        let name = target
            .file_name()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, format!("`{}` is not the name of a file", target.display())))?;
        let path = target.with_file_name(format!(".{}.part-{}", name.display(), std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).open(&path).await?;
        Ok(Self { file, path, target: target.to_owned(), is_complete: false })
    }

    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Gives it the target's name, in place of what had it.
    pub(crate) async fn complete(mut self, permissions: Option<Permissions>) -> io::Result<()> {
        if let Some(permissions) = permissions {
            self.file.set_permissions(permissions).await?;
        }
        fs::rename(&self.path, &self.target).await?;
        self.is_complete = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.is_complete {
            return;
        }
        if let Err(error) = handover::block_in_place(|| std::fs::remove_file(&self.path)) {
            eprintln!("cp: `{}` is left behind, and not complete: {error}", self.path.display());
        }
    }
}
