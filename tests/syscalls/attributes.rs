//! Extended attributes.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsFd;

use handover::syscall::{Errno, fgetxattr, flistxattr, fremovexattr, fsetxattr, getxattr, listxattr, removexattr, setxattr};

use crate::place::{assert_refused, c};
use crate::scratch::scratch;

covered! {
    setxattr: answers[sets_an_attribute_of_a_path], refuses[makes_no_attribute_twice];
    fsetxattr: answers[sets_an_attribute_of_a_file], refuses[replaces_no_attribute_that_is_not_there];
    getxattr: answers[reads_an_attribute_of_a_path], refuses[reads_no_attribute_that_is_not_there];
    fgetxattr: answers[says_how_long_an_attribute_of_a_file_is], refuses[has_no_room_for_an_attribute];
    listxattr: answers[lists_the_attributes_of_a_path], refuses[lists_nothing_that_is_not_there];
    flistxattr: answers[lists_the_attributes_of_a_file], refuses[has_no_room_for_a_list];
    removexattr: answers[removes_an_attribute_of_a_path], refuses[removes_nothing_from_a_path];
    fremovexattr: answers[removes_an_attribute_of_a_file], refuses[removes_nothing_from_a_file];
}

/// A file, by path and open, that has the attribute `user.first` = "one".
fn file(name: &str) -> (CString, File) {
    let path = scratch(&format!("syscalls-xattr-{name}")).join("file");
    let file = File::create(&path).unwrap();
    setxattr(&c(&path), c"user.first", b"one", libc::XATTR_CREATE).unwrap();
    (c(&path), file)
}

fn read(path: &CString) -> Vec<u8> {
    let mut value = [0; 64];
    let len = getxattr(path, c"user.first", &mut value).unwrap();
    value[..len].to_vec()
}

fn sets_an_attribute_of_a_path() {
    let (path, _file) = file("set");
    setxattr(&path, c"user.first", b"two", 0).unwrap();
    assert_eq!(read(&path), b"two");
}

fn makes_no_attribute_twice() {
    let (path, _file) = file("set-twice");
    assert_refused(setxattr(&path, c"user.first", b"two", libc::XATTR_CREATE), Errno::EEXIST);
}

fn sets_an_attribute_of_a_file() {
    let (path, file) = file("fset");
    fsetxattr(file.as_fd(), c"user.first", b"longer", libc::XATTR_REPLACE).unwrap();
    assert_eq!(read(&path), b"longer");
}

fn replaces_no_attribute_that_is_not_there() {
    let (_, file) = file("fset-none");
    assert_refused(fsetxattr(file.as_fd(), c"user.second", b"two", libc::XATTR_REPLACE), Errno::ENODATA);
}

fn reads_an_attribute_of_a_path() {
    assert_eq!(read(&file("get").0), b"one");
}

fn reads_no_attribute_that_is_not_there() {
    assert_refused(getxattr(&file("get-none").0, c"user.second", &mut [0; 64]), Errno::ENODATA);
}

fn says_how_long_an_attribute_of_a_file_is() {
    assert_eq!(fgetxattr(file("fget").1.as_fd(), c"user.first", &mut []).unwrap(), 3);
}

fn has_no_room_for_an_attribute() {
    assert_refused(fgetxattr(file("fget-room").1.as_fd(), c"user.first", &mut [0; 2]), Errno::ERANGE);
}

fn lists_the_attributes_of_a_path() {
    let mut names = [0; 64];
    let len = listxattr(&file("list").0, &mut names).unwrap();
    assert_eq!(&names[..len], b"user.first\0");
}

fn lists_nothing_that_is_not_there() {
    assert_refused(listxattr(c"there is no such file", &mut [0; 64]), Errno::ENOENT);
}

fn lists_the_attributes_of_a_file() {
    assert_eq!(flistxattr(file("flist").1.as_fd(), &mut []).unwrap(), b"user.first\0".len());
}

fn has_no_room_for_a_list() {
    assert_refused(flistxattr(file("flist-room").1.as_fd(), &mut [0; 2]), Errno::ERANGE);
}

fn removes_an_attribute_of_a_path() {
    let (path, file) = file("remove");
    removexattr(&path, c"user.first").unwrap();
    assert_eq!(flistxattr(file.as_fd(), &mut []).unwrap(), 0);
}

fn removes_nothing_from_a_path() {
    assert_refused(removexattr(&file("remove-none").0, c"user.second"), Errno::ENODATA);
}

fn removes_an_attribute_of_a_file() {
    let (path, file) = file("fremove");
    fremovexattr(file.as_fd(), c"user.first").unwrap();
    assert_eq!(listxattr(&path, &mut []).unwrap(), 0);
}

fn removes_nothing_from_a_file() {
    assert_refused(fremovexattr(file("fremove-none").1.as_fd(), c"user.second"), Errno::ENODATA);
}
