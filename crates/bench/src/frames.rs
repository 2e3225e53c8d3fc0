//! Checks the frames of one stream: their number, their order and the last word of their dialect.

use memchr::memmem;

use crate::dialect::Dialect;
use crate::fault::Fault;
use crate::script::frame_number;

/// A frame longer than this is not one of ours, in bytes.
const FRAME_LIMIT: usize = 64 * 1024;

/// The frames of one stream as its body comes in, cut anywhere.
#[derive(Debug)]
pub(crate) struct Frames {
    dialect: Dialect,
    held: Vec<u8>,
    next: u32,
    done: bool,
    fault: Option<Fault>,
}

impl Frames {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { dialect, held: Vec::new(), next: 0, done: false, fault: None }
    }

    /// Takes a piece of the body.
    pub(crate) fn feed(&mut self, mut piece: &[u8]) {
        if !self.held.is_empty() {
            self.held.extend_from_slice(piece);
            let held = std::mem::take(&mut self.held);
            let left = self.take_whole(&held);
            self.held = held[held.len() - left..].to_vec();
            return;
        }
        let left = self.take_whole(piece);
        piece = &piece[piece.len() - left..];
        self.held.extend_from_slice(piece);
    }

    /// Frames with text seen so far, in order.
    pub(crate) fn count(&self) -> u32 {
        self.next
    }

    /// The verdict once the body has ended, for a stream of `chunks` frames.
    pub(crate) fn finish(&self, chunks: u32) -> Result<(), Fault> {
        match self.fault {
            Some(fault) => Err(fault),
            None if self.next < chunks => Err(Fault::Lost),
            None if self.next > chunks => Err(Fault::Order),
            None if !self.done || !self.held.is_empty() => Err(Fault::NotDone),
            None => Ok(()),
        }
    }

    /// Reads every whole frame; returns how many bytes are left behind the last.
    fn take_whole(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        let separator = self.dialect.separator();
        while let Some(end) = memmem::find(rest, separator) {
            self.take(&rest[..end]);
            rest = &rest[end + separator.len()..];
        }
        if rest.len() > FRAME_LIMIT {
            self.fault.get_or_insert(Fault::Malformed);
            return 0;
        }
        rest.len()
    }

    fn take(&mut self, frame: &[u8]) {
        if self.dialect.is_end(frame) {
            self.done = true;
            return;
        }
        let Some(number) = frame_number(self.dialect, frame) else {
            return;
        };
        if self.done || number != self.next {
            self.fault.get_or_insert(if number > self.next { Fault::Lost } else { Fault::Order });
        }
        self.next = number.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(numbers: &[u32], end: &str) -> Vec<u8> {
        let mut text = String::from(": hello\n\n");
        for number in numbers {
            text.push_str(&format!("data: {{\"delta\":{{\"content\":\"t{number:06} \"}}}}\n\n"));
        }
        text.push_str(end);
        text.into_bytes()
    }

    fn verdict(bytes: &[u8], piece: usize) -> Result<(), Fault> {
        let mut frames = Frames::new(Dialect::OpenAi);
        for piece in bytes.chunks(piece) {
            frames.feed(piece);
        }
        frames.finish(3)
    }

    #[test]
    fn a_whole_stream_is_right_however_it_is_cut() {
        let bytes = stream(&[0, 1, 2], "data: [DONE]\n\n");
        for piece in 1..bytes.len() {
            assert_eq!(verdict(&bytes, piece), Ok(()), "pieces of {piece}");
        }
    }

    #[test]
    fn each_way_to_spoil_a_stream_has_its_fault() {
        let done = "data: [DONE]\n\n";
        assert_eq!(verdict(&stream(&[0, 1], done), 7), Err(Fault::Lost));
        assert_eq!(verdict(&stream(&[0, 2, 3], done), 7), Err(Fault::Lost));
        assert_eq!(verdict(&stream(&[0, 2, 1], done), 7), Err(Fault::Lost));
        assert_eq!(verdict(&stream(&[0, 1, 1, 2], done), 7), Err(Fault::Order));
        assert_eq!(verdict(&stream(&[0, 1, 2], ""), 7), Err(Fault::NotDone));
        assert_eq!(verdict(&stream(&[0, 1, 2], "data: [DO"), 7), Err(Fault::NotDone));
    }
}
