//! Files and directories that are open.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use handover::syscall::{Errno, fadvise64, fallocate, fstatfs, getdents64, readahead, sync_file_range, syncfs};

use crate::place::{assert_refused, file};
use crate::scratch::scratch;

covered! {
    fallocate: answers[takes_space_beyond_the_end_and_gives_it_back], refuses[takes_no_space_of_length_zero];
    sync_file_range: answers[writes_a_part_of_a_file_out], refuses[writes_no_pipe_out];
    syncfs: answers[writes_a_file_system_out], refuses[knows_no_file_system_without_a_file];
    fadvise64: answers[takes_every_advice], refuses[takes_no_advice_for_a_pipe];
    readahead: answers[reads_ahead], refuses[reads_no_pipe_ahead];
    getdents64: answers[lists_each_entry_of_a_directory_once], refuses[lists_no_file, has_no_room_for_an_entry];
    fstatfs: answers[knows_the_file_system_of_a_file], refuses[does_not_know_the_file_system_of_no_file];
}

/// A descriptor that no call takes for a file: it only names a place.
fn path_only() -> File {
    use std::os::unix::fs::OpenOptionsExt;
    File::options().read(true).custom_flags(libc::O_PATH).open(".").unwrap()
}

fn takes_space_beyond_the_end_and_gives_it_back() {
    use std::os::unix::fs::MetadataExt;
    let file = file("fallocate", b"one");
    fallocate(file.as_fd(), libc::FALLOC_FL_KEEP_SIZE, 0, 1 << 20).unwrap();
    let taken = file.metadata().unwrap();
    assert_eq!(taken.len(), 3);
    assert!(taken.blocks() * 512 >= 1 << 20, "{} blocks", taken.blocks());

    fallocate(file.as_fd(), 0, 0, 10).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 10);

    fallocate(file.as_fd(), libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE, 0, 1 << 20).unwrap();
    assert!(file.metadata().unwrap().blocks() < taken.blocks());
    assert_eq!(io::read_to_string(&file).unwrap(), "\0".repeat(10));
}

fn takes_no_space_of_length_zero() {
    assert_refused(fallocate(file("fallocate-nothing", b"").as_fd(), 0, 0, 0), Errno::EINVAL);
}

fn writes_a_part_of_a_file_out() {
    let file = file("sync_file_range", &[1; 10_000]);
    let flags = libc::SYNC_FILE_RANGE_WAIT_BEFORE | libc::SYNC_FILE_RANGE_WRITE | libc::SYNC_FILE_RANGE_WAIT_AFTER;
    sync_file_range(file.as_fd(), 4096, 0, flags).unwrap();
}

fn writes_no_pipe_out() {
    let (reader, _writer) = io::pipe().unwrap();
    assert_refused(sync_file_range(reader.as_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE), Errno::ESPIPE);
}

fn writes_a_file_system_out() {
    syncfs(file("syncfs", b"one").as_fd()).unwrap();
}

fn knows_no_file_system_without_a_file() {
    assert_refused(syncfs(path_only().as_fd()), Errno::EBADF);
}

fn takes_every_advice() {
    let file = file("fadvise", b"one two");
    let advices = [libc::POSIX_FADV_NORMAL, libc::POSIX_FADV_SEQUENTIAL, libc::POSIX_FADV_WILLNEED, libc::POSIX_FADV_DONTNEED];
    for advice in advices {
        fadvise64(file.as_fd(), 0, 0, advice).unwrap();
    }
    assert_refused(fadvise64(file.as_fd(), 0, 0, 99), Errno::EINVAL);
}

fn takes_no_advice_for_a_pipe() {
    let (reader, _writer) = io::pipe().unwrap();
    assert_refused(fadvise64(reader.as_fd(), 0, 0, libc::POSIX_FADV_NORMAL), Errno::ESPIPE);
}

fn reads_ahead() {
    readahead(file("readahead", &[1; 10_000]).as_fd(), 4096, 4096).unwrap();
}

fn reads_no_pipe_ahead() {
    let (reader, _writer) = io::pipe().unwrap();
    assert_refused(readahead(reader.as_fd(), 0, 1), Errno::EINVAL);
}

/// The names in a buffer of `linux_dirent64`: number, offset, length, kind, and a name with a zero behind it.
fn names(mut entries: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    while !entries.is_empty() {
        let len = usize::from(u16::from_ne_bytes([entries[16], entries[17]]));
        let name = std::ffi::CStr::from_bytes_until_nul(&entries[19..len]).unwrap();
        names.push(name.to_str().unwrap().to_owned());
        entries = &entries[len..];
    }
    names
}

fn lists_each_entry_of_a_directory_once() {
    let path = scratch("syscalls-getdents64");
    let made: BTreeSet<String> = (0..100).map(|number| format!("a rather long name, number {number}")).collect();
    for name in &made {
        File::create(path.join(name)).unwrap();
    }
    let directory = File::open(&path).unwrap();
    let (mut found, mut entries) = (Vec::new(), [0; 1024]);
    loop {
        let len = getdents64(directory.as_fd(), &mut entries).unwrap();
        if len == 0 {
            break;
        }
        found.extend(names(&entries[..len]));
    }
    assert_eq!(found.len(), 102);
    assert_eq!(found.into_iter().filter(|name| !name.starts_with('.')).collect::<BTreeSet<_>>(), made);
}

fn lists_no_file() {
    assert_refused(getdents64(file("getdents64-file", b"").as_fd(), &mut [0; 1024]), Errno::ENOTDIR);
}

fn has_no_room_for_an_entry() {
    assert_refused(getdents64(File::open("src").unwrap().as_fd(), &mut [0; 8]), Errno::EINVAL);
}

fn knows_the_file_system_of_a_file() {
    let status = fstatfs(file("fstatfs", b"").as_fd()).unwrap();
    assert!(status.f_bsize > 0 && status.f_blocks >= status.f_bfree, "{status:?}");
    let proc = fstatfs(File::open("/proc").unwrap().as_fd()).unwrap();
    assert_eq!(proc.f_type, libc::PROC_SUPER_MAGIC);
}

fn does_not_know_the_file_system_of_no_file() {
    // SAFETY: nothing is done with it but to be asked for, and there is no such descriptor.
    let nothing = unsafe { std::os::fd::BorrowedFd::borrow_raw(i32::MAX) };
    assert_refused(fstatfs(nothing), Errno::EBADF);
}
