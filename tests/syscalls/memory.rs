//! Memory.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

use handover::syscall::{
    Errno, fcntl_add_seals, fcntl_get_seals, fcntl_getfd, madvise, membarrier, memfd_create, mlock, msync, munlock, page_size,
};

use crate::place::{assert_refused, file, skipped};

covered! {
    memfd_create: answers[makes_a_file_of_memory], refuses[makes_no_file_of_a_long_name];
    fcntl_add_seals: answers[seals_a_file_against_growing], refuses[seals_no_file_that_was_not_made_for_it];
    fcntl_get_seals: answers[knows_the_seals], refuses[knows_no_seals_of_a_file];
    mlock: answers[keeps_memory_in], refuses[keeps_no_memory_that_is_gone];
    munlock: answers[lets_memory_go];
    msync: answers[writes_a_mapping_back], refuses[writes_back_from_the_start_of_a_page_only];
    madvise: answers[throws_memory_away], refuses[takes_advice_from_the_start_of_a_page_only];
    membarrier: answers[knows_its_commands], refuses[knows_no_other_command];
}

/// Whole pages of a file, mapped and shared.
struct Map {
    start: *mut u8,
    len: usize,
}

impl Map {
    fn of(file: &File, pages: usize) -> Self {
        let len = pages * page_size();
        file.set_len(len as u64).unwrap();
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a mapping at an address of the kernel's choice takes nobody's memory.
        let map = unsafe { handover::syscall!(libc::SYS_mmap, std::ptr::null_mut::<u8>(), len, prot, libc::MAP_SHARED, file.as_fd(), 0) };
        Self { start: std::ptr::with_exposed_provenance_mut(map.unwrap()), len }
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: as many bytes are mapped, and the mapping is borrowed. Nobody else writes the file.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len) }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: it is ours and nobody looks at it any more.
        unsafe { handover::raw_syscall!(libc::SYS_munmap, self.start, self.len) }.unwrap();
    }
}

fn memory(flags: u32) -> File {
    memfd_create(c"syscalls", libc::MFD_CLOEXEC | flags).unwrap().into()
}

fn makes_a_file_of_memory() {
    let mut file = memory(0);
    file.write_all(b"seven").unwrap();
    assert_eq!((file.metadata().unwrap().len(), fcntl_getfd(file.as_fd()).unwrap()), (5, libc::FD_CLOEXEC));
}

fn makes_no_file_of_a_long_name() {
    let name = std::ffi::CString::new("x".repeat(300)).unwrap();
    assert_refused(memfd_create(&name, 0), Errno::EINVAL);
}

fn seals_a_file_against_growing() {
    let mut file = memory(libc::MFD_ALLOW_SEALING);
    file.write_all(b"seven").unwrap();
    fcntl_add_seals(file.as_fd(), libc::F_SEAL_GROW).unwrap();
    assert_eq!(file.write(b"more").unwrap_err().raw_os_error(), Some(libc::EPERM));
}

fn seals_no_file_that_was_not_made_for_it() {
    assert_refused(fcntl_add_seals(memory(0).as_fd(), libc::F_SEAL_GROW), Errno::EPERM);
}

fn knows_the_seals() {
    assert_eq!(fcntl_get_seals(memory(libc::MFD_ALLOW_SEALING).as_fd()).unwrap(), 0);
    assert_eq!(fcntl_get_seals(memory(0).as_fd()).unwrap(), libc::F_SEAL_SEAL);
}

fn knows_no_seals_of_a_file() {
    let (reader, _writer) = io::pipe().unwrap();
    assert_refused(fcntl_get_seals(reader.as_fd()), Errno::EINVAL);
}

/// How many KiB of this process's memory are locked.
fn locked() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmLck:")).expect("proc(5) has it");
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn keeps_memory_in() {
    let file = memory(0);
    let mut map = Map::of(&file, 1);
    mlock(map.bytes()).unwrap();
    assert!(locked() >= page_size() as u64 / 1024);
    munlock(map.bytes()).unwrap();
}

/// The file has been cut off behind the mapping: there is nothing to bring in.
fn keeps_no_memory_that_is_gone() {
    let file = memory(0);
    let mut map = Map::of(&file, 1);
    file.set_len(0).unwrap();
    // Nobody looks at the bytes, which would end in SIGBUS.
    assert_refused(mlock(map.bytes()), Errno::ENOMEM);
}

/// Other tests of this process lock a page for a moment; these are more than all of theirs.
fn lets_memory_go() {
    const PAGES: usize = 64;
    let file = memory(0);
    let mut map = Map::of(&file, PAGES);
    let kib = (PAGES * page_size() / 1024) as u64;
    if let Err(error) = mlock(map.bytes()) {
        assert_refused::<()>(Err(error), Errno::ENOMEM);
        return skipped("RLIMIT_MEMLOCK is too low");
    }
    assert!(locked() >= kib);
    munlock(map.bytes()).unwrap();
    assert!(locked() < kib);
}

fn writes_a_mapping_back() {
    let file = file("msync", b"");
    let mut map = Map::of(&file, 1);
    map.bytes()[..5].copy_from_slice(b"seven");
    msync(map.bytes(), libc::MS_SYNC).unwrap();
    assert_eq!(&std::io::read_to_string(&file).unwrap()[..5], "seven");
}

fn writes_back_from_the_start_of_a_page_only() {
    let file = memory(0);
    let mut map = Map::of(&file, 1);
    assert_refused(msync(&map.bytes()[1..], libc::MS_SYNC), Errno::EINVAL);
    assert_refused(msync(map.bytes(), libc::MS_SYNC | libc::MS_ASYNC), Errno::EINVAL);
}

fn throws_memory_away() {
    let file = memory(0);
    let mut map = Map::of(&file, 2);
    map.bytes().fill(7);
    // SAFETY: the mapping is ours, and nobody looks at it meanwhile.
    unsafe { madvise(map.start, page_size(), libc::MADV_REMOVE) }.unwrap();
    assert_eq!((map.bytes()[0], map.bytes()[page_size()]), (0, 7));
}

fn takes_advice_from_the_start_of_a_page_only() {
    let file = memory(0);
    let map = Map::of(&file, 1);
    // SAFETY: as above.
    assert_refused(unsafe { madvise(map.start.wrapping_add(1), 1, libc::MADV_NORMAL) }, Errno::EINVAL);
}

fn knows_its_commands() {
    match membarrier(libc::MEMBARRIER_CMD_QUERY, 0, 0) {
        Ok(commands) => assert_ne!(commands & libc::MEMBARRIER_CMD_GLOBAL, 0),
        refused => assert_refused(refused, Errno::ENOSYS),
    }
}

fn knows_no_other_command() {
    assert_refused(membarrier(1 << 30, 0, 0), Errno::EINVAL);
}
