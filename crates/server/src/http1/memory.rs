//! Memory that connections read into. The connections of one thread share it, so that one that waits holds none.
//!
//! What was read is handed on without copying; a block is used anew once nobody holds a piece of it.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

/// A block: whoever holds back a small piece of one holds back no more than this, in bytes.
const BLOCK: usize = 16 * 1024;
/// The least room for one read, in bytes.
const LEAST: usize = 4 * 1024;
/// The most room for one read, in bytes.
const MOST: usize = 256 * 1024;

thread_local! {
    static MEMORY: RefCell<BytesMut> = RefCell::new(BytesMut::with_capacity(BLOCK));
}

/// How much room a connection's next read is given: it follows what comes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading(usize);

impl Default for Reading {
    fn default() -> Self {
        Self(LEAST)
    }
}

/// Reads what there is; no bytes at the end.
pub(crate) fn read<S>(stream: &mut S, cx: &mut Context<'_>, room: &mut Reading) -> Poll<io::Result<Bytes>>
where
    S: AsyncRead + Unpin,
{
    if room.0 > LEAST {
        return read_much(stream, cx, room);
    }
    MEMORY.with_borrow_mut(|memory| {
        memory.reserve(LEAST);
        let came = ready!(poll_read_buf(Pin::new(stream), cx, memory))?;
        if came >= LEAST {
            room.0 = BLOCK;
        }
        Poll::Ready(Ok(memory.split().freeze()))
    })
}

/// Reads on into memory that is set aside for a whole body of this size; how much came, nothing at the end.
pub(crate) fn fill<S>(stream: &mut S, cx: &mut Context<'_>, body: &mut BytesMut, size: usize) -> Poll<io::Result<usize>>
where
    S: AsyncRead + Unpin,
{
    let left = size - body.len();
    poll_read_buf(Pin::new(stream), cx, &mut body.limit(left))
}

/// Reads into memory of its own, which large bodies fill.
fn read_much<S>(stream: &mut S, cx: &mut Context<'_>, room: &mut Reading) -> Poll<io::Result<Bytes>>
where
    S: AsyncRead + Unpin,
{
    let mut memory = BytesMut::with_capacity(room.0);
    let came = ready!(poll_read_buf(Pin::new(stream), cx, &mut memory))?;
    if came == room.0 {
        room.0 = (room.0 * 4).min(MOST);
    } else if came < room.0 / 4 {
        room.0 = LEAST;
    }
    Poll::Ready(Ok(memory.freeze()))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn what_comes_is_what_was_sent_however_much_it_is() {
        let (mut near, mut far) = duplex(1 << 20);
        let mut room = Reading::default();
        let mut held = Vec::new();
        for size in [1, 100, 5_000, 70_000, 600_000, 3, 0, 9_000] {
            let sent: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
            far.write_all(&sent).await.unwrap();
            let mut came = Vec::new();
            while came.len() < sent.len() {
                let piece = poll_fn(|cx| read(&mut near, cx, &mut room)).await.unwrap();
                came.extend_from_slice(&piece);
                held.push((piece.clone(), piece.to_vec()));
            }
            assert_eq!(came, sent);
        }
        drop(far);
        assert!(poll_fn(|cx| read(&mut near, cx, &mut room)).await.unwrap().is_empty());
        // A piece that is held on to is not written over.
        assert!(held.iter().all(|(piece, copy)| piece == copy));
    }
}
