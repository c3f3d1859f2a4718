//! Does hyper get from this runtime what it asks for: bytes, tasks and time?

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use handover::integrations::hyper::{Executor, Io, Timer};
use handover::net::{TcpListener, TcpStream};
use hyper::body::Incoming;
use hyper::rt::{Executor as _, Timer as _};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};

/// A body of several pieces' length, so that head and body make a vectored write of more than one buffer's worth.
const BODY: usize = 1 << 20;

async fn answer(_request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    Ok(Response::new("x".repeat(BODY)))
}

async fn connection() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    Ok((client, listener.accept().await?.0))
}

#[handover::test]
async fn requests_are_answered_one_after_the_other() -> io::Result<()> {
    let (mut client, server) = connection().await?;
    let serving = handover::spawn(http1::Builder::new().serve_connection(Io::new(server), service_fn(answer)));
    for _ in 0..3 {
        client.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            client.read_exact(&mut byte).await?;
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 200 OK"));
        let mut body = vec![0; BODY];
        client.read_exact(&mut body).await?;
        assert!(body.iter().all(|byte| *byte == b'x'));
    }
    drop(client);
    serving.await.expect("no panic").expect("a clean end");
    Ok(())
}

#[handover::test]
async fn a_client_that_says_nothing_is_hung_up_on() -> io::Result<()> {
    let (mut client, server) = connection().await?;
    let mut builder = http1::Builder::new();
    builder.timer(Timer::new()).header_read_timeout(Duration::from_millis(5));
    let serving = handover::spawn(builder.serve_connection(Io::new(server), service_fn(answer)));
    client.write_all(b"GET / HT").await?;
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await?;
    assert!(serving.await.expect("no panic").expect_err("the limit has passed").is_timeout());
    Ok(())
}

#[handover::test]
async fn a_sleep_of_hypers_is_moved() {
    let timer = Timer::new();
    let mut sleep = timer.sleep(Duration::from_secs(3_600));
    timer.reset(&mut sleep, std::time::Instant::now() + Duration::from_millis(1));
    sleep.await;
}

#[handover::test]
async fn background_work_becomes_a_task() {
    let (done, ended) = futures::channel::oneshot::channel();
    Executor::new().execute(async move { done.send(handover::task::id()) });
    assert!(ended.await.is_ok());
}
