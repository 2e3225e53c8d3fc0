//! The listening socket: one for all workers, so that it can be handed on without losing a connection.

use std::{
    io,
    net::{SocketAddr, TcpListener, ToSocketAddrs},
};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that wait to be accepted; the system may allow fewer (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// Why the router cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {host}:{port}: {source}")]
pub struct ListenError {
    host: String,
    port: u16,
    source: io::Error,
}

/// Opens a listening socket.
///
/// # Errors
/// [`ListenError`] when the name does not resolve or the address is taken.
pub(crate) fn listen(host: &str, port: u16) -> Result<TcpListener, ListenError> {
    let fault = |source| ListenError { host: host.to_owned(), port, source };
    let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(fault)?.collect();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match open(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(fault(last))
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
