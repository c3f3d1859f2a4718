//! Paths.

use std::ffi::CStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use handover::syscall::{
    CWD, Errno, FileHandle, faccessat2, linkat, mkfifoat, mknodat, name_to_handle_at, open_by_handle_at, open_how, openat2, renameat2,
    statfs, statx, utimensat,
};

use crate::place::{assert_refused, skipped};
use crate::scratch::scratch;
use crate::waiting::while_others_run;

covered! {
    openat2: answers[opens_beneath_a_directory_only], refuses[opens_nothing_outside, opens_no_fifo_without_a_reader], waits[a_fifo_without_a_writer_waits];
    statx: answers[tells_when_a_file_was_made, asks_a_descriptor_itself], refuses[tells_nothing_of_what_is_not_there];
    statfs: answers[knows_the_file_system_of_a_path], refuses[knows_no_file_system_of_no_path];
    renameat2: answers[swaps_two_files], refuses[replaces_nothing_if_told_so];
    mknodat: answers[makes_a_file_without_opening_it], refuses[makes_no_file_twice];
    mkfifoat: answers[makes_a_fifo], refuses[makes_no_fifo_twice];
    linkat: answers[names_a_file_that_had_no_name], refuses[links_nothing_that_is_not_there];
    utimensat: answers[sets_both_times, leaves_one_time_alone], refuses[sets_no_time_of_more_than_a_second_of_nanoseconds];
    faccessat2: answers[says_what_may_be_done], refuses[says_what_may_not_be_done];
    name_to_handle_at: answers[gives_a_handle], refuses[has_no_room_for_a_handle];
    open_by_handle_at: answers[finds_a_file_that_was_renamed], refuses[finds_nothing_by_no_handle];
}

/// A directory with a file "one" in it.
fn place(name: &str) -> (PathBuf, File) {
    let path = scratch(&format!("syscalls-{name}"));
    fs::write(path.join("one"), "1").unwrap();
    let directory = File::open(&path).unwrap();
    (path, directory)
}

fn opens_beneath_a_directory_only() {
    let (_, directory) = place("openat2");
    let how = open_how(libc::O_CREAT | libc::O_RDWR | libc::O_CLOEXEC, 0o600, libc::RESOLVE_BENEATH);
    let mut file = File::from(openat2(directory.as_fd(), c"new", &how).unwrap());
    file.write_all(b"two").unwrap();
    assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);

    let how = open_how(libc::O_RDONLY | libc::O_CLOEXEC, 0, libc::RESOLVE_BENEATH);
    assert_eq!(io::read_to_string(File::from(openat2(directory.as_fd(), c"one", &how).unwrap())).unwrap(), "1");
}

fn opens_nothing_outside() {
    let (_, directory) = place("openat2-outside");
    let how = open_how(libc::O_RDONLY | libc::O_CLOEXEC, 0, libc::RESOLVE_BENEATH);
    assert_refused(openat2(directory.as_fd(), c"../..", &how), Errno::EXDEV);
    assert_refused(openat2(directory.as_fd(), c"three", &how), Errno::ENOENT);
    assert_refused(openat2(directory.as_fd(), c"one", &open_how(0, 0o600, 0)), Errno::EINVAL);
}

fn opens_no_fifo_without_a_reader() {
    let (_, directory) = place("openat2-fifo-nonblocking");
    mkfifoat(directory.as_fd(), c"fifo", 0o600).unwrap();
    let how = open_how(libc::O_WRONLY | libc::O_NONBLOCK | libc::O_CLOEXEC, 0, 0);
    assert_refused(openat2(directory.as_fd(), c"fifo", &how), Errno::ENXIO);
}

fn a_fifo_without_a_writer_waits() {
    let (path, directory) = place("openat2-fifo");
    mkfifoat(directory.as_fd(), c"fifo", 0o600).unwrap();
    let open = move || File::from(openat2(directory.as_fd(), c"fifo", &open_how(libc::O_RDONLY | libc::O_CLOEXEC, 0, 0)).unwrap());
    let write = move || fs::write(path.join("fifo"), "seven").unwrap();
    assert_eq!(io::read_to_string(while_others_run(open, write)).unwrap(), "seven");
}

fn tells_when_a_file_was_made() {
    let (_, directory) = place("statx");
    let status = statx(directory.as_fd(), c"one", libc::AT_SYMLINK_NOFOLLOW, libc::STATX_BASIC_STATS | libc::STATX_BTIME).unwrap();
    assert_eq!((status.stx_size, u32::from(status.stx_mode) & libc::S_IFMT), (1, libc::S_IFREG));
    assert_eq!(status.stx_mask & libc::STATX_BASIC_STATS, libc::STATX_BASIC_STATS);
}

fn asks_a_descriptor_itself() {
    let (path, directory) = place("statx-itself");
    let status = statx(directory.as_fd(), c"", libc::AT_EMPTY_PATH, libc::STATX_INO).unwrap();
    assert_eq!(status.stx_ino, path.metadata().unwrap().ino());
    let relative = statx(CWD, c"Cargo.toml", 0, libc::STATX_INO).unwrap();
    assert_eq!(relative.stx_ino, Path::new("Cargo.toml").metadata().unwrap().ino());
}

fn tells_nothing_of_what_is_not_there() {
    assert_refused(statx(CWD, c"there is no such file", 0, libc::STATX_SIZE), Errno::ENOENT);
}

fn knows_the_file_system_of_a_path() {
    assert_eq!(statfs(c"/proc/self").unwrap().f_type, libc::PROC_SUPER_MAGIC);
}

fn knows_no_file_system_of_no_path() {
    assert_refused(statfs(c"there is no such file"), Errno::ENOENT);
}

fn swaps_two_files() {
    let (path, directory) = place("renameat2");
    fs::write(path.join("two"), "2").unwrap();
    renameat2(directory.as_fd(), c"one", directory.as_fd(), c"two", libc::RENAME_EXCHANGE).unwrap();
    assert_eq!((fs::read(path.join("one")).unwrap(), fs::read(path.join("two")).unwrap()), (b"2".to_vec(), b"1".to_vec()));
}

fn replaces_nothing_if_told_so() {
    let (path, directory) = place("renameat2-noreplace");
    fs::write(path.join("two"), "2").unwrap();
    assert_refused(renameat2(directory.as_fd(), c"one", directory.as_fd(), c"two", libc::RENAME_NOREPLACE), Errno::EEXIST);
    assert_eq!(fs::read(path.join("two")).unwrap(), b"2");
}

fn makes_a_file_without_opening_it() {
    let (path, directory) = place("mknodat");
    mknodat(directory.as_fd(), c"socket", libc::S_IFSOCK | 0o600, 0).unwrap();
    mknodat(directory.as_fd(), c"file", libc::S_IFREG | 0o600, 0).unwrap();
    assert!(path.join("socket").metadata().unwrap().file_type().is_socket());
    assert_eq!(path.join("file").metadata().unwrap().mode(), libc::S_IFREG | 0o600);
}

fn makes_no_file_twice() {
    let (_, directory) = place("mknodat-twice");
    assert_refused(mknodat(directory.as_fd(), c"one", libc::S_IFREG | 0o600, 0), Errno::EEXIST);
}

fn makes_a_fifo() {
    let (path, directory) = place("mkfifoat");
    mkfifoat(directory.as_fd(), c"fifo", 0o640).unwrap();
    // What makes a file of another kind is no permission.
    mkfifoat(directory.as_fd(), c"second", libc::S_IFREG | 0o600).unwrap();
    let [fifo, second] = ["fifo", "second"].map(|name| path.join(name).metadata().unwrap());
    assert!(fifo.file_type().is_fifo() && second.file_type().is_fifo());
}

fn makes_no_fifo_twice() {
    let (_, directory) = place("mkfifoat-twice");
    assert_refused(mkfifoat(directory.as_fd(), c"one", 0o600), Errno::EEXIST);
}

/// A file with "seven" in it that has no name.
fn nameless(directory: &Path) -> File {
    let mut file = File::options().write(true).custom_flags(libc::O_TMPFILE).open(directory).unwrap();
    file.write_all(b"seven").unwrap();
    file
}

fn names_a_file_that_had_no_name() {
    let (path, directory) = place("linkat");
    let file = nameless(&path);
    match linkat(file.as_fd(), c"", directory.as_fd(), c"named", libc::AT_EMPTY_PATH) {
        Ok(()) => assert_eq!(fs::read(path.join("named")).unwrap(), b"seven"),
        // What a process without CAP_DAC_READ_SEARCH is told.
        refused => {
            assert_refused(refused, Errno::ENOENT);
            skipped("linkat with AT_EMPTY_PATH needs CAP_DAC_READ_SEARCH");
        }
    }
    linkat(directory.as_fd(), c"one", directory.as_fd(), c"another", 0).unwrap();
    assert_eq!(path.join("another").metadata().unwrap().nlink(), 2);
}

fn links_nothing_that_is_not_there() {
    let (_, directory) = place("linkat-nothing");
    assert_refused(linkat(directory.as_fd(), c"two", directory.as_fd(), c"three", 0), Errno::ENOENT);
    assert_refused(linkat(directory.as_fd(), c"one", directory.as_fd(), c"one", 0), Errno::EEXIST);
}

fn at(seconds: i64, nanoseconds: i64) -> libc::timespec {
    libc::timespec { tv_sec: seconds, tv_nsec: nanoseconds }
}

fn sets_both_times() {
    let (path, directory) = place("utimensat");
    utimensat(directory.as_fd(), Some(c"one"), Some(&[at(1_000, 1), at(2_000, 2)]), 0).unwrap();
    let file = path.join("one").metadata().unwrap();
    assert_eq!((file.atime(), file.atime_nsec(), file.mtime(), file.mtime_nsec()), (1_000, 1, 2_000, 2));

    utimensat(directory.as_fd(), Some(c"one"), None, 0).unwrap();
    assert!(path.join("one").metadata().unwrap().mtime() > 1_000_000_000, "it is not now");
}

fn leaves_one_time_alone() {
    let (path, _directory) = place("utimensat-one");
    let file = File::open(path.join("one")).unwrap();
    utimensat(file.as_fd(), None, Some(&[at(1_000, 0), at(2_000, 0)]), 0).unwrap();
    utimensat(file.as_fd(), None, Some(&[at(0, libc::UTIME_OMIT), at(3_000, 0)]), 0).unwrap();
    let metadata = file.metadata().unwrap();
    assert_eq!((metadata.atime(), metadata.mtime()), (1_000, 3_000));
}

fn sets_no_time_of_more_than_a_second_of_nanoseconds() {
    let (_, directory) = place("utimensat-bad");
    assert_refused(utimensat(directory.as_fd(), Some(c"one"), Some(&[at(0, 1_000_000_000), at(0, 0)]), 0), Errno::EINVAL);
}

fn says_what_may_be_done() {
    let (_, directory) = place("faccessat2");
    faccessat2(directory.as_fd(), c"one", libc::R_OK | libc::W_OK, libc::AT_EACCESS).unwrap();
    faccessat2(directory.as_fd(), c"", libc::X_OK, libc::AT_EMPTY_PATH).unwrap();
}

fn says_what_may_not_be_done() {
    let (path, directory) = place("faccessat2-not");
    fs::set_permissions(path.join("one"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    // Nobody may execute what nobody may execute, not even root.
    assert_refused(faccessat2(directory.as_fd(), c"one", libc::X_OK, 0), Errno::EACCES);
    assert_refused(faccessat2(directory.as_fd(), c"two", libc::F_OK, 0), Errno::ENOENT);
}

fn handle_of(directory: &File, path: &CStr) -> FileHandle {
    let (mut handle, mut mount_id) = (FileHandle::new(), 0);
    name_to_handle_at(directory.as_fd(), path, &mut handle, &mut mount_id, 0).unwrap();
    assert_ne!(mount_id, 0);
    handle
}

fn gives_a_handle() {
    let (path, directory) = place("name_to_handle_at");
    fs::hard_link(path.join("one"), path.join("again")).unwrap();
    let [one, again] = [c"one", c"again"].map(|name| handle_of(&directory, name));
    assert!((1..=128).contains(&one.handle_bytes), "{one:?}");
    assert_eq!((one.handle_bytes, one.handle_type, one.bytes), (again.handle_bytes, again.handle_type, again.bytes));
}

fn has_no_room_for_a_handle() {
    let (_, directory) = place("name_to_handle_at-room");
    let (mut handle, mut mount_id) = (FileHandle { handle_bytes: 0, ..FileHandle::new() }, 0);
    assert_refused(name_to_handle_at(directory.as_fd(), c"one", &mut handle, &mut mount_id, 0), Errno::EOVERFLOW);
    assert_ne!(handle.handle_bytes, 0);
    // More than the kernel ever writes, and more than there is room for here.
    handle.handle_bytes = 129;
    assert_refused(name_to_handle_at(directory.as_fd(), c"one", &mut handle, &mut mount_id, 0), Errno::EINVAL);
}

fn finds_a_file_that_was_renamed() {
    let (path, directory) = place("open_by_handle_at");
    let handle = handle_of(&directory, c"one");
    fs::rename(path.join("one"), path.join("two")).unwrap();
    match open_by_handle_at(directory.as_fd(), &handle, libc::O_RDONLY | libc::O_CLOEXEC) {
        Ok(file) => assert_eq!(io::read_to_string(File::from(file)).unwrap(), "1"),
        refused => {
            assert_refused(refused, Errno::EPERM);
            skipped("open_by_handle_at needs CAP_DAC_READ_SEARCH");
        }
    }
}

fn finds_nothing_by_no_handle() {
    let (_, directory) = place("open_by_handle_at-nothing");
    let handle = FileHandle { handle_bytes: 0, ..handle_of(&directory, c"one") };
    let refused = open_by_handle_at(directory.as_fd(), &handle, libc::O_RDONLY).unwrap_err();
    assert!([Some(Errno::EINVAL), Some(Errno::EPERM)].contains(&Errno::of(&refused)), "{refused}");
}
