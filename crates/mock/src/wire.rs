//! The socket under hyper, able to cut, reset, stall or spoil what is written, on the word of the answer above it.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// What the socket does to the bytes written to it.
#[derive(Clone, Debug)]
pub(crate) enum Spoil {
    /// FIN, then the connection is dropped.
    Cut,
    /// RST.
    Reset,
    /// FIN, the reading side stays.
    HalfClose,
    /// Nothing more is written.
    Stall,
    /// These bytes are written raw, then what follows as usual.
    Insert(Bytes),
}

/// The lever an answer pulls to spoil its own connection.
#[derive(Debug, Default)]
pub(crate) struct Lever {
    armed: AtomicBool,
    plan: Mutex<Option<Plan>>,
}

#[derive(Clone, Debug)]
struct Plan {
    /// Bytes that still pass; `None`: all that hyper has buffered.
    left: Option<u64>,
    spoil: Spoil,
}

impl Lever {
    /// Spoils the connection once everything buffered so far is written.
    pub(crate) fn after_flush(&self, spoil: Spoil) {
        self.arm(Plan { left: None, spoil });
    }

    /// Spoils the connection after `bytes` more on the wire.
    pub(crate) fn after_bytes(&self, bytes: u64, spoil: Spoil) {
        self.arm(Plan { left: Some(bytes), spoil });
    }

    /// Whether the counted bytes have passed.
    pub(crate) fn reached(&self) -> bool {
        self.plan().is_some_and(|plan| plan.left == Some(0))
    }

    fn arm(&self, plan: Plan) {
        *self.plan.lock().expect("no panic under this lock") = Some(plan);
        self.armed.store(true, Ordering::Release);
    }

    fn plan(&self) -> Option<Plan> {
        if !self.armed.load(Ordering::Acquire) {
            return None;
        }
        self.plan.lock().expect("no panic under this lock").clone()
    }

    fn disarm(&self) {
        *self.plan.lock().expect("no panic under this lock") = None;
        self.armed.store(false, Ordering::Release);
    }
}

/// A TCP stream with a [`Lever`].
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    lever: Arc<Lever>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, lever: Arc<Lever>) -> Self {
        Self { stream, lever }
    }

    /// Does what the plan says at its place. Ready: the place is behind us and writing goes on.
    fn poll_spoil(&mut self, cx: &mut Context<'_>, spoil: Spoil) -> Poll<io::Result<()>> {
        match spoil {
            Spoil::Cut => {
                let _ = ready!(Pin::new(&mut self.stream).poll_shutdown(cx));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut by script")))
            }
            Spoil::Reset => {
                let _ = self.stream.set_zero_linger();
                Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionReset, "reset by script")))
            }
            Spoil::HalfClose => {
                let _ = ready!(Pin::new(&mut self.stream).poll_shutdown(cx));
                self.lever.after_bytes(0, Spoil::Stall);
                Poll::Pending
            }
            // No waker: the reading side wakes the connection when the client is gone.
            Spoil::Stall => Poll::Pending,
            Spoil::Insert(mut bytes) => {
                while bytes.has_remaining() {
                    let n = match Pin::new(&mut self.stream).poll_write(cx, &bytes) {
                        Poll::Ready(written) => written?,
                        Poll::Pending => {
                            self.lever.after_bytes(0, Spoil::Insert(bytes));
                            return Poll::Pending;
                        }
                    };
                    bytes.advance(n);
                }
                self.lever.disarm();
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Some(Plan { left: Some(left), spoil }) = self.lever.plan() else {
            return Pin::new(&mut self.stream).poll_write(cx, buf);
        };
        if left == 0 {
            ready!(self.poll_spoil(cx, spoil))?;
            return Pin::new(&mut self.stream).poll_write(cx, buf);
        }
        let most = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &buf[..most]))?;
        self.lever.after_bytes(left - written as u64, spoil);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.lever.armed.load(Ordering::Acquire) {
            let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| &**buf);
            return self.poll_write(cx, first);
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(Plan { left: None | Some(0), spoil }) = self.lever.plan() {
            return self.poll_spoil(cx, spoil);
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
