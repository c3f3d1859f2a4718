//! Is a pair of streams in memory as a pair of sockets is?

#[path = "support/watchdog.rs"]
mod watchdog;

use std::future::Future;
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use handover::io::{copy, copy_bidirectional, duplex};
use handover::runtime::{Builder, Runtime};

fn start() -> (Runtime, watchdog::Watchdog) {
    let runtime = Builder::new().processors(2).build().unwrap();
    let watchdog = watchdog::Watchdog::start(Duration::from_secs(60), "streams in memory", Some(runtime.metrics()));
    (runtime, watchdog)
}

fn is_pending(future: impl Future) -> bool {
    pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

#[test]
fn more_than_it_holds_goes_through_both_ways_at_once() {
    let (runtime, _watchdog) = start();
    runtime.block_on(async {
        let (one, other) = duplex(7);
        let content: Vec<u8> = (0..10_000_u32).map(|at| (at * 7) as u8).collect();
        let talks = [one, other].map(|mut end| {
            let content = content.clone();
            handover::spawn(async move {
                let mut heard = Vec::new();
                for part in content.chunks(5) {
                    end.write_all(part).await.unwrap();
                    let mut bytes = vec![0; part.len()];
                    end.read_exact(&mut bytes).await.unwrap();
                    heard.extend(bytes);
                }
                heard
            })
        });
        for talk in talks {
            assert_eq!(talk.await.unwrap(), content);
        }
    });
}

#[test]
fn a_full_end_waits_for_its_reader_and_an_empty_one_for_its_writer() {
    let (runtime, _watchdog) = start();
    runtime.block_on(async {
        let (mut one, mut other) = duplex(4);
        assert!(is_pending(other.read(&mut [0; 4])));
        assert_eq!(one.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"cdef")]).await.unwrap(), 4);
        assert!(is_pending(one.write(b"e")));
        let writing = handover::spawn(async move { one.write_all(b"ef").await.map(|()| one) });
        let (mut first, mut second) = ([0; 1], [0; 2]);
        let count = other.read_vectored(&mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)]).await.unwrap();
        assert_eq!((count, &first, &second), (3, b"a", b"bc"));
        let _one = writing.await.unwrap().unwrap();
        let mut rest = [0; 3];
        other.read_exact(&mut rest).await.unwrap();
        assert_eq!(&rest, b"def");
        // Nothing asked for is nothing to wait for.
        assert_eq!(other.read(&mut []).await.unwrap(), 0);
        assert_eq!(other.write(&[]).await.unwrap(), 0);
    });
}

#[test]
fn an_end_that_goes_is_heard_of_after_its_last_words() {
    let (runtime, _watchdog) = start();
    runtime.block_on(async {
        let (mut one, mut other) = duplex(64);
        one.write_all(b"last words").await.unwrap();
        one.close().await.unwrap();
        assert_eq!(one.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        // The way back goes on.
        other.write_all(b"an answer").await.unwrap();
        let mut heard = [0; 9];
        one.read_exact(&mut heard).await.unwrap();
        let waiting = handover::spawn(async move {
            // It fills up, waits, and is told.
            loop {
                if let Err(error) = other.write(&[7; 100]).await {
                    let mut heard = String::new();
                    other.read_to_string(&mut heard).await.unwrap();
                    return (error.kind(), heard);
                }
            }
        });
        handover::yield_now().await;
        drop(one);
        assert_eq!(waiting.await.unwrap(), (ErrorKind::BrokenPipe, "last words".to_owned()));

        let (one, mut other) = duplex(64);
        let waiting = handover::spawn(async move { other.read(&mut [0; 4]).await });
        handover::yield_now().await;
        drop(one);
        assert_eq!(waiting.await.unwrap().unwrap(), 0);
    });
}

#[test]
fn it_is_copied_as_any_other_stream() {
    let (runtime, _watchdog) = start();
    runtime.block_on(async {
        let ((mut client, mut near), (mut far, mut server)) = (duplex(3), duplex(1_000));
        let proxy = handover::spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        let serving = handover::spawn(async move {
            let mut heard = String::new();
            server.read_to_string(&mut heard).await.unwrap();
            server.write_all(heard.to_uppercase().as_bytes()).await.unwrap();
        });
        client.write_all(b"hello over there").await.unwrap();
        client.close().await.unwrap();
        let mut answer = Vec::new();
        assert_eq!(copy(&mut client, &mut answer).await.unwrap(), 16);
        assert_eq!(answer, b"HELLO OVER THERE");
        serving.await.unwrap();
        assert_eq!(proxy.await.unwrap().unwrap(), (16, 16));
    });
}

#[test]
#[should_panic(expected = "`max_buf_size` is 0")]
fn one_that_holds_nothing_is_refused() {
    duplex(0);
}
