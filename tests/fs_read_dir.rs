//! Does the walk of a directory show every entry once, whatever happens to it meanwhile?

#[path = "support/scratch.rs"]
mod scratch;

use futures::stream::{FusedStream, StreamExt, TryStreamExt};
use handover::fs::{self, ReadDir};
use scratch::scratch;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Long enough that the system gives out a thousand of them in several pieces.
fn name(index: usize) -> OsString {
    format!("{index:0200}").into()
}

/// A directory with `count` files.
fn directory_of(count: usize, at: &str) -> PathBuf {
    let path = scratch(at);
    for index in 0..count {
        std::fs::write(path.join(name(index)), "").expect("the tests' directory takes another file");
    }
    path
}

/// All names that are still to come; none comes twice.
async fn names(mut directory: ReadDir) -> io::Result<BTreeSet<OsString>> {
    let mut names = BTreeSet::new();
    while let Some(entry) = directory.next_entry().await? {
        assert!(names.insert(entry.file_name()), "{entry:?} came twice");
    }
    Ok(names)
}

/// The descriptors by which this process has `path` open.
fn descriptors_of(path: &Path) -> Vec<RawFd> {
    let path = path.canonicalize().expect("it is there");
    let own = std::fs::read_dir("/proc/self/fd").expect("there is a /proc");
    own.map_while(Result::ok)
        .filter(|entry| std::fs::read_link(entry.path()).is_ok_and(|target| target == path))
        .map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok()).expect("a descriptor is a number"))
        .collect()
}

#[handover::test]
async fn a_thousand_entries_come_through_the_stream() -> io::Result<()> {
    let path = directory_of(1_000, "thousand");
    let entries: Vec<_> = fs::read_dir(&path).await?.try_collect().await?;
    assert_eq!(entries.len(), 1_000);
    let names: BTreeSet<_> = entries.iter().map(|entry| entry.file_name()).collect();
    assert_eq!(names, (0..1_000).map(name).collect());
    Ok(())
}

#[handover::test]
async fn whole_batches_and_odd_ones_end_where_the_directory_ends() -> io::Result<()> {
    for count in [0, 1, 31, 32, 33, 64, 65] {
        let mut directory = fs::read_dir(directory_of(count, "batches")).await?;
        let mut seen = 0;
        while let Some(entry) = directory.next().await {
            entry?;
            seen += 1;
        }
        assert_eq!(seen, count);
        // Then it stays at its end.
        assert!(directory.is_terminated());
        assert!(directory.next_entry().await?.is_none());
    }
    Ok(())
}

#[handover::test]
async fn an_entry_says_what_it_is() -> io::Result<()> {
    let path = scratch("entry");
    let odd = OsStr::from_bytes(b"not \xff utf-8");
    fs::write(path.join(odd), "12345").await?;
    fs::symlink(odd, path.join("link")).await?;
    fs::create_dir(path.join("below")).await?;

    let mut seen = 0;
    let mut directory = fs::read_dir(&path).await?;
    while let Some(entry) = directory.next_entry().await? {
        seen += 1;
        let (kind, metadata) = (entry.file_type().await?, entry.metadata().await?);
        assert_eq!(entry.path(), path.join(entry.file_name()));
        assert_eq!(metadata.ino(), std::fs::symlink_metadata(entry.path())?.ino());
        assert_eq!(entry.ino(), metadata.ino());
        match entry.file_name() {
            name if name == odd => assert!(kind.is_file() && metadata.len() == 5),
            name if name == "link" => assert!(kind.is_symlink() && metadata.is_symlink()),
            name if name == "below" => assert!(kind.is_dir() && metadata.is_dir()),
            other => panic!("nobody made {other:?}"),
        }
    }
    assert_eq!(seen, 3);
    Ok(())
}

#[handover::test]
async fn entries_removed_during_the_walk_do_not_hide_others() -> io::Result<()> {
    let path = directory_of(1_000, "removed");
    // Given a walk that has begun, when every second file is removed ...
    let mut directory = fs::read_dir(&path).await?;
    let first = directory.next_entry().await?.expect("there are a thousand");
    for index in (0..1_000).step_by(2) {
        fs::remove_file(path.join(name(index))).await?;
    }

    // ... then all others are seen, and those that were read before say that they are gone.
    let mut seen = BTreeSet::from([first.file_name()]);
    while let Some(entry) = directory.next_entry().await? {
        assert!(seen.insert(entry.file_name()), "{entry:?} came twice");
        if let Err(error) = entry.metadata().await {
            assert_eq!(error.kind(), ErrorKind::NotFound);
            let start = format!("cannot read metadata of `{}`: ", entry.path().display());
            assert!(error.to_string().starts_with(&start), "{error}");
        }
    }
    assert!((1..1_000).step_by(2).all(|index| seen.contains(&name(index))));
    assert_eq!(names(fs::read_dir(&path).await?).await?.len(), 500);
    Ok(())
}

#[handover::test]
async fn each_entry_can_be_removed_as_it_is_seen() -> io::Result<()> {
    let path = directory_of(300, "emptied");
    let mut directory = fs::read_dir(&path).await?;
    while let Some(entry) = directory.next_entry().await? {
        fs::remove_file(entry.path()).await?;
    }
    fs::remove_dir(&path).await
}

#[handover::test]
async fn an_entry_is_found_though_its_directory_moved() -> io::Result<()> {
    let path = scratch("moved");
    fs::create_dir(path.join("old")).await?;
    fs::write(path.join("old/file"), "12345").await?;
    let entry = fs::read_dir(path.join("old")).await?.next_entry().await?.expect("there is a file");
    fs::rename(path.join("old"), path.join("new")).await?;
    assert_eq!(entry.metadata().await?.len(), 5);
    Ok(())
}

#[handover::test]
async fn an_error_comes_after_the_entries_before_it_and_is_the_last() -> io::Result<()> {
    let path = directory_of(1_000, "broken");
    let mut directory = fs::read_dir(&path).await?;
    // Given a walk whose descriptor stops being a directory ...
    let [descriptor] = descriptors_of(&path)[..] else { panic!("it should be open once") };
    let null = std::fs::File::open("/dev/null")?;
    // SAFETY: only `directory` uses this descriptor, and it stays open, as something else.
    assert_eq!(unsafe { libc::dup2(null.as_raw_fd(), descriptor) }, descriptor, "{}", io::Error::last_os_error());

    // ... when it goes on, then what was read before comes first ...
    let mut before = BTreeSet::new();
    let error = loop {
        match directory.next().await {
            Some(Ok(entry)) => assert!(before.insert(entry.file_name())),
            Some(Err(error)) => break error,
            None => panic!("the error is lost"),
        }
    };
    assert!((32..1_000).contains(&before.len()), "{} entries", before.len());
    // ... the error names the directory, and nothing follows it.
    assert_eq!(error.kind(), ErrorKind::NotADirectory);
    assert!(error.to_string().starts_with(&format!("cannot read directory `{}`: ", path.display())), "{error}");
    assert!(directory.next().await.is_none());
    assert!(directory.is_terminated());
    Ok(())
}

#[handover::test]
async fn it_is_closed_at_its_end_or_with_the_last_that_needs_it() -> io::Result<()> {
    let path = directory_of(40, "closed");
    let mut directory = fs::read_dir(&path).await?;
    let entry = directory.next_entry().await?;
    drop(directory);
    assert_eq!(descriptors_of(&path).len(), 1, "its entries can still be asked");
    drop(entry);
    assert_eq!(descriptors_of(&path).len(), 0);

    let mut directory = fs::read_dir(&path).await?;
    while directory.next_entry().await?.is_some() {}
    assert_eq!(descriptors_of(&path).len(), 0);
    Ok(())
}

#[handover::test]
async fn what_is_no_directory_cannot_be_read() {
    let path = scratch("no-directory");
    std::fs::write(path.join("file"), "").expect("the directory takes a file");
    for (name, kind) in [("missing", ErrorKind::NotFound), ("file", ErrorKind::NotADirectory)] {
        let path = path.join(name);
        let error = fs::read_dir(&path).await.expect_err("this is no directory");
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().starts_with(&format!("cannot read directory `{}`: ", path.display())), "{error}");
    }
}

#[handover::test(processors = 2)]
async fn many_tasks_walk_one_directory_and_one_walk_moves_between_tasks() -> io::Result<()> {
    let path = directory_of(200, "tasks");
    let walks: Vec<_> = (0..16)
        .map(|_| {
            let path = path.clone();
            handover::spawn(async move {
                let mut directory = fs::read_dir(path).await?;
                let first = directory.next_entry().await?.map(|entry| entry.file_name());
                let mut seen = handover::spawn(names(directory)).await.expect("a walk does not panic")?;
                seen.extend(first);
                io::Result::Ok(seen.len())
            })
        })
        .collect();
    for walk in walks {
        assert_eq!(walk.await.expect("a walk does not panic")?, 200);
    }
    Ok(())
}

#[test]
fn a_directory_is_read_outside_a_runtime() -> io::Result<()> {
    let path = directory_of(100, "outside");
    let seen = futures::executor::block_on(async { names(fs::read_dir(&path).await?).await })?;
    assert_eq!(seen.len(), 100);
    Ok(())
}
