//! How does a name become addresses, and what does an error say of it?

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use handover::net::{TcpListener, TcpStream, ToSocketAddrs, lookup_host};

const V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const V6: Ipv6Addr = Ipv6Addr::LOCALHOST;

async fn found(host: impl ToSocketAddrs) -> Vec<SocketAddr> {
    lookup_host(host).await.unwrap().collect()
}

#[handover::test]
async fn all_that_std_takes_is_taken() {
    let four = SocketAddr::from((V4, 80));
    let six = SocketAddr::from((V6, 80));
    assert_eq!(found(four).await, [four]);
    assert_eq!(found(SocketAddrV4::new(V4, 80)).await, [four]);
    assert_eq!(found(SocketAddrV6::new(V6, 80, 0, 0)).await, [six]);
    assert_eq!(found((IpAddr::from(V4), 80)).await, [four]);
    assert_eq!(found((V4, 80)).await, [four]);
    assert_eq!(found((V6, 80)).await, [six]);
    assert_eq!(found("192.0.2.1:80").await, [four]);
    assert_eq!(found("[::1]:80").await, [six]);
    assert_eq!(found(String::from("192.0.2.1:80")).await, [four]);
    assert_eq!(found(&String::from("192.0.2.1:80")).await, [four]);
    assert_eq!(found(("192.0.2.1", 80)).await, [four]);
    assert_eq!(found((String::from("::1"), 80)).await, [six]);
    assert_eq!(found(&[four, six][..]).await, [four, six]);
    assert_eq!(found([six, four]).await, [six, four]);
    assert_eq!(found(&vec![six, four]).await, [six, four]);
    assert!(found(("localhost", 80)).await.iter().all(|address| address.ip().is_loopback() && address.port() == 80));
}

#[handover::test]
async fn text_that_is_no_address_is_named() {
    for (text, wrong) in [
        ("nowhere", "`nowhere` has no port: expected `host:port`"),
        ("host:", "`host:` has no port from 0 to 65535"),
        ("host:65536", "`host:65536` has no port from 0 to 65535"),
        ("", "`` has no port"),
    ] {
        for error in [lookup_host(text).await.map(drop).unwrap_err(), TcpStream::connect(text).await.unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().starts_with(wrong), "{error}");
        }
    }
}

#[handover::test]
async fn a_name_that_is_nobodys_is_named() {
    // RFC 6761 keeps the domain for this.
    let error = TcpStream::connect("nosuch.invalid:80").await.unwrap_err();
    assert!(error.to_string().starts_with("cannot look up `nosuch.invalid`: "), "{error}");
    let error = TcpListener::bind(("nosuch.invalid", 80)).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot look up `nosuch.invalid`: "), "{error}");
}

#[handover::test]
async fn the_next_address_is_tried_and_the_last_error_names_the_host() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let there = listener.local_addr()?;
    // Of the addresses 127.0.0.0/8 all are ours; on this one nobody listens.
    let nobody = SocketAddr::from(([127, 0, 0, 2], there.port()));
    let stream = TcpStream::connect([nobody, there]).await?;
    assert_eq!(stream.peer_addr()?, there);

    drop((listener, stream));
    let error = TcpStream::connect(("localhost", there.port())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(error.to_string().starts_with(&format!("cannot connect to `localhost:{}`: ", there.port())), "{error}");
    // Numbers are not a name: the error is the system's.
    let error = TcpStream::connect(there).await.unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
    Ok(())
}

#[test]
fn addresses_are_resolved_outside_a_runtime_too() {
    let found = futures::executor::block_on(found("localhost:1"));
    assert!(!found.is_empty());
}

/// A future of these can be spawned, whatever the caller gave.
#[test]
fn look_ups_can_be_spawned() {
    fn is_send(_: impl Send) {}
    is_send(lookup_host("localhost:1"));
    is_send(TcpStream::connect((String::from("localhost"), 1)));
    is_send(TcpListener::bind("localhost:1"));
}
