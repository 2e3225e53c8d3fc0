//! The frames of an answer: written into one buffer, cut apart without copying.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::script::Quirks;

/// An answer ready to send.
#[derive(Clone, Debug)]
pub(crate) struct Frames {
    pub(crate) content_type: &'static str,
    pub(crate) pieces: Arc<Vec<Bytes>>,
    /// The pieces that carry tokens: waits stand between these, an endless answer repeats them.
    pub(crate) first_token: usize,
    pub(crate) last_token: usize,
    /// One document of known length rather than a stream.
    pub(crate) whole: bool,
}

impl Frames {
    /// One JSON document.
    pub(crate) fn json(value: &Value) -> Self {
        Self::whole("application/json", Bytes::from(value.to_string()))
    }

    /// One document.
    pub(crate) fn whole(content_type: &'static str, bytes: Bytes) -> Self {
        Self { content_type, pieces: Arc::new(vec![bytes]), first_token: 0, last_token: 0, whole: true }
    }

    /// Joins runs of this many pieces, so that each run is one frame and one write.
    pub(crate) fn coalesce(&mut self, burst: usize) {
        let run = burst.clamp(1, self.pieces.len().max(1));
        self.pieces = Arc::new(self.pieces.chunks(run).map(|run| Bytes::from(run.concat())).collect());
        self.first_token /= run;
        self.last_token /= run;
    }
}

/// Writes the frames of a stream.
pub(crate) struct Writer {
    buffer: Vec<u8>,
    ends: Vec<usize>,
    first_token: Option<usize>,
    last_token: usize,
    line_end: &'static str,
    data: &'static str,
    between: Option<&'static str>,
}

impl Writer {
    /// A writer with the framing habits asked for; `ping` is what stands between events when those are wanted.
    pub(crate) fn new(quirks: &Quirks, ping: &'static str) -> Self {
        Self {
            buffer: Vec::with_capacity(4096),
            ends: Vec::new(),
            first_token: None,
            last_token: 0,
            line_end: if quirks.crlf { "\r\n" } else { "\n" },
            data: if quirks.tight { "data:" } else { "data: " },
            between: quirks.comments.then_some(ping),
        }
    }

    /// The next frame carries a token.
    pub(crate) fn token(&mut self) -> &mut Self {
        self.last_token = self.ends.len();
        self.first_token.get_or_insert(self.last_token);
        self
    }

    /// An SSE event, named or not.
    pub(crate) fn event(&mut self, name: Option<&str>, data: &Value) {
        self.open(name);
        self.write(data);
        self.close();
    }

    /// An SSE event whose data is `before`, a JSON string, `after`.
    pub(crate) fn text_event(&mut self, name: Option<&str>, before: &str, text: &str, after: &str) {
        self.open(name);
        self.put(before);
        self.write(&text);
        self.put(after);
        self.close();
    }

    /// An SSE event whose data is not JSON.
    pub(crate) fn raw_event(&mut self, data: &str) {
        self.open(None);
        self.put(data);
        self.close();
    }

    /// A line of NDJSON.
    pub(crate) fn line(&mut self, value: &Value) {
        self.write(value);
        self.put(self.line_end);
        self.ends.push(self.buffer.len());
    }

    /// A line of NDJSON: `before`, a JSON string, `after`.
    pub(crate) fn text_line(&mut self, before: &str, text: &str, after: &str) {
        self.put(before);
        self.write(&text);
        self.put(after);
        self.put(self.line_end);
        self.ends.push(self.buffer.len());
    }

    pub(crate) fn finish(self, content_type: &'static str) -> Frames {
        let all = Bytes::from(self.buffer);
        let mut start = 0;
        let pieces = self.ends.into_iter().map(|end| all.slice(std::mem::replace(&mut start, end)..end)).collect();
        let first_token = self.first_token.unwrap_or(0);
        Frames {
            content_type,
            pieces: Arc::new(pieces),
            first_token,
            last_token: self.last_token.max(first_token),
            whole: false,
        }
    }

    fn open(&mut self, name: Option<&str>) {
        if let Some(ping) = self.between.filter(|_| !self.ends.is_empty()) {
            self.put(ping);
        }
        if let Some(name) = name {
            self.put("event: ");
            self.put(name);
            self.put(self.line_end);
        }
        self.put(self.data);
    }

    fn close(&mut self) {
        self.put(self.line_end);
        self.put(self.line_end);
        self.ends.push(self.buffer.len());
    }

    fn put(&mut self, text: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
    }

    fn write(&mut self, value: &impl Serialize) {
        serde_json::to_writer(&mut self.buffer, value).expect("a JSON value writes to memory");
    }
}
