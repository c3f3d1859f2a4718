//! Does the walk of a tree show everything below a directory once, and end whatever the tree looks like?

#[path = "support/scratch.rs"]
mod scratch;

use futures::stream::{FusedStream, StreamExt, TryStreamExt};
use handover::fs::{self, Walk};
use scratch::scratch;
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A directory with two others, files in each, and something below one of them.
fn tree(at: &str) -> PathBuf {
    let root = scratch(at);
    for directory in ["a", "a/deep", "a/deep/deeper", "b", "empty"] {
        std::fs::create_dir(root.join(directory)).expect("the tests' directory takes another one");
    }
    for file in ["top", "a/one", "a/deep/two", "a/deep/deeper/three", "b/four"] {
        std::fs::write(root.join(file), file).expect("the tests' directory takes another file");
    }
    root
}

/// The paths below `root`, in the order in which they come; none comes twice.
async fn paths(root: &Path, walk: Walk) -> io::Result<Vec<PathBuf>> {
    let paths: Vec<PathBuf> = walk.map_ok(|entry| entry.path().strip_prefix(root).expect("it is below").to_owned()).try_collect().await?;
    assert_eq!(paths.iter().collect::<BTreeSet<_>>().len(), paths.len(), "twice: {paths:?}");
    Ok(paths)
}

fn set(paths: &[&str]) -> BTreeSet<PathBuf> {
    paths.iter().map(PathBuf::from).collect()
}

#[handover::test]
async fn everything_below_is_seen_once_and_a_directory_before_what_is_in_it() -> io::Result<()> {
    let root = tree("walk-order");
    let seen = paths(&root, fs::walk(&root)).await?;
    let all = ["a", "a/deep", "a/deep/deeper", "b", "empty", "top", "a/one", "a/deep/two", "a/deep/deeper/three", "b/four"];
    assert_eq!(seen.iter().cloned().collect::<BTreeSet<_>>(), set(&all));
    let place = |path: &str| seen.iter().position(|seen| seen == Path::new(path)).expect("it was seen");
    for path in all {
        let parent = Path::new(path).parent().filter(|parent| !parent.as_os_str().is_empty());
        assert!(parent.is_none_or(|parent| place(parent.to_str().expect("a name of ours")) < place(path)), "{path} in {seen:?}");
    }
    // Depth first: nothing of `b` comes between two things below `a`.
    let below_a: Vec<_> = (0..seen.len()).filter(|&index| seen[index].starts_with("a") && seen[index] != Path::new("a")).collect();
    assert_eq!(below_a.last().expect("there is something") - below_a[0] + 1, below_a.len(), "{seen:?}");
    Ok(())
}

#[handover::test]
async fn it_goes_as_deep_as_it_is_told() -> io::Result<()> {
    let root = tree("walk-depth");
    let at = async |levels| io::Result::Ok(BTreeSet::from_iter(paths(&root, fs::walk(&root).max_depth(levels)).await?));
    assert_eq!(at(0).await?, set(&[]));
    assert_eq!(at(1).await?, set(&["a", "b", "empty", "top"]));
    assert_eq!(at(2).await?, set(&["a", "b", "empty", "top", "a/one", "a/deep", "b/four"]));
    assert_eq!(at(4).await?.len(), 10);
    Ok(())
}

#[handover::test]
async fn large_and_small_directories_end_where_they_end() -> io::Result<()> {
    for count in [0, 1, 31, 32, 33, 65, 1_000] {
        let root = scratch("walk-batches");
        for directory in ["first", "second"] {
            std::fs::create_dir(root.join(directory))?;
            (0..count).try_for_each(|index| std::fs::write(root.join(format!("{directory}/{index}")), ""))?;
        }
        let mut walk = fs::walk(&root);
        let mut seen = 0;
        while let Some(entry) = walk.next().await {
            entry?;
            seen += 1;
        }
        assert_eq!(seen, 2 + 2 * count);
        assert!(walk.is_terminated() && walk.next_entry().await?.is_none(), "it stays at its end");
    }
    Ok(())
}

#[handover::test]
async fn many_directories_without_entries_hide_nothing() -> io::Result<()> {
    let root = scratch("walk-empty");
    (0..500).try_for_each(|index| std::fs::create_dir_all(root.join(format!("{index:03}/below"))))?;
    std::fs::write(root.join("250/below/file"), "")?;
    let seen = paths(&root, fs::walk(&root)).await?;
    assert_eq!(seen.len(), 1_001);
    assert!(seen.contains(&PathBuf::from("250/below/file")));
    Ok(())
}

/// Deeper than this process may open descriptors if it kept each directory of the way open.
#[handover::test]
async fn a_deep_tree_needs_no_descriptor_for_each_level() -> io::Result<()> {
    const LEVELS: usize = 1_500;
    let root = scratch("walk-deep");
    let mut path = root.clone();
    for _ in 0..LEVELS {
        path.push("d");
        std::fs::create_dir(&path)?;
    }
    let (mut walk, mut open, mut seen) = (fs::walk(&root), 0, 0);
    while walk.next_entry().await?.is_some() {
        seen += 1;
        if seen % 100 == 0 {
            let links =
                std::fs::read_dir("/proc/self/fd")?.filter_map(Result::ok).filter_map(|entry| std::fs::read_link(entry.path()).ok());
            open = open.max(links.filter(|target| target.starts_with(root.canonicalize().expect("it is there"))).count());
        }
    }
    assert_eq!(seen, LEVELS);
    assert!((1..=2).contains(&open), "{open} directories are open");
    Ok(())
}

#[handover::test]
async fn links_are_entries_and_followed_if_that_is_wished() -> io::Result<()> {
    let root = tree("walk-links");
    let elsewhere = tree("walk-links-target");
    symlink(&elsewhere, root.join("link"))?;
    symlink("nowhere", root.join("dangling"))?;
    symlink("circle", root.join("circle"))?;

    let seen = paths(&root, fs::walk(&root)).await?;
    assert_eq!(seen.len(), 13, "links are not followed: {seen:?}");
    let seen = paths(&root, fs::walk(&root).follow_links(true)).await?;
    assert_eq!(seen.len(), 23, "{seen:?}");
    assert!(seen.contains(&PathBuf::from("link/a/deep/deeper/three")));
    // One that is given as the root is followed in any case, as `read_dir` does.
    assert_eq!(paths(&root.join("link"), fs::walk(root.join("link"))).await?.len(), 10);
    Ok(())
}

#[handover::test]
async fn a_link_to_where_it_lies_is_an_error_and_no_endless_walk() -> io::Result<()> {
    let root = tree("walk-loop");
    // To the root, to itself's directory, and to each other.
    symlink("../..", root.join("a/deep/up"))?;
    symlink(".", root.join("b/here"))?;
    std::fs::create_dir(root.join("c"))?;
    symlink("../empty", root.join("c/there"))?;
    symlink("../c", root.join("empty/back"))?;

    let (errors, entries): (Vec<_>, Vec<_>) = {
        let all: Vec<_> = fs::walk(&root).follow_links(true).collect().await;
        all.into_iter().partition(Result::is_err)
    };
    let mut said: Vec<_> = errors.into_iter().map(|error| error.expect_err("an error")).collect();
    said.sort_by_key(ToString::to_string);
    let expected = ["a/deep/up", "b/here", "c/there/back", "empty/back/there"];
    assert_eq!(said.len(), expected.len(), "{said:?}");
    for (error, path) in said.iter().zip(expected) {
        let loops = io::Error::from_raw_os_error(libc::ELOOP);
        assert_eq!(error.to_string(), format!("cannot read directory `{}`: {loops}", root.join(path).display()));
    }
    assert!(entries.len() > 10, "the others are still seen");
    Ok(())
}

#[handover::test]
async fn a_root_that_cannot_be_read_is_the_only_item() {
    let root = scratch("walk-no-root");
    std::fs::write(root.join("file"), "").expect("the directory takes a file");
    for (name, kind) in [("missing", ErrorKind::NotFound), ("file", ErrorKind::NotADirectory)] {
        let path = root.join(name);
        let mut walk = fs::walk(&path);
        let error = walk.next().await.expect("an item").expect_err("this is no directory");
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().starts_with(&format!("cannot read directory `{}`: ", path.display())), "{error}");
        assert!(walk.next().await.is_none() && walk.is_terminated());
    }
}

#[handover::test]
async fn a_directory_that_goes_meanwhile_costs_only_what_was_in_it() -> io::Result<()> {
    let root = scratch("walk-gone");
    for directory in 0..100 {
        std::fs::create_dir(root.join(directory.to_string()))?;
        std::fs::write(root.join(format!("{directory}/file")), "")?;
    }
    // Given a walk that knows the names of all directories, when some of them are removed ...
    let mut walk = fs::walk(&root);
    let mut first = Vec::new();
    for _ in 0..100 {
        first.push(walk.next_entry().await?.expect("there are a hundred").path());
    }
    first.retain(|path| path.is_dir());
    let gone: BTreeSet<_> = first.iter().take(10).cloned().collect();
    gone.iter().try_for_each(std::fs::remove_dir_all)?;

    // ... then each of these is an error with its path, and all others are walked.
    let (mut errors, mut files) = (0, 0);
    while let Some(item) = walk.next().await {
        match item {
            Ok(entry) => files += usize::from(entry.file_name() == "file"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::NotFound);
                assert!(gone.iter().any(|path| error.to_string().contains(&format!("`{}`", path.display()))), "{error}");
                errors += 1;
            }
        }
    }
    assert_eq!((files, errors), (90, 10));
    Ok(())
}

#[handover::test]
async fn nothing_is_read_before_it_is_asked_for() -> io::Result<()> {
    let root = scratch("walk-lazy");
    let walk = fs::walk(&root).max_depth(2);
    std::fs::write(root.join("late"), "")?;
    assert_eq!(paths(&root, walk).await?, [PathBuf::from("late")]);
    Ok(())
}

#[test]
fn a_tree_is_walked_outside_a_runtime() -> io::Result<()> {
    let root = tree("walk-outside");
    assert_eq!(futures::executor::block_on(paths(&root, fs::walk(&root)))?.len(), 10);
    Ok(())
}
