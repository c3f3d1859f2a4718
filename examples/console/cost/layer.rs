//! Who listens to the spans?

use std::io;
use std::net::{SocketAddr, TcpListener};

use console_subscriber::ConsoleLayer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Installs console-subscriber's layer and nothing else, with its defaults, and says where a console may attach.
pub(crate) fn install() -> io::Result<SocketAddr> {
    // Free a moment ago: the layer does not say which port it was given.
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    tracing_subscriber::registry().with(ConsoleLayer::builder().server_addr(address).spawn()).init();
    Ok(address)
}
