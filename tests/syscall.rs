//! Do `syscall!` and `raw_syscall!` answer as the kernel does, and does `syscall!` leave the processor to others?

#[path = "support/watchdog.rs"]
mod watchdog;

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::time::Duration;

use futures::executor::block_on;
use handover::runtime::Builder;
use handover::syscall;
use handover::syscall::{Errno, raw_syscall};
use watchdog::Watchdog;

const NEVER: Duration = Duration::from_secs(20);

/// A file, through openat(2) relative to the working directory.
fn open_here(name: &std::ffi::CStr) -> Result<File, Errno> {
    // SAFETY: `name` outlives the call.
    let fd = unsafe { syscall!(libc::SYS_openat, libc::AT_FDCWD, name, libc::O_RDONLY | libc::O_CLOEXEC) }?;
    // SAFETY: the kernel has just made this descriptor for us and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd.try_into().expect("a descriptor is an int")) }.into())
}

/// Both macros, with the same arguments.
fn close(fd: i32) -> [Result<usize, Errno>; 2] {
    // SAFETY: only called with what is no descriptor.
    unsafe { [syscall!(libc::SYS_close, fd), raw_syscall!(libc::SYS_close, fd)] }
}

#[test]
fn a_call_without_arguments_answers() {
    // SAFETY: getpid(2) takes nothing.
    let pids = unsafe { [syscall!(libc::SYS_getpid), raw_syscall!(libc::SYS_getpid,)] };
    assert_eq!(pids, [Ok(std::process::id() as usize); 2]);
}

#[test]
fn a_negative_descriptor_is_handed_over_as_one() {
    // AT_FDCWD is -100: filled up with zeros it would be EBADF.
    let text = io::read_to_string(open_here(c"Cargo.toml").unwrap()).unwrap();
    assert_eq!(text, fs::read_to_string("Cargo.toml").unwrap());
}

#[test]
fn the_kernels_error_is_the_result() {
    assert_eq!(close(-1), [Err(Errno::EBADF); 2]);
    assert_eq!(open_here(c"there is no such file").unwrap_err(), Errno::ENOENT);
    // SAFETY: nothing is mapped at address 1, which the kernel finds out by itself.
    let refused = unsafe { raw_syscall!(libc::SYS_openat, libc::AT_FDCWD, 1usize, 0) };
    assert_eq!(refused, Err(Errno::EFAULT));
    // SAFETY: there is no such call.
    assert_eq!(unsafe { raw_syscall!(100_000) }, Err(Errno::ENOSYS));
}

#[test]
fn the_error_becomes_an_io_error_of_its_kind() {
    fn open() -> io::Result<File> {
        Ok(open_here(c"there is no such file")?)
    }
    assert_eq!(open().unwrap_err().kind(), io::ErrorKind::NotFound);
}

/// mmap(2) takes six; the last one, the offset, says which page it is.
#[test]
#[cfg(target_pointer_width = "64")]
fn six_arguments_arrive() {
    const PAGE: usize = 65_536;
    let mut file: File = {
        // SAFETY: the name outlives the call.
        let fd = unsafe { raw_syscall!(libc::SYS_memfd_create, c"two pages", libc::MFD_CLOEXEC) }.unwrap();
        // SAFETY: the kernel has just made this descriptor for us and nobody else knows it.
        unsafe { OwnedFd::from_raw_fd(fd.try_into().unwrap()) }.into()
    };
    file.write_all(&[vec![1u8; PAGE], vec![2u8; PAGE]].concat()).unwrap();
    for (offset, byte) in [(0, 1), (PAGE, 2)] {
        let nowhere = std::ptr::null_mut::<u8>();
        // SAFETY: a private mapping at an address of the kernel's choice takes nobody's memory.
        let map = unsafe { syscall!(libc::SYS_mmap, nowhere, PAGE, libc::PROT_READ, libc::MAP_PRIVATE, file.as_fd(), offset) }.unwrap();
        let map = std::ptr::with_exposed_provenance::<u8>(map);
        // SAFETY: PAGE bytes are mapped there, and stay so until below.
        assert_eq!(unsafe { map.read() }, byte);
        // SAFETY: the mapping is ours and nobody looks at it any more.
        assert_eq!(unsafe { raw_syscall!(libc::SYS_munmap, map, PAGE) }, Ok(0));
    }
}

/// prctl(2) refuses this call unless the four arguments behind the first are zero.
#[test]
fn arguments_that_are_not_given_are_zero() {
    // SAFETY: the call only answers.
    let answer = unsafe { raw_syscall!(libc::SYS_prctl, libc::PR_GET_NO_NEW_PRIVS) };
    assert!(matches!(answer, Ok(0 | 1)), "{answer:?}");
}

#[test]
fn a_raw_call_that_fails_leaves_errno_as_it_was() {
    // SAFETY: the calling thread's errno is a valid place as long as the thread lives.
    unsafe { *libc::__errno_location() = 4242 };
    // SAFETY: -1 is no descriptor.
    let refused = unsafe { raw_syscall!(libc::SYS_close, -1) };
    // SAFETY: as above.
    let errno = unsafe { *libc::__errno_location() };
    assert_eq!((refused, errno), (Err(Errno::EBADF), 4242));
}

#[test]
fn a_raw_call_in_a_declared_closure_is_a_declared_call() {
    let runtime = Builder::new().processors(1).build().unwrap();
    // SAFETY: getpid(2) takes nothing.
    let task = runtime.spawn(async { handover::blocking(|| unsafe { raw_syscall!(libc::SYS_getpid) }).await });
    assert_eq!(block_on(task).unwrap(), Ok(std::process::id() as usize));
}

/// Given one processor, and a task in read(2) of a pipe that only the task behind it fills; then that one runs, sees the call declared, and the read answers.
#[test]
fn a_read_of_an_empty_pipe_is_declared_and_holds_up_nobody() {
    let runtime = Builder::new().processors(1).build().unwrap();
    let _watchdog = Watchdog::start(NEVER, "a read of an empty pipe", Some(runtime.metrics()));
    let metrics = runtime.metrics();
    let reading = runtime.spawn(async move {
        let (reader, mut writer) = io::pipe().unwrap();
        // Behind this task on the only processor. Undeclared calls are no calls to the metrics.
        let writing = handover::spawn(async move {
            let calls_out = metrics.calls_out();
            writer.write_all(b"seven").unwrap();
            calls_out
        });
        let mut bytes = [0u8; 16];
        // SAFETY: read(2) writes at most as many bytes as `bytes` has.
        let read = unsafe { syscall!(libc::SYS_read, reader.as_fd(), bytes.as_mut_ptr(), bytes.len()) }.unwrap();
        (bytes[..read].to_vec(), writing.await.unwrap())
    });
    assert_eq!(block_on(reading).unwrap(), (b"seven".to_vec(), 1));
    assert_eq!(runtime.metrics().calls_out(), 0);
}
