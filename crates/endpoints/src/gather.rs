//! Frames of a body on their way to becoming one piece of memory, which is never much larger than what has come.

use bytes::{Bytes, BytesMut};

/// How much memory is set aside before it is needed, in bytes.
const AHEAD: usize = 1 << 20;

/// What has come of a body.
///
/// One frame, the common case, is not copied. Memory that grows by doubling holds a body three times while it moves,
/// and stays up to twice as large; so once [`AHEAD`] of a body has come there is room for all that was announced, and
/// where nothing was, it lies in pieces until its end, each of which is given back when it has been joined.
#[derive(Debug, Default)]
pub(crate) struct Gather {
    announced: Option<usize>,
    first: Bytes,
    /// All pieces but the last.
    whole: Vec<BytesMut>,
    last: BytesMut,
    length: usize,
}

impl Gather {
    /// Nothing yet of a body that is to have so many bytes, if that is known, and may have `most`.
    pub(crate) fn new(announced: Option<u64>, most: usize) -> Self {
        let announced = announced.and_then(|bytes| usize::try_from(bytes).ok());
        Self { announced: announced.filter(|bytes| *bytes <= most), ..Self::default() }
    }

    /// How many bytes have come.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn add(&mut self, frame: Bytes) {
        if self.length == 0 {
            self.length = frame.len();
            self.first = frame;
            return;
        }
        self.length += frame.len();
        let first = std::mem::take(&mut self.first);
        self.push(&first);
        self.push(&frame);
    }

    /// All of it in one piece.
    pub(crate) fn finish(self) -> Bytes {
        if self.last.is_empty() {
            return self.first;
        }
        if self.whole.is_empty() {
            return self.last.freeze();
        }
        let mut joined = BytesMut::with_capacity(self.length);
        for piece in self.whole.into_iter().chain([self.last]) {
            joined.extend_from_slice(&piece);
        }
        joined.freeze()
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.last.capacity() - self.last.len() < bytes.len() {
            self.make_room(bytes.len());
        }
        self.last.extend_from_slice(bytes);
    }

    fn make_room(&mut self, needed: usize) {
        let here = self.last.len();
        let more = match self.announced {
            Some(announced) if here < AHEAD => announced.min(AHEAD).saturating_sub(here),
            Some(announced) => announced.saturating_sub(here),
            None if here < AHEAD => here,
            None => {
                self.whole.push(std::mem::take(&mut self.last));
                AHEAD
            }
        };
        self.last.reserve(more.max(needed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 10 * AHEAD;

    /// A body in frames of so many bytes.
    fn gathered(body: &[u8], frame: usize, announced: Option<u64>) -> Gather {
        let mut gather = Gather::new(announced, MOST);
        body.chunks(frame).for_each(|frame| gather.add(Bytes::copy_from_slice(frame)));
        gather
    }

    #[test]
    fn what_came_in_frames_is_joined_in_order() {
        let body: Vec<u8> = (0..3 * AHEAD + 1_234).map(|n| (n / 7) as u8).collect();
        for length in [0, 1, 1_000, AHEAD - 1, AHEAD, AHEAD + 1, body.len()] {
            for frame in [1_000, 65_536, 2 * AHEAD] {
                // Nobody is bound to what was announced: who checks it comes before or behind.
                for announced in [None, Some(length as u64), Some(0), Some(10), Some(u64::MAX)] {
                    let gather = gathered(&body[..length], frame, announced);
                    assert_eq!(gather.len(), length);
                    assert!(gather.finish() == body[..length], "{length} by {frame}, {announced:?}");
                }
            }
        }
    }

    #[test]
    fn one_frame_is_not_copied() {
        let frame = Bytes::from(vec![7; 100]);
        let mut gather = Gather::new(None, MOST);
        gather.add(Bytes::new());
        gather.add(frame.clone());
        assert_eq!(gather.finish().as_ptr(), frame.as_ptr());
    }

    #[test]
    fn memory_set_aside_is_no_more_than_a_piece_beyond_the_body() {
        let body = vec![1; 9 * AHEAD + 5];
        for announced in [None, Some(body.len() as u64)] {
            let gather = gathered(&body, 60_000, announced);
            let taken: usize = gather.whole.iter().chain([&gather.last]).map(BytesMut::capacity).sum();
            assert!(taken <= body.len() + 2 * AHEAD, "{taken} for {announced:?}");
        }
        let begun = gathered(&body[..200_000], 60_000, Some(MOST as u64));
        assert!(begun.last.capacity() <= 2 * AHEAD, "an announcement alone takes no more than this");
    }
}
