//! Settings of the capture of bodies: off unless an operator turns it on.

use std::path::PathBuf;

use super::reader::Reader;

/// The most of one body that may be kept, in bytes: every remembered request holds two of them.
const LARGEST: u64 = 1 << 20;

/// Which bodies are written down, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// `capture_share`: of 100 requests, how many; never 0.
    pub share: u8,
    /// `capture_models`: of these models alone; of all, and of requests for none, where it is empty.
    pub models: Vec<String>,
    /// `capture_size`: how much of a request's and how much of an answer's body is kept, in bytes.
    pub size: usize,
    /// `capture_file`: one JSON object a line.
    pub file: PathBuf,
    /// `capture_file_size`: with more bytes than this it is renamed to `….1`, and begun anew.
    pub file_size: u64,
}

impl Capture {
    /// `None` unless a share is set.
    pub(super) fn read(r: &mut Reader<'_>) -> Option<Self> {
        let share = u8::try_from(r.whole("capture_share", 0, 0..=100)).unwrap_or(0);
        let capture = Self {
            share,
            models: r.list("capture_models"),
            size: usize::try_from(r.whole("capture_size", 16 << 10, 1..=LARGEST)).unwrap_or(0),
            file: PathBuf::from(r.text("capture_file", "llm-router-bodies.jsonl")),
            file_size: r.whole("capture_file_size", 100 << 20, LARGEST..=1 << 40),
        };
        (share > 0).then_some(capture)
    }
}
