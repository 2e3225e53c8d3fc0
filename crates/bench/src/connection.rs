//! One client connection: sends a request that is ready-made, hands on the answer piece by piece.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fault::Fault;
use crate::wire::{Message, Side};

/// Bytes read at once.
const BUFFER: usize = 16 * 1024;

/// An open connection to a target.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Box<[u8]>,
    message: Message,
    fresh: bool,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, Fault> {
        let stream = TcpStream::connect(address).await.map_err(|_| Fault::Connect)?;
        stream.set_nodelay(true).map_err(|_| Fault::Connect)?;
        Ok(Self { stream, buffer: vec![0; BUFFER].into(), message: Message::new(Side::Answers), fresh: true })
    }

    /// Sends a whole request, head and body.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<(), Fault> {
        self.message.begin();
        self.fresh = false;
        self.stream.write_all(request).await.map_err(|_| Fault::Send)
    }

    /// Reads from the socket once; true when the answer is whole.
    pub(crate) async fn receive(&mut self, body: &mut impl FnMut(&[u8])) -> Result<bool, Fault> {
        let count = self.stream.read(&mut self.buffer).await.map_err(|_| Fault::Receive)?;
        if count == 0 {
            self.message.closed()?;
            return Ok(true);
        }
        let taken = self.message.feed(&self.buffer[..count], body)?;
        if taken < count {
            // Nothing was asked behind this answer.
            return Err(Fault::Malformed);
        }
        Ok(self.message.is_done())
    }

    /// True when a request may be sent.
    fn is_usable(&self) -> bool {
        self.fresh || (self.message.is_done() && !self.message.closes())
    }

    /// The answer's status must be 200.
    pub(crate) fn check_status(&self) -> Result<(), Fault> {
        match self.message.status() {
            200 => Ok(()),
            status => Err(Fault::Status(status)),
        }
    }
}

/// A place for one connection, opened anew when the last was spent.
#[derive(Debug)]
pub(crate) struct Slot {
    address: SocketAddr,
    connection: Option<Connection>,
}

impl Slot {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, connection: None }
    }

    /// The open connection, or a new one.
    pub(crate) async fn connection(&mut self) -> Result<&mut Connection, Fault> {
        if !self.connection.as_ref().is_some_and(Connection::is_usable) {
            self.connection = None;
            self.connection = Some(Connection::open(self.address).await?);
        }
        Ok(self.connection.as_mut().expect("opened above"))
    }
}
