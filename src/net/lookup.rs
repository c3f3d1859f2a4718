//! Which addresses does a name have?

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs as _};

use sealed::{Resolve, Wanted};

use crate::named_error::named;

/// What can be turned into addresses: a [`SocketAddr`] and its two kinds, an address with a port, a list of `SocketAddr`s, and as text `"host:port"` and `("host", port)`.
///
/// The same types as the standard library's trait of this name takes, and as tokio's; nobody else implements it. Only a name is looked up: an address, in numbers or as text, costs no system call.
pub trait ToSocketAddrs: Resolve {}

mod sealed {
    use std::net::SocketAddr;

    pub trait Resolve {
        /// What is to be looked up, if anything is.
        fn wanted(&self) -> std::io::Result<Wanted<'_>>;
    }

    /// Addresses, or a name.
    #[derive(Debug)]
    pub enum Wanted<'a> {
        Address(SocketAddr),
        Addresses(&'a [SocketAddr]),
        Name { host: &'a str, port: u16 },
    }
}

/// Looks a name up: getaddrinfo(3), with all that the system's configuration brings into it (`/etc/hosts`, DNS, ...).
///
/// It may take seconds, so it is a declared blocking call, made inline.
///
/// # Errors
///
/// Those of getaddrinfo(3), with the name in the message; `InvalidInput` if the text is neither an address nor `host:port`.
///
/// # Cancel safety
///
/// Nothing changes.
///
/// # Examples
///
/// ```
/// # #[handover::main]
/// # async fn main() -> std::io::Result<()> {
/// for address in handover::net::lookup_host("localhost:80").await? {
///     println!("{address}");
/// }
/// let error = handover::net::lookup_host("nosuch.invalid:80").await.map(Iterator::count).unwrap_err();
/// assert!(error.to_string().starts_with("cannot look up `nosuch.invalid`"));
/// # Ok(())
/// # }
/// ```
pub async fn lookup_host(host: impl ToSocketAddrs) -> io::Result<impl Iterator<Item = SocketAddr>> {
    Ok(addresses_of(host.wanted()?).await?.into_iter())
}

/// The first of the addresses that `attempt` succeeds with, or the error of the last. If a name was given, the error has it, and what was tried ("connect to").
pub(super) async fn first_of<T, F>(
    tried: &'static str,
    address: impl ToSocketAddrs,
    mut attempt: impl FnMut(SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let wanted = address.wanted()?;
    let name = if let Wanted::Name { host, port } = wanted { Some((host.to_owned(), port)) } else { None };
    let mut last = Err(io::Error::new(io::ErrorKind::InvalidInput, "there is no address: give a name or a list with at least one"));
    for address in addresses_of(wanted).await? {
        last = attempt(address).await;
        if last.is_ok() {
            break;
        }
    }
    match name {
        Some((host, port)) => named(last, || format!("cannot {tried} `{host}:{port}`")),
        None => last,
    }
}

async fn addresses_of(wanted: Wanted<'_>) -> io::Result<Vec<SocketAddr>> {
    match wanted {
        Wanted::Address(address) => Ok(vec![address]),
        Wanted::Addresses(addresses) => Ok(addresses.to_vec()),
        Wanted::Name { host, port } => {
            // The C library reads the environment meanwhile.
            let look_up = || crate::env::reading(|| (host, port).to_socket_addrs());
            named(crate::blocking(look_up).await, || format!("cannot look up `{host}`")).map(Iterator::collect)
        }
    }
}

fn address_or_name(host: &str, port: u16) -> Wanted<'_> {
    match host.parse::<IpAddr>() {
        Ok(ip) => Wanted::Address((ip, port).into()),
        Err(_) => Wanted::Name { host, port },
    }
}

/// Makes each of the types say what is wanted.
macro_rules! to_socket_addrs {
    ($($type:ty: |$this:ident| $wanted:expr;)+) => {$(
        impl ToSocketAddrs for $type {}
        impl Resolve for $type {
            fn wanted(&self) -> io::Result<Wanted<'_>> {
                let $this = self;
                Ok($wanted)
            }
        }
    )+};
}

to_socket_addrs! {
    SocketAddr: |address| Wanted::Address(*address);
    SocketAddrV4: |address| Wanted::Address((*address).into());
    SocketAddrV6: |address| Wanted::Address((*address).into());
    (IpAddr, u16): |address| Wanted::Address((*address).into());
    (Ipv4Addr, u16): |address| Wanted::Address((*address).into());
    (Ipv6Addr, u16): |address| Wanted::Address((*address).into());
    [SocketAddr]: |addresses| Wanted::Addresses(addresses);
    Vec<SocketAddr>: |addresses| Wanted::Addresses(addresses);
    (&str, u16): |pair| address_or_name(pair.0, pair.1);
    (String, u16): |pair| address_or_name(&pair.0, pair.1);
}

impl<const N: usize> ToSocketAddrs for [SocketAddr; N] {}
impl<const N: usize> Resolve for [SocketAddr; N] {
    fn wanted(&self) -> io::Result<Wanted<'_>> {
        Ok(Wanted::Addresses(self))
    }
}

impl ToSocketAddrs for str {}
impl Resolve for str {
    fn wanted(&self) -> io::Result<Wanted<'_>> {
        if let Ok(address) = self.parse() {
            return Ok(Wanted::Address(address));
        }
        let wrong = |what| io::Error::new(io::ErrorKind::InvalidInput, format!("`{self}` {what}: expected `host:port`"));
        let (host, port) = self.rsplit_once(':').ok_or_else(|| wrong("has no port"))?;
        let port = port.parse().map_err(|_| wrong("has no port from 0 to 65535"))?;
        Ok(address_or_name(host, port))
    }
}

impl ToSocketAddrs for String {}
impl Resolve for String {
    fn wanted(&self) -> io::Result<Wanted<'_>> {
        self.as_str().wanted()
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {}
impl<T: ToSocketAddrs + ?Sized> Resolve for &T {
    fn wanted(&self) -> io::Result<Wanted<'_>> {
        (**self).wanted()
    }
}
