//! The streamed answer of a text endpoint: OpenAI's chunks as server-sent events, whatever the provider speaks.
//!
//! Every event is a `chat.completion.chunk`: the first names the role, the next carry words, the last has the
//! `finish_reason` and, beside OpenAI's fields, `generation_time` in seconds; then `data: [DONE]`. An answer that
//! breaks off ends with `data: {"status": false, "body": …, "error": {"message": …}}` and an aborted transfer.
//! A comment (`:`) says that the provider works on something the client is not told.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use llm_router_core::{
    codec::write_event,
    translate::{StreamFault, WordReader},
};
use serde_json::{Value, json};

use crate::body::{Body, BodyError};

/// What the events of one stream have in common.
#[derive(Debug, Clone)]
pub(super) struct Chunks {
    pub(super) id: String,
    /// Seconds since 1970.
    pub(super) created: u64,
    /// The model as the client named it.
    pub(super) model: String,
    pub(super) started: Instant,
}

impl Chunks {
    /// A whole stream for a text that came in one piece.
    pub(super) fn all(&self, text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        self.begin(&mut out);
        self.words(&mut out, text);
        self.end(&mut out, "stop");
        out
    }

    fn begin(&self, out: &mut Vec<u8>) {
        write_event(out, &self.chunk(json!({"role": "assistant", "content": ""}), Value::Null));
    }

    fn words(&self, out: &mut Vec<u8>, text: &str) {
        write_event(out, &self.chunk(json!({"content": text}), Value::Null));
    }

    fn end(&self, out: &mut Vec<u8>, reason: &str) {
        let mut chunk = self.chunk(json!({}), json!(reason));
        chunk["generation_time"] = json!(self.started.elapsed().as_secs_f64());
        write_event(out, &chunk);
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn chunk(&self, delta: Value, finish_reason: Value) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
        })
    }
}

/// A provider's stream, re-told. Whatever breaks it off is its last item, for the relay around it to tell.
pub(super) struct Retold {
    provider: Body,
    /// Whether the provider's HTTP says where its body ends.
    framed: bool,
    reader: WordReader,
    chunks: Chunks,
    out: Vec<u8>,
    ended: bool,
    fault: Option<StreamFault>,
}

/// A comment: the provider is alive, though it says nothing for the client, such as while it thinks.
const ALIVE: &[u8] = b":\n\n";

impl Retold {
    /// Takes over a stream of which `first` has come already, and whose HTTP may vouch for its end; also returns what
    /// the client gets for that.
    pub(super) fn new(first: &[u8], provider: (Body, bool), reader: WordReader, chunks: Chunks) -> (Bytes, Self) {
        let mut out = Vec::new();
        chunks.begin(&mut out);
        let (provider, framed) = provider;
        let mut retold = Self { provider, framed, reader, chunks, out, ended: false, fault: None };
        retold.read(first);
        (std::mem::take(&mut retold.out).into(), retold)
    }

    fn read(&mut self, data: &[u8]) {
        if self.ended {
            return;
        }
        let Self { reader, chunks, out, .. } = self;
        let read = reader.feed(data, |words| chunks.words(out, words));
        self.came(read);
    }

    /// The provider's body has ended: it may have left out the last event.
    fn close(&mut self) {
        let Self { reader, chunks, out, .. } = self;
        let read = reader.close(|words| chunks.words(out, words));
        let read = read.and_then(|()| if reader.is_done() { Ok(()) } else { Err(StreamFault::Truncated) });
        self.came(read);
    }

    fn came(&mut self, read: Result<(), StreamFault>) {
        match read {
            Err(fault) => self.fault = Some(fault),
            Ok(()) if self.reader.is_done() => {
                self.ended = true;
                self.chunks.end(&mut self.out, self.reader.finish_reason());
            }
            Ok(()) if self.out.is_empty() => self.out.extend_from_slice(ALIVE),
            Ok(()) => {}
        }
    }
}

impl HttpBody for Retold {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        loop {
            if !this.out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.out).into()))));
            }
            if let Some(fault) = this.fault.take() {
                this.ended = true;
                return Poll::Ready(Some(Err(BodyError::Garbled(fault))));
            }
            // Also after the last event: a connection that was read to its end can be used again.
            match ready!(Pin::new(&mut this.provider).poll_frame(cx)) {
                Some(Ok(frame)) => this.read(&frame.into_data().unwrap_or_default()),
                Some(Err(error)) if !this.ended => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None if !this.ended && this.framed => this.close(),
                None if !this.ended => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(BodyError::Garbled(StreamFault::Truncated))));
                }
                None | Some(Err(_)) => return Poll::Ready(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use llm_router_core::operation::Operation;

    use super::*;

    const SSE: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"ab\"}}]}\n\n\
        data: {\"choices\":[{\"delta\":{\"content\":\"c\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

    fn chunks() -> Chunks {
        Chunks { id: "chatcmpl-1".to_owned(), created: 7, model: "m".to_owned(), started: Instant::now() }
    }

    /// The data of all events, and whether the transfer ended as it should.
    async fn told(stream: &'static str, framed: bool) -> (Vec<String>, bool) {
        let (first, rest) = stream.split_at(stream.len() / 2);
        let reader = WordReader::new(Operation::ChatCompletions);
        let (first, mut body) = Retold::new(first.as_bytes(), (Body::from(rest), framed), reader, chunks());
        let (mut text, mut whole) = (first.to_vec(), true);
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => text.extend_from_slice(&frame.into_data().unwrap()),
                Err(_) => whole = false,
            }
        }
        let text = String::from_utf8(text).unwrap();
        let events = text.split_terminator("\n\n").filter_map(|event| event.strip_prefix("data: "));
        (events.map(str::to_owned).collect(), whole)
    }

    #[tokio::test]
    async fn a_stream_is_told_in_openais_chunks() {
        let (events, whole) = told(SSE, true).await;
        assert!(whole);
        let parsed: Vec<Value> = events[..4].iter().map(|event| serde_json::from_str(event).unwrap()).collect();
        assert_eq!(
            parsed[0],
            json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7, "model": "m",
                "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": null}]})
        );
        assert_eq!(parsed[1]["choices"][0]["delta"], json!({"content": "ab"}));
        assert_eq!(parsed[2]["choices"][0]["delta"], json!({"content": "c"}));
        assert_eq!(parsed[3]["choices"][0]["finish_reason"], "stop");
        assert!(parsed[3]["generation_time"].is_f64());
        assert_eq!(events[4..], ["[DONE]"]);
    }

    #[tokio::test]
    async fn a_stream_cut_anywhere_ends_with_an_error_and_never_clean() {
        for cut in 0..SSE.len() {
            let (events, whole) = told(&SSE[..cut], false).await;
            assert!(!whole && !events.contains(&"[DONE]".to_owned()), "cut at {cut}");
        }
    }

    #[tokio::test]
    async fn a_provider_may_leave_out_the_last_event_where_its_http_vouches_for_the_end() {
        let (stopped, open) =
            (SSE.rfind("data: [DONE]").unwrap(), SSE.find("data: {\"choices\":[{\"delta\":{\"content\":\"c").unwrap());
        for (end, framed, good) in [(stopped, true, true), (stopped, false, false), (open, true, false)] {
            let (events, whole) = told(&SSE[..end], framed).await;
            assert_eq!((whole, events.contains(&"[DONE]".to_owned())), (good, good), "{end} {framed}");
        }
    }

    #[tokio::test]
    async fn a_provider_that_thinks_is_seen_to_live() {
        let thought = Body::from("data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n");
        let reader = WordReader::new(Operation::ChatCompletions);
        let (_, mut body) = Retold::new(b"", (thought, false), reader, chunks());
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), ALIVE);
    }

    #[test]
    fn a_text_in_one_piece_is_a_stream_of_its_own() {
        let text = String::from_utf8(chunks().all("abc")).unwrap();
        assert!(text.contains("\"content\":\"abc\"") && text.ends_with("data: [DONE]\n\n"), "{text}");
    }
}
