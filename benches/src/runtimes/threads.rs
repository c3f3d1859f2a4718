//! What does the machine give without a runtime?
//!
//! `std`: a task is a thread, a blocking call is a call, a yield is `sched_yield(2)`. It is the floor of everything
//! that blocks.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, Read};
use std::net::TcpStream;
use std::path::Path;
use std::process::ExitStatus;
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;
use futures::executor::block_on;

use super::{Copies, Files, Processes, Runtime, Trees};

/// Bare threads. More than `processors` of them may run at once; the kernel shares the machine out.
pub(crate) struct Threads;

impl Runtime for Threads {
    type Spawner = ();

    fn run<F>(_processors: usize, root: F) -> io::Result<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        Ok(block_on(root))
    }

    fn spawn<F>(task: F) -> impl Future<Output = F::Output> + Send + 'static
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let (sender, output) = oneshot::channel();
        thread::spawn(move || {
            // An Err only says that nobody wants the output.
            let _unwanted = sender.send(block_on(task));
        });
        async { output.await.expect("a task of a workload panicked") }
    }

    fn detach<F>(task: F)
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        thread::spawn(move || block_on(task));
    }

    fn spawner() {}

    fn detach_from<F>(_spawner: &(), task: F)
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        Self::detach(task);
    }

    async fn yield_now() {
        thread::yield_now();
    }

    async fn sleep(time: Duration) {
        thread::sleep(time);
    }

    async fn blocking<T, C>(call: C) -> T
    where
        T: Send + 'static,
        C: FnOnce() -> T + Send + 'static,
    {
        call()
    }
}

impl Files for Threads {
    type File = File;

    async fn open(path: &Path) -> io::Result<File> {
        File::open(path)
    }

    async fn read(file: &mut File, buffer: &mut Vec<u8>) -> io::Result<usize> {
        file.read(buffer)
    }
}

impl Processes for Threads {
    async fn run_to_end(program: &'static str) -> io::Result<ExitStatus> {
        std::process::Command::new(program).status()
    }
}

impl Copies for Threads {
    async fn copy(path: &Path, mut socket: TcpStream) -> io::Result<u64> {
        io::copy(&mut File::open(path)?, &mut socket)
    }
}

impl Trees for Threads {
    async fn count(root: &Path) -> io::Result<u64> {
        count_entries(root)
    }
}

/// How many entries are below `directory`, by recursion, as one writes it with the standard library alone.
pub(crate) fn count_entries(directory: &Path) -> io::Result<u64> {
    let mut entries = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        entries += 1;
        if entry.file_type()?.is_dir() {
            entries += count_entries(&entry.path())?;
        }
        black_box(entry);
    }
    Ok(entries)
}
