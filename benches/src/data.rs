//! Where are the files that workloads read and write?

use std::env;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

/// Size of a page as the workloads read it, in bytes.
pub(crate) const PAGE: usize = 4 << 10;
/// Pages of the file that is read: 64 MiB of them.
pub(crate) const PAGES: u64 = (64 << 20) / PAGE as u64;

/// The directory for data: `$HANDOVER_BENCH_DATA`, else one beside this program. It is made if it does not exist.
pub(crate) fn directory() -> io::Result<PathBuf> {
    let directory = match env::var_os("HANDOVER_BENCH_DATA") {
        Some(directory) => PathBuf::from(directory),
        None => env::current_exe()?.with_file_name("handover-benches-data"),
    };
    let naming = |error: io::Error| io::Error::new(error.kind(), format!("the data directory {}: {error}", directory.display()));
    fs::create_dir_all(&directory).map_err(naming)?;
    Ok(directory)
}

/// The file that is read, 64 MiB, each page stamped with its number (see [`stamp`]). It is written once and kept.
pub(crate) fn pages() -> io::Result<PathBuf> {
    let path = directory()?.join("pages");
    if fs::metadata(&path).map_or(0, |file| file.len()) != PAGES * PAGE as u64 {
        write_pages(&path)?;
    }
    Ok(path)
}

/// The same file, read once, so that it is in the page cache even where the kernel takes cold pages away.
pub(crate) fn cached_pages() -> io::Result<PathBuf> {
    let path = pages()?;
    io::copy(&mut File::open(&path)?, &mut io::sink())?;
    Ok(path)
}

/// Directories of the tree that is walked.
pub(crate) const TREE_DIRECTORIES: u64 = 100;
/// Files in each of them.
const TREE_FILES: u64 = 1_000;
/// Everything below the tree's root.
pub(crate) const TREE_ENTRIES: u64 = TREE_DIRECTORIES * (1 + TREE_FILES);

/// The tree that is walked. It is made once and kept.
pub(crate) fn tree() -> io::Result<PathBuf> {
    let directory = directory()?;
    let (tree, unfinished) = (directory.join("tree"), directory.join("tree-unfinished"));
    if !tree.exists() {
        // It gets its name when it is whole, and what an earlier process left half done stays in use.
        for directory in 0..TREE_DIRECTORIES {
            let directory = unfinished.join(format!("directory-{directory:03}"));
            fs::create_dir_all(&directory)?;
            (0..TREE_FILES).try_for_each(|file| File::create(directory.join(format!("file-{file:04}"))).map(drop))?;
        }
        fs::rename(unfinished, &tree)?;
    }
    Ok(tree)
}

fn write_pages(path: &PathBuf) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut page = vec![b'.'; PAGE];
    for number in 0..PAGES {
        page[..8].copy_from_slice(&number.to_le_bytes());
        file.write_all(&page)?;
    }
    file.into_inner()?.sync_all()
}

/// The number that a page bears.
///
/// # Panics
///
/// Panics if there are fewer than 8 bytes.
pub(crate) fn stamp(page: &[u8]) -> u64 {
    u64::from_le_bytes(*page.first_chunk().expect("a page has at least 8 bytes"))
}
