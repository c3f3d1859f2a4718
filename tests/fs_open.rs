//! Is a file opened in the way that was asked for, and whose is its descriptor then?

#[path = "support/scratch.rs"]
mod scratch;

use futures::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, SeekFrom};
use handover::fs::{self, File, FileTimes, OpenOptions, Permissions};
use scratch::scratch;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, SystemTime};

#[handover::test]
async fn options_do_what_they_say() -> io::Result<()> {
    let path = scratch("options").join("file");
    let mut made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).await?;
    assert_eq!(made.metadata().await?.mode() & 0o777, 0o600);
    made.write_all(b"0123456789").await?;
    assert!(made.read(&mut [0]).await.is_err(), "it is open for writing");

    File::options().append(true).open(&path).await?.write_all(b"!").await?;
    File::options().write(true).open(&path).await?.write_all(b"ab").await?;
    assert_eq!(fs::read(&path).await?, b"ab23456789!");
    File::options().write(true).truncate(true).open(&path).await?;
    assert_eq!(fs::read(&path).await?, b"");

    let mut both = OpenOptions::from(std::fs::File::options().read(true).clone()).write(true).create(true).open(&path).await?;
    both.write_all(b"both").await?;
    both.seek(SeekFrom::Start(0)).await?;
    let mut text = String::new();
    both.read_to_string(&mut text).await?;
    assert_eq!(text, "both");
    Ok(())
}

#[handover::test]
async fn custom_flags_reach_the_system() -> io::Result<()> {
    let path = scratch("flags");
    fs::symlink("nowhere", path.join("link")).await?;
    let error = File::options().read(true).custom_flags(libc::O_NOFOLLOW).open(path.join("link")).await.expect_err("it is a link");
    let cause = error.get_ref().and_then(|error| error.source()).and_then(|cause| cause.downcast_ref::<io::Error>());
    assert_eq!(cause.and_then(io::Error::raw_os_error), Some(libc::ELOOP));
    Ok(())
}

#[handover::test]
async fn a_file_that_cannot_be_opened_is_an_error_that_names_it() -> io::Result<()> {
    let path = scratch("refused").join("file");
    let named = |action: &str| format!("cannot {action} `{}`: ", path.display());
    let error = File::options().open(&path).await.expect_err("neither read nor write");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().starts_with(&named("open")), "{error}");

    File::create_new(&path).await?;
    let error = File::create_new(&path).await.expect_err("it is there already");
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(error.to_string().starts_with(&named("create")), "{error}");
    Ok(())
}

#[handover::test]
async fn a_clone_shares_the_position_and_outlives_the_first() -> io::Result<()> {
    let path = scratch("clone").join("file");
    fs::write(&path, "0123456789").await?;
    let mut first = File::open(&path).await?;
    let mut second = first.try_clone().await?;
    let mut pair = [0; 2];
    first.read_exact(&mut pair).await?;
    drop(first);
    second.read_exact(&mut pair).await?;
    assert_eq!(&pair, b"23");
    Ok(())
}

#[handover::test]
async fn permissions_and_times_are_set_through_the_file() -> io::Result<()> {
    let path = scratch("through").join("file");
    let file = File::create_new(&path).await?;
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    file.set_times(FileTimes::new().set_modified(then)).await?;
    file.set_permissions(Permissions::from_mode(0o400)).await?;
    let metadata = fs::metadata(&path).await?;
    assert_eq!((metadata.modified()?, metadata.mode() & 0o777), (then, 0o400));
    Ok(())
}

#[handover::test]
async fn a_descriptor_comes_and_goes_without_being_closed() -> io::Result<()> {
    let path = scratch("descriptor").join("file");
    fs::write(&path, "0123456789").await?;
    let file = File::open(&path).await?;
    let number = file.as_raw_fd();
    let file = File::from(OwnedFd::from(file));
    let file = File::from(std::fs::File::from(file));
    let number_at_last = file.into_raw_fd();
    assert_eq!(number_at_last, number);
    // SAFETY: `into_raw_fd` gave it up just now, still open.
    let owned = unsafe { OwnedFd::from_raw_fd(number_at_last) };
    let mut byte = [0];
    File::from(owned).read_exact_at(&mut byte, 7).await?;
    assert_eq!(&byte, b"7");
    Ok(())
}
