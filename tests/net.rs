//! Does a socket do in a task what it does in a thread, and no less?

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::future::{join, join_all, try_join};
use futures::io::{AsyncReadExt, AsyncWriteExt, IoSlice};
use handover::net::{TcpListener, TcpStream};
use handover::runtime::Builder;

const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

async fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind(LOCAL).await?;
    let address = listener.local_addr()?;
    let (ours, (theirs, _)) = try_join(TcpStream::connect(address), listener.accept()).await?;
    Ok((ours, theirs))
}

/// Bytes that say where they belong.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index % 251) as u8).collect()
}

#[handover::test]
async fn many_clients_are_served_at_once() -> io::Result<()> {
    let listener = TcpListener::bind(LOCAL).await?;
    let address = listener.local_addr()?;
    let server = handover::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(handover::spawn(async move { futures::io::copy(&stream, &mut &stream).await }));
        }
    });
    let clients = (0..100_usize).map(|number| {
        handover::spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            let mut answer = vec![0; 1 + number];
            for round in 0..20 {
                let question = vec![round; 1 + number];
                stream.write_all(&question).await?;
                stream.read_exact(&mut answer).await?;
                assert_eq!(answer, question);
            }
            stream.close().await?;
            assert_eq!(stream.read(&mut answer).await?, 0);
            io::Result::Ok(())
        })
    });
    for client in join_all(clients).await {
        client.expect("no panic")?;
    }
    server.abort();
    Ok(())
}

#[handover::test]
async fn both_directions_are_used_at_once() -> io::Result<()> {
    const LENGTH: usize = 4 << 20;
    async fn both(stream: &TcpStream) -> io::Result<Vec<u8>> {
        let (mut reader, mut writer) = (stream, stream);
        let sent = pattern(LENGTH);
        let mut received = vec![0; LENGTH];
        let write = async {
            writer.write_all(&sent).await?;
            writer.close().await
        };
        try_join(write, reader.read_exact(&mut received)).await?;
        assert_eq!(reader.read(&mut [0; 1]).await?, 0, "nothing comes after the end");
        Ok(received)
    }
    let (ours, theirs) = pair().await?;
    let other_end = handover::spawn(async move { both(&theirs).await });
    assert!(both(&ours).await? == pattern(LENGTH));
    assert!(other_end.await.expect("no panic")? == pattern(LENGTH));
    Ok(())
}

#[handover::test]
async fn small_reads_see_every_byte_of_a_large_write() -> io::Result<()> {
    let (mut ours, theirs) = pair().await?;
    let sent = pattern(300_000);
    let writer = handover::spawn(async move {
        for (number, piece) in pattern(300_000).chunks(997).enumerate() {
            (&theirs).write_all(piece).await?;
            if number % 7 == 0 {
                handover::yield_now().await;
            }
        }
        io::Result::Ok(())
    });
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let size = 1 + received.len() % buffer.len();
        match ours.read(&mut buffer[..size]).await? {
            0 => break,
            count => received.extend_from_slice(&buffer[..count]),
        }
    }
    writer.await.expect("no panic")?;
    assert!(received == sent);
    Ok(())
}

#[handover::test]
async fn several_pieces_are_written_in_one_call() -> io::Result<()> {
    let (mut ours, mut theirs) = pair().await?;
    let written = ours.write_vectored(&[IoSlice::new(b"head "), IoSlice::new(b""), IoSlice::new(b"body")]).await?;
    assert_eq!(written, 9);
    let mut received = [0; 9];
    theirs.read_exact(&mut received).await?;
    assert_eq!(&received, b"head body");
    Ok(())
}

#[handover::test]
async fn a_name_is_looked_up() -> io::Result<()> {
    let listener = TcpListener::bind("localhost:0").await?;
    let port = listener.local_addr()?.port();
    let (client, accepted) = join(TcpStream::connect(("localhost", port)), listener.accept()).await;
    assert_eq!(client?.local_addr()?, accepted?.1);
    Ok(())
}

#[handover::test]
async fn a_refused_connection_is_an_error() -> io::Result<()> {
    // Given a port that was ours a moment ago, when nobody listens there, then connecting says so, on each address of the list.
    let address = TcpListener::bind(LOCAL).await?.local_addr()?;
    let error = TcpStream::connect(&[address, address][..]).await.expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);

    let none: [SocketAddr; 0] = [];
    let error = TcpStream::connect(&none[..]).await.expect_err("there is no address");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    Ok(())
}

#[handover::test]
async fn the_next_address_of_a_list_is_tried() -> io::Result<()> {
    let closed = TcpListener::bind(LOCAL).await?.local_addr()?;
    let listener = TcpListener::bind(LOCAL).await?;
    let stream = TcpStream::connect(&[closed, listener.local_addr()?][..]).await?;
    assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    Ok(())
}

#[handover::test]
async fn an_address_in_use_is_an_error() -> io::Result<()> {
    let listener = TcpListener::bind(LOCAL).await?;
    let error = TcpListener::bind(listener.local_addr()?).await.expect_err("it is taken");
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    Ok(())
}

#[handover::test]
async fn a_peek_takes_nothing() -> io::Result<()> {
    let (mut ours, mut theirs) = pair().await?;
    theirs.write_all(b"look").await?;
    let mut buffer = [0; 16];
    assert_eq!(ours.peek(&mut buffer[..2]).await?, 2);
    let mut received = [0; 4];
    ours.read_exact(&mut received).await?;
    assert_eq!(&received, b"look");
    Ok(())
}

#[handover::test]
async fn trying_neither_waits_nor_lies() -> io::Result<()> {
    let (ours, theirs) = pair().await?;
    let mut buffer = vec![0; 1 << 20];
    assert_eq!(theirs.try_read(&mut buffer).expect_err("nothing is there").kind(), ErrorKind::WouldBlock);

    ours.writable().await?;
    let mut written = 0;
    let full = loop {
        match ours.try_write(&buffer) {
            Ok(count) => written += count,
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);

    let mut read = 0;
    while read < written {
        theirs.readable().await?;
        match theirs.try_read(&mut buffer) {
            Ok(count) => read += count,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    ours.writable().await?;
    assert!(ours.try_write(b"room again").is_ok());
    Ok(())
}

#[handover::test]
async fn many_tasks_accept_and_each_connection_goes_to_one() -> io::Result<()> {
    let listener = std::sync::Arc::new(TcpListener::bind(LOCAL).await?);
    let address = listener.local_addr()?;
    let acceptors: Vec<_> = (0..20)
        .map(|_| {
            let listener = std::sync::Arc::clone(&listener);
            handover::spawn(async move { listener.accept().await.map(|(_, peer)| peer) })
        })
        .collect();
    let clients = futures::future::try_join_all((0..20).map(|_| TcpStream::connect(address))).await?;
    let mut sent: Vec<_> = clients.iter().map(|client| client.local_addr()).collect::<io::Result<_>>()?;
    let mut taken = Vec::new();
    for acceptor in acceptors {
        taken.push(acceptor.await.expect("no panic")?);
    }
    sent.sort();
    taken.sort();
    assert_eq!(sent, taken);
    Ok(())
}

#[handover::test]
async fn a_dropped_accept_loses_no_connection() -> io::Result<()> {
    let listener = TcpListener::bind(LOCAL).await?;
    {
        let mut accept = pin!(listener.accept());
        assert!(accept.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    let client = TcpStream::connect(listener.local_addr()?).await?;
    let (_, peer) = listener.accept().await?;
    assert_eq!(peer, client.local_addr()?);
    Ok(())
}

#[handover::test]
async fn a_dropped_read_loses_no_bytes() -> io::Result<()> {
    let (mut ours, mut theirs) = pair().await?;
    let mut buffer = [0; 8];
    assert!(handover::time::timeout(Duration::from_millis(1), ours.read(&mut buffer)).await.is_err());
    theirs.write_all(b"kept").await?;
    assert_eq!(ours.read(&mut buffer).await?, 4);
    Ok(())
}

#[handover::test]
async fn writing_to_a_closed_connection_is_an_error() -> io::Result<()> {
    let (mut ours, theirs) = pair().await?;
    drop(theirs);
    let error = loop {
        match ours.write(b"is anybody there?").await {
            Ok(_) => handover::yield_now().await,
            Err(error) => break error,
        }
    };
    assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
    Ok(())
}

#[handover::test]
async fn closing_twice_is_no_error() -> io::Result<()> {
    let (mut ours, theirs) = pair().await?;
    ours.close().await?;
    ours.close().await?;
    theirs.shutdown(Shutdown::Both)?;
    drop(theirs);
    assert_eq!(ours.read(&mut [0; 1]).await?, 0);
    ours.shutdown(Shutdown::Both)
}

#[handover::test]
async fn sockets_come_from_std_and_go_back() -> io::Result<()> {
    let listener = TcpListener::from_std(std::net::TcpListener::bind(LOCAL)?)?;
    let client = std::net::TcpStream::connect(listener.local_addr()?)?;
    let (accepted, _) = listener.accept().await?;
    let mut ours = TcpStream::from_std(client)?;
    ours.set_nodelay(true)?;
    assert!(ours.nodelay()?);
    ours.write_all(b"across").await?;
    // The other end leaves one registration and enters the next; what came meanwhile is there.
    let mut theirs = TcpStream::from_std(accepted.into_std()?)?;
    let mut received = [0; 6];
    theirs.read_exact(&mut received).await?;
    assert_eq!(&received, b"across");
    assert_eq!(listener.into_std()?.local_addr()?, ours.peer_addr()?);
    Ok(())
}

#[test]
fn a_socket_outlives_its_runtime_and_says_so() {
    let runtime = Builder::new().processors(1).build().expect("a runtime");
    let (mut ours, theirs) = runtime.block_on(pair()).expect("a connection");
    let waits = runtime.spawn(async move { (&theirs).read(&mut [0; 8]).await });
    drop(runtime);
    // The task may get to see the end before it is cancelled.
    match futures::executor::block_on(waits) {
        Err(error) => assert!(error.is_cancelled(), "{error}"),
        Ok(read) => assert!(read.expect_err("nothing was sent").to_string().contains("was shut down")),
    }

    let mut buffer = [0; 8];
    let error = futures::executor::block_on(ours.read(&mut buffer)).expect_err("nobody watches the socket");
    assert!(error.to_string().contains("was shut down"), "{error}");
    let other = Builder::new().processors(1).build().expect("a runtime");
    let error = other.block_on(ours.write(b"x")).expect_err("it belongs to the first");
    assert!(error.to_string().contains("was shut down"), "{error}");
    // It is still a socket, and another runtime may have it.
    let socket = ours.into_std().expect("the socket");
    let moved = other.block_on(async { TcpStream::from_std(socket)?.read(&mut [0; 8]).await });
    assert_eq!(moved.expect("the other end was dropped"), 0);
}

#[test]
fn a_socket_outside_a_runtime_is_an_error() {
    let mut bind = pin!(TcpListener::bind(LOCAL));
    let Poll::Ready(Err(error)) = bind.as_mut().poll(&mut Context::from_waker(Waker::noop())) else { panic!("an error at once") };
    assert!(error.to_string().contains("no handover runtime here"), "{error}");
}
