//! Do several buffers go to their place of a file, and all of them, whatever the kernel takes at a time?

#[path = "support/scratch.rs"]
mod scratch;

use futures::io::AsyncReadExt;
use handover::fs::{self, File};
use scratch::scratch;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::path::Path;
use std::sync::Arc;

async fn open(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(true).open(path).await
}

fn slices(pieces: &[Vec<u8>]) -> Vec<IoSlice<'_>> {
    pieces.iter().map(|piece| IoSlice::new(piece)).collect()
}

#[handover::test]
async fn several_buffers_are_one_call_at_a_place_and_the_position_stays() -> io::Result<()> {
    let path = scratch("positional").join("file");
    fs::write(&path, "0123456789").await?;
    let mut file = File::options().read(true).write(true).open(&path).await?;
    assert_eq!(file.write_vectored_at(&[IoSlice::new(b"a"), IoSlice::new(b""), IoSlice::new(b"bc")], 4).await?, 3);
    let (mut first, mut second) = ([0; 2], [0; 9]);
    let count = file.read_vectored_at(&mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)], 3).await?;
    assert_eq!((count, &first, &second[..5]), (7, b"3a", &b"bc789"[..]));
    assert_eq!(file.read_vectored_at(&mut [IoSliceMut::new(&mut first)], 10).await?, 0, "the end");
    assert_eq!(file.read_vectored_at(&mut [], 0).await?, 0);

    let mut whole = String::new();
    file.read_to_string(&mut whole).await?;
    assert_eq!(whole, "0123abc789");
    Ok(())
}

#[handover::test]
async fn more_buffers_than_the_kernel_takes_at_once_are_all_written() -> io::Result<()> {
    let path = scratch("positional-many").join("file");
    let file = open(&path).await?;
    // Given 3,000 pieces, some of them empty ...
    let pieces: Vec<Vec<u8>> = (0..3_000_usize).map(|index| vec![index as u8; index % 5]).collect();
    let all = pieces.concat();
    // ... when they are written, then one call takes a part of them, and the one that promises all writes all.
    let count = file.write_vectored_at(&slices(&pieces), 0).await?;
    assert_eq!(count, pieces[..1_024].concat().len());
    file.write_all_vectored_at(&mut slices(&pieces), 7).await?;
    assert_eq!(fs::read(&path).await?[7..], all);

    let mut back = vec![[0; 2]; 3_000];
    let mut buffers: Vec<_> = back.iter_mut().map(|pair| IoSliceMut::new(pair)).collect();
    assert_eq!(file.read_vectored_at(&mut buffers, 7).await?, 2_048);
    assert_eq!(back.as_flattened()[..2_048], all[..2_048]);
    Ok(())
}

#[handover::test]
async fn nothing_but_empty_buffers_is_nothing_to_write() -> io::Result<()> {
    let file = open(&scratch("positional-empty").join("file")).await?;
    file.write_all_vectored_at(&mut [], 0).await?;
    file.write_all_vectored_at(&mut [IoSlice::new(b""), IoSlice::new(b"")], 5).await?;
    assert_eq!(file.metadata().await?.len(), 0);
    Ok(())
}

#[handover::test]
async fn an_offset_that_is_none_is_refused() -> io::Result<()> {
    let file = open(&scratch("positional-offset").join("file")).await?;
    // The kernel would take the last of them for "where the file stands".
    for offset in [1 << 63, u64::MAX] {
        let mut byte = [0];
        let read = file.read_vectored_at(&mut [IoSliceMut::new(&mut byte)], offset).await.expect_err("there is no such offset");
        let write = file.write_vectored_at(&[IoSlice::new(b"x")], offset).await.expect_err("there is no such offset");
        let write_all = file.write_all_vectored_at(&mut [IoSlice::new(b"x")], offset).await.expect_err("there is no such offset");
        assert_eq!([read, write, write_all].map(|error| error.kind()), [ErrorKind::InvalidInput; 3]);
    }
    assert_eq!(file.metadata().await?.len(), 0);
    Ok(())
}

#[handover::test(processors = 2)]
async fn many_tasks_write_pieces_of_one_file() -> io::Result<()> {
    let path = scratch("positional-tasks").join("file");
    let file = Arc::new(open(&path).await?);
    let piece = |index: u64| vec![vec![index as u8; 1_000], vec![!index as u8; 24]];
    let tasks: Vec<_> = (0..64_u64)
        .map(|index| {
            let file = Arc::clone(&file);
            handover::spawn(async move { file.write_all_vectored_at(&mut slices(&piece(index)), index * 1_024).await })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task does not panic")?;
    }
    assert_eq!(fs::read(&path).await?, (0..64).flat_map(|index| piece(index).concat()).collect::<Vec<_>>());
    Ok(())
}
