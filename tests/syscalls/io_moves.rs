//! Moving bytes.

use std::io::{self, IoSlice, IoSliceMut, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;

use handover::syscall::{Errno, copy_file_range, fcntl_getfl, fcntl_setfl, preadv2, pwritev2, sendfile, splice, tee, vmsplice};

use crate::place::{assert_refused, file};
use crate::waiting::while_others_run;

covered! {
    preadv2: answers[reads_from_an_offset_into_each_buffer, reads_from_the_files_own_position], refuses[a_pipe_has_no_offset_to_read_from], waits[a_read_of_an_empty_pipe_waits];
    pwritev2: answers[writes_each_buffer_from_an_offset, appends_although_an_offset_is_given], refuses[a_pipe_has_no_offset_to_write_to], waits[a_write_to_a_full_pipe_waits];
    copy_file_range: answers[copies_between_offsets_and_moves_them_on, copies_between_the_files_own_positions], refuses[does_not_copy_a_pipe, does_not_copy_to_a_file_that_is_read];
    sendfile: answers[sends_a_file_from_an_offset], refuses[does_not_send_a_socket], waits[a_full_socket_makes_sendfile_wait];
    splice: answers[splices_a_file_into_a_pipe_and_out_again], refuses[splices_nothing_without_a_pipe, splices_nothing_of_an_empty_pipe_without_waiting], waits[an_empty_pipe_makes_splice_wait];
    tee: answers[doubles_what_is_in_a_pipe], refuses[doubles_no_file], waits[an_empty_pipe_makes_tee_wait];
    vmsplice: answers[puts_memory_into_a_pipe], refuses[puts_no_memory_into_a_file], waits[a_full_pipe_makes_vmsplice_wait];
}

/// A pipe that takes nothing more.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = io::pipe().unwrap();
    let flags = fcntl_getfl(writer.as_fd()).unwrap();
    fcntl_setfl(writer.as_fd(), flags | libc::O_NONBLOCK).unwrap();
    while writer.write(&[0; 4096]).is_ok() {}
    fcntl_setfl(writer.as_fd(), flags).unwrap();
    (reader, writer)
}

fn drain(mut reader: PipeReader) {
    let mut bytes = vec![0; 1 << 20];
    assert_ne!(reader.read(&mut bytes).unwrap(), 0);
    // Until the other end is closed: what is written now has room.
    std::thread::spawn(move || io::copy(&mut reader, &mut io::sink()));
}

fn reads_from_an_offset_into_each_buffer() {
    let file = file("preadv2", b"one two three");
    let (mut first, mut second) = ([0; 3], [0; 16]);
    let read = preadv2(file.as_fd(), &mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)], 4, libc::RWF_HIPRI);
    // HIPRI is a wish; what it is read with does not change what is read.
    assert_eq!(read.unwrap(), 9);
    assert_eq!((&first, &second[..6]), (b"two", &b" three"[..]));
}

fn reads_from_the_files_own_position() {
    let file = file("preadv2-position", b"one two");
    let mut bytes = [0; 4];
    for expected in [&b"one "[..], b"two"] {
        let read = preadv2(file.as_fd(), &mut [IoSliceMut::new(&mut bytes)], u64::MAX, 0).unwrap();
        assert_eq!(&bytes[..read], expected);
    }
}

fn a_pipe_has_no_offset_to_read_from() {
    let (reader, _writer) = io::pipe().unwrap();
    assert_refused(preadv2(reader.as_fd(), &mut [IoSliceMut::new(&mut [0; 4])], 0, 0), Errno::ESPIPE);
}

fn a_read_of_an_empty_pipe_waits() {
    let (reader, mut writer) = io::pipe().unwrap();
    let read = move || {
        let mut bytes = [0; 8];
        let read = preadv2(reader.as_fd(), &mut [IoSliceMut::new(&mut bytes)], u64::MAX, 0).unwrap();
        bytes[..read].to_vec()
    };
    assert_eq!(while_others_run(read, move || writer.write_all(b"seven").unwrap()), b"seven");
}

fn writes_each_buffer_from_an_offset() {
    let file = file("pwritev2", b"one two three");
    assert_eq!(pwritev2(file.as_fd(), &[IoSlice::new(b"TW"), IoSlice::new(b"O T")], 4, libc::RWF_DSYNC).unwrap(), 5);
    let mut bytes = [0; 13];
    file.read_exact_at(&mut bytes, 0).unwrap();
    assert_eq!(&bytes, b"one TWO Three");
}

fn appends_although_an_offset_is_given() {
    let file = file("pwritev2-append", b"one");
    assert_eq!(pwritev2(file.as_fd(), &[IoSlice::new(b" two")], 0, libc::RWF_APPEND).unwrap(), 4);
    assert_eq!(io::read_to_string(&file).unwrap(), "one two");
}

fn a_pipe_has_no_offset_to_write_to() {
    let (_reader, writer) = io::pipe().unwrap();
    assert_refused(pwritev2(writer.as_fd(), &[IoSlice::new(b"one")], 0, 0), Errno::ESPIPE);
}

fn a_write_to_a_full_pipe_waits() {
    let (reader, writer) = full_pipe();
    let write = move || pwritev2(writer.as_fd(), &[IoSlice::new(b"one")], u64::MAX, 0).unwrap();
    assert_eq!(while_others_run(write, move || drain(reader)), 3);
}

fn copies_between_offsets_and_moves_them_on() {
    let (from, to) = (file("copy-from", b"one two three"), file("copy-to", b"ONE TWO"));
    let (mut from_offset, mut to_offset) = (4, 2);
    let copied = copy_file_range(from.as_fd(), Some(&mut from_offset), to.as_fd(), Some(&mut to_offset), 3, 0).unwrap();
    assert_eq!((copied, from_offset, to_offset), (3, 7, 5));
    assert_eq!(io::read_to_string(&to).unwrap(), "ONtwoWO");
}

fn copies_between_the_files_own_positions() {
    let (mut from, to) = (file("copy-from-position", b"one two"), file("copy-to-position", b""));
    from.read_exact(&mut [0; 4]).unwrap();
    assert_eq!(copy_file_range(from.as_fd(), None, to.as_fd(), None, 100, 0).unwrap(), 3);
    assert_eq!(copy_file_range(from.as_fd(), None, to.as_fd(), None, 100, 0).unwrap(), 0);
    assert_eq!(io::read_to_string(file_again(&to)).unwrap(), "two");
}

/// The same file, from its start on.
fn file_again(file: &std::fs::File) -> std::fs::File {
    use std::os::fd::AsRawFd;
    std::fs::File::open(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap()
}

fn does_not_copy_a_pipe() {
    let (reader, _writer) = io::pipe().unwrap();
    let to = file("copy-to-of-pipe", b"");
    assert_refused(copy_file_range(reader.as_fd(), None, to.as_fd(), None, 1, 0), Errno::EINVAL);
}

fn does_not_copy_to_a_file_that_is_read() {
    let from = file("copy-to-read", b"one");
    let to = file_again(&file("copy-to-read-only", b""));
    assert_refused(copy_file_range(from.as_fd(), None, to.as_fd(), None, 3, 0), Errno::EBADF);
}

fn sends_a_file_from_an_offset() {
    let (from, (to, mut other)) = (file("sendfile", b"one two three"), UnixStream::pair().unwrap());
    let mut offset = 4;
    assert_eq!((sendfile(to.as_fd(), from.as_fd(), Some(&mut offset), 3).unwrap(), offset), (3, 7));
    assert_eq!(sendfile(to.as_fd(), from.as_fd(), None, 3).unwrap(), 3);
    let mut bytes = [0; 6];
    other.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"twoone");
}

fn does_not_send_a_socket() {
    let ((from, _other), to) = (UnixStream::pair().unwrap(), file("sendfile-to", b""));
    assert_refused(sendfile(to.as_fd(), from.as_fd(), None, 3), Errno::EINVAL);
}

fn a_full_socket_makes_sendfile_wait() {
    const LEN: usize = 8 << 20;
    let from = file("sendfile-large", &vec![7; LEN]);
    let (to, mut other) = UnixStream::pair().unwrap();
    let send = move || {
        let mut sent = 0;
        while sent < LEN {
            sent += sendfile(to.as_fd(), from.as_fd(), None, LEN - sent).unwrap();
        }
        sent
    };
    let receive = move || drop(std::thread::spawn(move || io::copy(&mut other, &mut io::sink()).unwrap()));
    assert_eq!(while_others_run(send, receive), LEN);
}

fn splices_a_file_into_a_pipe_and_out_again() {
    let (from, to, (reader, writer)) = (file("splice-from", b"one two three"), file("splice-to", b"ONE TWO"), io::pipe().unwrap());
    let (mut from_offset, mut to_offset) = (4, 2);
    assert_eq!(splice(from.as_fd(), Some(&mut from_offset), writer.as_fd(), None, 3, 0).unwrap(), 3);
    assert_eq!(splice(reader.as_fd(), None, to.as_fd(), Some(&mut to_offset), 100, 0).unwrap(), 3);
    assert_eq!((from_offset, to_offset), (7, 5));
    assert_eq!(io::read_to_string(&to).unwrap(), "ONtwoWO");
}

fn splices_nothing_without_a_pipe() {
    let (from, to) = (file("splice-no-pipe-from", b"one"), file("splice-no-pipe-to", b""));
    assert_refused(splice(from.as_fd(), None, to.as_fd(), None, 3, 0), Errno::EINVAL);
}

fn splices_nothing_of_an_empty_pipe_without_waiting() {
    let ((reader, _writer), to) = (io::pipe().unwrap(), file("splice-empty", b""));
    assert_refused(splice(reader.as_fd(), None, to.as_fd(), None, 3, libc::SPLICE_F_NONBLOCK), Errno::EAGAIN);
}

fn an_empty_pipe_makes_splice_wait() {
    let ((reader, mut writer), to) = (io::pipe().unwrap(), file("splice-waits", b""));
    let splice = move || splice(reader.as_fd(), None, to.as_fd(), None, 100, 0).unwrap();
    assert_eq!(while_others_run(splice, move || writer.write_all(b"seven").unwrap()), 5);
}

fn doubles_what_is_in_a_pipe() {
    let ((mut reader, mut writer), (mut copies, copy_to)) = (io::pipe().unwrap(), io::pipe().unwrap());
    writer.write_all(b"seven").unwrap();
    assert_eq!(tee(reader.as_fd(), copy_to.as_fd(), 100, 0).unwrap(), 5);
    for pipe in [&mut reader, &mut copies] {
        let mut bytes = [0; 5];
        pipe.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"seven");
    }
}

fn doubles_no_file() {
    let (from, (_reader, to)) = (file("tee", b"one"), io::pipe().unwrap());
    assert_refused(tee(from.as_fd(), to.as_fd(), 3, 0), Errno::EINVAL);
}

fn an_empty_pipe_makes_tee_wait() {
    let ((reader, mut writer), (copies, to)) = (io::pipe().unwrap(), io::pipe().unwrap());
    let double = move || (tee(reader.as_fd(), to.as_fd(), 100, 0).unwrap(), copies);
    assert_eq!(while_others_run(double, move || writer.write_all(b"seven").unwrap()).0, 5);
}

fn puts_memory_into_a_pipe() {
    let (mut reader, writer) = io::pipe().unwrap();
    // SAFETY: a pipe's writing end, and constants.
    assert_eq!(unsafe { vmsplice(writer.as_fd(), &[IoSlice::new(b"one "), IoSlice::new(b"two")], 0) }.unwrap(), 7);
    let mut bytes = [0; 7];
    reader.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"one two");
}

fn puts_no_memory_into_a_file() {
    let to: OwnedFd = file("vmsplice", b"").into();
    // SAFETY: no pipe at all, and a constant.
    assert_refused(unsafe { vmsplice(to.as_fd(), &[IoSlice::new(b"one")], 0) }, Errno::EBADF);
}

fn a_full_pipe_makes_vmsplice_wait() {
    let (reader, writer) = full_pipe();
    // SAFETY: a pipe's writing end, and a constant.
    let put = move || unsafe { vmsplice(writer.as_fd(), &[IoSlice::new(b"one")], 0) }.unwrap();
    assert_eq!(while_others_run(put, move || drain(reader)), 3);
}
