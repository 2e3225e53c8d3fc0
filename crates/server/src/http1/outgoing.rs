//! Bytes on their way out. Small ones are gathered into one write; a large one goes beside them without being copied.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::io::AsyncWrite;

/// From this size on a piece is not copied, in bytes: a second slice to write costs less.
const LARGE: usize = 4 * 1024;
/// How much is gathered before a write, in bytes.
const ENOUGH: usize = 16 * 1024;
/// A gathering place begins with this much room, in bytes: a head and a short body.
const FIRST: usize = 2 * 1024;
/// A gathering place larger than this is not kept, in bytes.
const SPARE: usize = 20 * 1024;
/// The most emptied places that a thread keeps: so many connections gather before they all write.
const MOST_EMPTIED: usize = 32;

thread_local! {
    /// Emptied gathering places for whoever writes next: a connection that waits holds none.
    static EMPTIED: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

fn place() -> Vec<u8> {
    EMPTIED.with_borrow_mut(Vec::pop).unwrap_or_else(|| Vec::with_capacity(FIRST))
}

fn keep(mut emptied: Vec<u8>) {
    if (1..=SPARE).contains(&emptied.capacity()) {
        emptied.clear();
        EMPTIED.with_borrow_mut(|kept| {
            if kept.len() < MOST_EMPTIED {
                kept.push(emptied);
            }
        });
    }
}

/// The line that tells how long a body is (RFC 9112, 6.2).
pub(crate) fn content_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"content-length: ");
    out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The line before a chunk: its size in hexadecimal (RFC 9112, 7.1).
pub(crate) fn chunk_size(out: &mut Vec<u8>, size: usize) {
    let digits = (usize::BITS - size.leading_zeros()).div_ceil(4).max(1);
    out.extend((0..digits).rev().map(|place| b"0123456789abcdef"[size >> (4 * place) & 0xf]));
    out.extend_from_slice(b"\r\n");
}

/// What is to be written, in order: the gathered, one large piece, and what was gathered behind it.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    gathered: Vec<u8>,
    /// How much of `gathered` is written.
    written: usize,
    large: Bytes,
    behind: Vec<u8>,
}

impl Outgoing {
    /// Whether there is anything to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.written == self.gathered.len() && self.large.is_empty()
    }

    /// Whether more should be added before the next write.
    pub(crate) fn has_room(&self) -> bool {
        self.large.is_empty() && self.gathered.len() < ENOUGH
    }

    /// Where small things are written to.
    pub(crate) fn small(&mut self) -> &mut Vec<u8> {
        if !self.large.is_empty() {
            return &mut self.behind;
        }
        if self.gathered.capacity() == 0 {
            self.gathered = place();
        }
        &mut self.gathered
    }

    /// Adds a piece. A large one asks for [`has_room`](Self::has_room) before, or is copied.
    pub(crate) fn add(&mut self, piece: Bytes) {
        if piece.len() < LARGE || !self.large.is_empty() {
            self.small().extend_from_slice(&piece);
        } else {
            self.large = piece;
        }
    }

    /// Writes until nothing is left.
    pub(crate) fn write<S>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>>
    where
        S: AsyncWrite + Unpin,
    {
        while !self.is_empty() {
            let front = &self.gathered[self.written..];
            let mut stream = Pin::new(&mut *stream);
            let written = if self.large.is_empty() {
                ready!(stream.as_mut().poll_write(cx, front))?
            } else {
                let slices = [IoSlice::new(front), IoSlice::new(&self.large), IoSlice::new(&self.behind)];
                let used = if front.is_empty() { &slices[1..] } else { &slices[..] };
                ready!(stream.as_mut().poll_write_vectored(cx, used))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        Pin::new(stream).poll_flush(cx)
    }

    fn advance(&mut self, written: usize) {
        let front = written.min(self.gathered.len() - self.written);
        self.written += front;
        let large = (written - front).min(self.large.len());
        let _ = self.large.split_to(large);
        if self.written < self.gathered.len() || !self.large.is_empty() {
            return;
        }
        self.large = Bytes::new();
        self.written = written - front - large;
        let emptied = std::mem::replace(&mut self.gathered, std::mem::take(&mut self.behind));
        if self.written == self.gathered.len() {
            self.written = 0;
            self.gathered = Vec::new();
        }
        keep(emptied);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn pieces_arrive_in_order_however_little_the_socket_takes() {
        for pipe in [1, 7, 4_096, 1 << 20] {
            let (mut near, mut far) = duplex(pipe);
            let sizes = [3, 5_000, 10, 9_000, 1, 0, 4_096, 4_095, 20_000, 2];
            let pieces: Vec<Bytes> =
                sizes.iter().enumerate().map(|(at, size)| vec![u8::try_from(at).unwrap(); *size].into()).collect();
            let want = pieces.concat();
            let write = async {
                let mut outgoing = Outgoing::default();
                for piece in pieces {
                    if !outgoing.has_room() {
                        poll_fn(|cx| outgoing.write(&mut near, cx)).await.unwrap();
                        assert!(outgoing.is_empty());
                    }
                    outgoing.add(piece);
                    outgoing.small().extend_from_slice(b"--");
                }
                poll_fn(|cx| outgoing.write(&mut near, cx)).await.unwrap();
                drop(near);
            };
            let mut got = Vec::new();
            let (_, read) = tokio::join!(write, far.read_to_end(&mut got));
            read.unwrap();
            let marked: Vec<u8> = got.into_iter().filter(|byte| *byte != b'-').collect();
            assert!(marked == want, "through {pipe} bytes");
        }
    }
}
