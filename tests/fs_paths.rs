//! Do names, links and directories do in a task what they do in a thread?

#[path = "support/scratch.rs"]
mod scratch;

use handover::fs::{self, DirBuilder, Permissions};
use scratch::scratch;
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

#[handover::test]
async fn a_file_is_copied_renamed_and_removed() -> io::Result<()> {
    let path = scratch("names");
    // Given a name that is not text ...
    let (odd, copy) = (path.join(OsStr::from_bytes(b"odd \xff\xfe")), path.join("copy"));
    fs::write(&odd, "content").await?;
    fs::set_permissions(&odd, Permissions::from_mode(0o640)).await?;
    // ... when the file is copied, then content and permissions are; ...
    assert_eq!(fs::copy(&odd, &copy).await?, 7);
    assert_eq!(fs::read(&copy).await?, b"content");
    assert_eq!(fs::metadata(&copy).await?.mode() & 0o777, 0o640);
    // ... renamed, it takes the place of what was there; ...
    fs::write(&copy, "another").await?;
    fs::rename(&odd, &copy).await?;
    assert!(!fs::try_exists(&odd).await?);
    assert_eq!(fs::read(&copy).await?, b"content");
    // ... removed, it is gone.
    fs::remove_file(&copy).await?;
    assert!(!fs::try_exists(&copy).await?);
    Ok(())
}

#[handover::test]
async fn links_lead_to_their_file() -> io::Result<()> {
    let path = scratch("links");
    let [original, hard, soft, dangling] = ["original", "hard", "soft", "dangling"].map(|name| path.join(name));
    fs::write(&original, "12345").await?;
    fs::hard_link(&original, &hard).await?;
    fs::symlink("original", &soft).await?;
    fs::symlink("nowhere", &dangling).await?;

    assert_eq!(fs::metadata(&hard).await?.ino(), fs::metadata(&original).await?.ino());
    assert_eq!(fs::metadata(&soft).await?.len(), 5);
    assert!(fs::symlink_metadata(&soft).await?.is_symlink());
    assert_eq!(fs::read_link(&soft).await?, Path::new("original"));
    assert_eq!(fs::canonicalize(&soft).await?, std::fs::canonicalize(&original)?);
    assert!(!fs::try_exists(&dangling).await?);
    assert_eq!(fs::canonicalize(&dangling).await.expect_err("it leads nowhere").kind(), ErrorKind::NotFound);
    Ok(())
}

#[handover::test]
async fn directories_are_made_and_removed() -> io::Result<()> {
    let path = scratch("directories");
    fs::create_dir(path.join("one")).await?;
    fs::create_dir_all(path.join("one/two/three")).await?;
    fs::create_dir_all(path.join("one/two/three")).await?;
    fs::remove_dir(path.join("one/two/three")).await?;

    // A link out of the tree is removed, what it leads to is not.
    fs::write(path.join("kept"), "").await?;
    fs::symlink(path.join("kept"), path.join("one/two/link")).await?;
    fs::symlink(&path, path.join("one/two/up")).await?;
    fs::remove_dir_all(path.join("one")).await?;
    assert!(!fs::try_exists(path.join("one")).await?);
    assert!(fs::try_exists(path.join("kept")).await?);
    Ok(())
}

#[handover::test]
async fn a_builder_makes_directories_with_its_mode() -> io::Result<()> {
    let path = scratch("builder");
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    assert_eq!(builder.create(path.join("a/b")).await.expect_err("`a` is missing").kind(), ErrorKind::NotFound);
    builder.recursive(true).create(path.join("a/b")).await?;
    for name in ["a", "a/b"] {
        assert_eq!(fs::metadata(path.join(name)).await?.mode() & 0o777, 0o700);
    }
    Ok(())
}

#[handover::test]
async fn an_error_of_one_path_names_it() -> io::Result<()> {
    let path = scratch("one-path");
    fs::create_dir_all(path.join("full/below")).await?;
    fs::write(path.join("file"), "").await?;
    let [missing, full, file, inside] = ["missing", "full", "file", "file/inside"].map(|name| path.join(name));
    let results = [
        ("read metadata of", &missing, fs::metadata(&missing).await.map(drop), ErrorKind::NotFound),
        ("read metadata of", &inside, fs::symlink_metadata(&inside).await.map(drop), ErrorKind::NotADirectory),
        ("set permissions of", &missing, fs::set_permissions(&missing, Permissions::from_mode(0o000)).await, ErrorKind::NotFound),
        ("look for", &inside, fs::try_exists(&inside).await.map(drop), ErrorKind::NotADirectory),
        ("create directory", &full, fs::create_dir(&full).await, ErrorKind::AlreadyExists),
        ("create directory", &inside, fs::create_dir_all(&inside).await, ErrorKind::NotADirectory),
        ("create directory", &file, DirBuilder::new().create(&file).await, ErrorKind::AlreadyExists),
        ("remove directory", &full, fs::remove_dir(&full).await, ErrorKind::DirectoryNotEmpty),
        ("remove directory", &file, fs::remove_dir(&file).await, ErrorKind::NotADirectory),
        ("remove directory", &missing, fs::remove_dir_all(&missing).await, ErrorKind::NotFound),
        ("remove", &full, fs::remove_file(&full).await, ErrorKind::IsADirectory),
        ("read link", &file, fs::read_link(&file).await.map(drop), ErrorKind::InvalidInput),
        ("resolve", &missing, fs::canonicalize(&missing).await.map(drop), ErrorKind::NotFound),
    ];
    for (action, path, result, kind) in results {
        let error = result.expect_err(action);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().starts_with(&format!("cannot {action} `{}`: ", path.display())), "{error}");
    }
    Ok(())
}

#[handover::test]
async fn an_error_of_two_paths_names_both_and_keeps_its_cause() -> io::Result<()> {
    let path = scratch("two-paths");
    fs::create_dir_all(path.join("full/below")).await?;
    fs::create_dir(path.join("empty")).await?;
    fs::write(path.join("file"), "").await?;
    let [missing, full, empty, file, new] = ["missing", "full", "empty", "file", "new"].map(|name| path.join(name));
    let results = [
        ("rename", &missing, "to", &new, fs::rename(&missing, &new).await, libc::ENOENT),
        ("rename", &empty, "to", &full, fs::rename(&empty, &full).await, libc::ENOTEMPTY),
        ("copy", &missing, "to", &new, fs::copy(&missing, &new).await.map(drop), libc::ENOENT),
        ("copy", &file, "to", &full, fs::copy(&file, &full).await.map(drop), libc::EISDIR),
        // Not even root may.
        ("hard-link", &empty, "as", &new, fs::hard_link(&empty, &new).await, libc::EPERM),
        ("symlink", &missing, "as", &file, fs::symlink(&missing, &file).await, libc::EEXIST),
    ];
    for (action, first, relation, second, result, code) in results {
        let error = result.expect_err(action);
        let system = io::Error::from_raw_os_error(code);
        let (first, second) = (first.display(), second.display());
        assert_eq!(error.to_string(), format!("cannot {action} `{first}` {relation} `{second}`: {system}"));
        assert_eq!(error.kind(), system.kind());
        let cause = error.get_ref().and_then(|error| error.source()).and_then(|cause| cause.downcast_ref::<io::Error>());
        assert_eq!(cause.and_then(io::Error::raw_os_error), Some(code));
    }
    assert!(!fs::try_exists(&new).await?);
    Ok(())
}

#[handover::test]
async fn what_is_forbidden_is_an_error_that_names_the_path() -> io::Result<()> {
    // SAFETY: geteuid(2) cannot fail and touches nothing.
    if unsafe { libc::geteuid() } == 0 {
        eprintln!("SKIPPED: nothing is forbidden to root");
        return Ok(());
    }
    let path = scratch("forbidden");
    fs::set_permissions(&path, Permissions::from_mode(0o500)).await?;
    let result = fs::write(path.join("file"), "").await;
    fs::set_permissions(&path, Permissions::from_mode(0o700)).await?;
    let error = result.expect_err("the directory cannot be written");
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("scratch-forbidden/file"), "{error}");
    Ok(())
}

#[handover::test]
async fn futures_that_are_never_polled_have_done_nothing() -> io::Result<()> {
    let path = scratch("not-polled");
    let (file, new) = (path.join("file"), path.join("new"));
    std::fs::write(&file, "")?;
    drop((fs::create_dir(&new), fs::create_dir_all(&new), DirBuilder::new().create(&new)));
    drop((fs::rename(&file, &new), fs::copy(&file, &new), fs::hard_link(&file, &new), fs::symlink(&file, &new)));
    drop((fs::remove_file(&file), fs::remove_dir_all(&path), fs::set_permissions(&file, Permissions::from_mode(0o000))));
    assert!(!new.exists());
    assert_ne!(std::fs::metadata(&file)?.mode() & 0o777, 0);
    Ok(())
}

#[handover::test(processors = 2)]
async fn many_tasks_make_the_same_directories() -> io::Result<()> {
    let path = scratch("same");
    let tasks: Vec<_> = (0..32)
        .map(|index| {
            let path = path.clone();
            handover::spawn(async move {
                let below = path.join("one/two/three/four");
                fs::create_dir_all(&below).await?;
                let (draft, file) = (below.join(format!("draft-{index}")), below.join("file"));
                fs::write(&draft, [index; 4096]).await?;
                fs::rename(&draft, &file).await?;
                fs::read(&file).await
            })
        })
        .collect();
    // Whoever replaced the file last: it is always a whole one.
    for task in tasks {
        let content = task.await.expect("a task does not panic")?;
        assert!(content.len() == 4096 && content.iter().all(|byte| *byte == content[0]));
    }
    Ok(())
}
