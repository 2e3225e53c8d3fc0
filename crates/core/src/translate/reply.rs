//! Turns a provider's answer into the client's.

use std::time::Duration;

use super::{
    frames::{Frames, stream_reader},
    replay::replay,
    route::{is_embedding, surface},
};
use crate::{
    canonical::{Event, Reply, Stop, Timings, Usage},
    codec::{CodecError, DEFAULT_LIMIT},
    dialect::{
        ErrorInfo, Identity, ReadStream, StreamFault, Surface, WriteStream, anthropic, completions, embeddings,
        lmstudio, ollama, openai, responses,
    },
    json::{Document, Json, Node, object},
    operation::Operation,
};

/// What is known of an answer once it has ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// What it cost, where the provider said.
    pub usage: Option<Usage>,
    /// Why it ended.
    pub stop: Option<Stop>,
    /// How long it took, where the provider said.
    pub timings: Timings,
}

/// Translates one answer, whole or streamed.
///
/// A streamed answer: give every frame to [`frame`](Self::frame); at the end of the provider's stream call
/// [`finish`](Self::finish). After any error call [`abort`](Self::abort), unless nothing was sent to the client yet and
/// another provider is to be tried.
#[derive(Debug)]
pub struct ReplyTranslator {
    client: Operation,
    provider: Operation,
    identity: Identity,
    /// Whether the client asked for usage numbers in a stream, or for embeddings as base64.
    wish: bool,
    /// What a response repeats of its request.
    pub(super) envelope: Option<responses::Envelope>,
    elapsed: Duration,
    /// When the first content came.
    first: Option<Duration>,
    stream: Option<Stream>,
    summary: Summary,
    has_content: bool,
}

/// The moving parts of a streamed answer.
#[derive(Debug)]
struct Stream {
    frames: Frames,
    reader: Box<dyn ReadStream>,
    writer: Box<dyn WriteStream>,
    failed: bool,
    /// How much of the answer came so far, in bytes.
    size: usize,
}

/// Reads a provider's whole answer, by the operation that it answers.
pub(super) fn read_whole(provider: Operation, body: &[u8]) -> Result<Reply, StreamFault> {
    let read = match provider {
        Operation::OllamaChat | Operation::OllamaGenerate => ollama::read_reply,
        Operation::Messages => anthropic::read_reply,
        Operation::Completions => completions::read_reply,
        _ => openai::read_reply,
    };
    let document = Document::new(body)?;
    read(document.root()).map_err(|error| fault(&error, document.root()))
}

impl ReplyTranslator {
    pub(super) fn new(client: Operation, provider: Operation, identity: Identity, wish: bool) -> Self {
        let (stream, summary) = (None, Summary::default());
        Self {
            client,
            provider,
            identity,
            wish,
            stream,
            summary,
            has_content: false,
            envelope: None,
            elapsed: Duration::ZERO,
            first: None,
        }
    }

    /// The API the client speaks.
    #[must_use]
    pub fn surface(&self) -> Surface {
        surface(self.client)
    }

    /// The media type of the client's stream.
    #[must_use]
    pub fn stream_content_type(&self) -> &'static str {
        self.surface().framing().content_type()
    }

    /// Translates a whole answer that came with a status of success.
    ///
    /// # Errors
    /// The body is not what the provider's dialect says, or reports an error in spite of its status.
    pub fn whole(&mut self, body: &[u8]) -> Result<Vec<u8>, StreamFault> {
        self.has_content = true;
        if is_embedding(self.client) {
            return self.embeddings(body);
        }
        let mut reply = read_whole(self.provider, body)?;
        self.summary = Summary {
            usage: reply.usage,
            stop: reply.choices.first().and_then(|choice| choice.stop.clone()),
            timings: reply.timings,
        };
        reply.timings = self.timings(reply.timings);
        let mut written = Vec::with_capacity(body.len() + 256);
        self.write_whole(reply, &mut written);
        Ok(written)
    }

    /// Translates a whole answer for a client that asked for a stream, for providers that do not stream when asked to.
    ///
    /// # Errors
    /// As with [`whole`](Self::whole); nothing was appended.
    pub fn whole_as_stream(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<Summary, StreamFault> {
        let mut reply = read_whole(self.provider, body)?;
        reply.timings = self.timings(reply.timings);
        let mut stream = self.open();
        self.has_content = true;
        let summary = &mut self.summary;
        replay(reply, &mut |event| {
            summary.note(&event);
            stream.writer.write(event, out);
        });
        Ok(summary.clone())
    }

    /// Translates the next bytes of a stream, in any pieces, and appends what the client is to see of them.
    ///
    /// # Errors
    /// The stream cannot be read on, or reports an error. What came before the fault is in `out`; of the fault itself
    /// nothing is. Later calls do nothing.
    pub fn frame(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), StreamFault> {
        self.drive(out, |frames, reader, sink| frames.feed(bytes, reader, sink))
    }

    /// The provider's stream has ended, and its HTTP vouches for that: appends what the client is still to see where
    /// the provider leaves out the last event of its dialect. Call [`finish`](Self::finish) behind it.
    ///
    /// # Errors
    /// As with [`frame`](Self::frame).
    pub fn close(&mut self, out: &mut Vec<u8>) -> Result<(), StreamFault> {
        if self.is_done() {
            return Ok(());
        }
        self.drive(out, |frames, reader, sink| frames.close(reader, sink))
    }

    /// Reads on in the provider's stream by `step`, and writes what comes of it.
    fn drive(
        &mut self,
        out: &mut Vec<u8>,
        step: impl FnOnce(&mut Frames, &mut dyn ReadStream, &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault>,
    ) -> Result<(), StreamFault> {
        if self.stream.is_none() {
            self.stream = Some(self.open());
        }
        let Self { stream: Some(stream), summary, has_content, elapsed, first, .. } = self else { return Ok(()) };
        if stream.failed {
            return Ok(());
        }
        let Stream { frames, reader, writer, failed, size } = stream;
        let mut sink = |event: Event<'_>| {
            if event.is_content() && !std::mem::replace(has_content, true) {
                *first = Some(*elapsed);
            }
            *size += event.size();
            summary.note(&event);
            if matches!(event, Event::End) && summary.timings.total.is_none() && !elapsed.is_zero() {
                let output = first.map(|first| elapsed.saturating_sub(first));
                writer.write(Event::Timings(Timings { total: Some(*elapsed), output, ..summary.timings }), out);
            }
            writer.write(event, out);
        };
        let done = step(frames, &mut **reader, &mut sink);
        // Writers keep parts of an answer until it ends, so it must end somewhere.
        let done = match done {
            Ok(()) if *size > DEFAULT_LIMIT => Err(CodecError::TooLong { limit: DEFAULT_LIMIT }.into()),
            done => done,
        };
        *failed = done.is_err();
        done
    }

    /// Bytes of a stream that are kept, about: an event that is not whole yet, and the answer so far where the last
    /// event tells it all again.
    #[must_use]
    pub fn held(&self) -> usize {
        let Some(stream) = &self.stream else { return 0 };
        stream.frames.held()
            + if matches!(self.surface(), Surface::Responses | Surface::LmStudioNative) { stream.size } else { 0 }
    }

    /// The provider's stream has ended.
    ///
    /// # Errors
    /// It was not complete.
    pub fn finish(&mut self) -> Result<Summary, StreamFault> {
        let whole = self.stream.as_ref().is_some_and(|stream| stream.reader.is_done() && !stream.failed);
        if whole { Ok(self.summary.clone()) } else { Err(StreamFault::Truncated) }
    }

    /// Appends the error that ends a broken stream. Nothing may follow it.
    pub fn abort(&mut self, error: &ErrorInfo, out: &mut Vec<u8>) {
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.open(),
        };
        let stream = self.stream.insert(stream);
        stream.failed = true;
        stream.writer.abort(error, out);
    }

    /// Whether a client that was sent all output so far has seen part of the answer. Before that, another provider
    /// can take over without the client noticing.
    #[must_use]
    pub fn has_content(&self) -> bool {
        self.has_content
    }

    /// Whether the provider said that the stream is complete.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.reader.is_done())
    }

    /// What is known of the answer so far.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Translates a provider's error answer: the status and the body for the client.
    #[must_use]
    pub fn error(&self, status: u16, body: &[u8]) -> (u16, Vec<u8>) {
        let info = ErrorInfo::read(status, body).request_id(self.identity.seed.as_str());
        (self.surface().error_status(&info), self.surface().error_body(&info))
    }

    /// Says how long the answer takes so far: call it before [`whole`](Self::whole), or before every
    /// [`frame`](Self::frame). Only clients that expect durations see it, where the provider says nothing better.
    pub fn elapsed(&mut self, elapsed: Duration) {
        self.elapsed = elapsed;
    }

    /// What the provider measured, else what was measured here.
    fn timings(&self, timings: Timings) -> Timings {
        if timings.total.is_some() || self.elapsed.is_zero() {
            return timings;
        }
        let output = self.first.map(|first| self.elapsed.saturating_sub(first));
        Timings { total: Some(self.elapsed), output, ..timings }
    }

    fn embeddings(&mut self, body: &[u8]) -> Result<Vec<u8>, StreamFault> {
        let document = Document::new(body)?;
        let read = match self.provider {
            Operation::OllamaEmbed | Operation::OllamaEmbeddings => embeddings::read_ollama,
            _ => embeddings::read_openai,
        };
        let reply = read(document.root()).map_err(|error| fault(&error, document.root()))?;
        self.summary.usage = reply.usage;
        let mut written = Vec::with_capacity(body.len() + 256);
        object(&mut written, |out| match self.client {
            Operation::OllamaEmbed => embeddings::write_embeddings(reply, &self.identity, self.elapsed, out),
            Operation::OllamaEmbeddings => embeddings::write_embedding(reply, out),
            _ => embeddings::write_reply(reply, &self.identity, self.wish, out),
        });
        Ok(written)
    }

    fn write_whole(&self, reply: Reply, out: &mut Vec<u8>) {
        let Self { client, identity, envelope, summary, .. } = self;
        // The streams of these two tell the whole answer again at their end, and have it as a tree.
        match envelope {
            Some(envelope) => return responses::write_reply(reply, identity, envelope).write(out),
            None if *client == Operation::LmStudioNativeChat => {
                return lmstudio::write_native(reply, identity).write(out);
            }
            None => {}
        }
        object(out, |out| match client {
            Operation::OllamaChat => ollama::write_reply(reply, identity, ollama::Shape::Chat, out),
            Operation::OllamaGenerate => ollama::write_reply(reply, identity, ollama::Shape::Generate, out),
            Operation::Messages => anthropic::write_reply(reply, identity, out),
            Operation::Completions => completions::write_reply(reply, identity, out),
            Operation::LmStudioChat | Operation::LmStudioCompletions => {
                let timings = reply.timings;
                match client {
                    Operation::LmStudioChat => openai::write_reply(reply, identity, out),
                    _ => completions::write_reply(reply, identity, out),
                }
                lmstudio::write_stats(summary.stop.as_ref(), summary.usage.as_ref(), timings, out);
            }
            _ => openai::write_reply(reply, identity, out),
        });
    }

    fn open(&self) -> Stream {
        let identity = self.identity.clone();
        let writer: Box<dyn WriteStream> = match self.client {
            Operation::OllamaChat => Box::new(ollama::LineWriter::new(identity, ollama::Shape::Chat)),
            Operation::OllamaGenerate => Box::new(ollama::LineWriter::new(identity, ollama::Shape::Generate)),
            Operation::Messages => Box::new(anthropic::EventWriter::new(identity)),
            Operation::Completions => Box::new(completions::TextWriter::new(identity, self.wish)),
            Operation::LmStudioChat => Box::new(lmstudio::StudioWriter::chat(identity)),
            Operation::LmStudioCompletions => Box::new(lmstudio::StudioWriter::completion(identity)),
            Operation::LmStudioNativeChat => Box::new(lmstudio::NativeWriter::new(identity)),
            Operation::Responses => match &self.envelope {
                Some(envelope) => Box::new(responses::ResponseWriter::new(identity, envelope.clone())),
                None => Box::new(openai::ChatWriter::new(identity, self.wish)),
            },
            _ => Box::new(openai::ChatWriter::new(identity, self.wish)),
        };
        let (frames, reader) = (Frames::new(self.provider), stream_reader(self.provider));
        Stream { frames, reader, writer, failed: false, size: 0 }
    }
}

impl Summary {
    fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::Usage(usage) => self.usage.get_or_insert_default().update(*usage),
            Event::Stop { choice: 0, stop } => self.stop = Some(stop.clone()),
            Event::Timings(timings) => self.timings = *timings,
            _ => {}
        }
    }
}

/// A whole body that is no answer: an error of the provider's under a status of success, or nonsense.
fn fault(error: &serde_json::Error, body: Node<'_>) -> StreamFault {
    match body.get("error") {
        Some(told) if !told.is_null() => StreamFault::Provider(ErrorInfo::from_value(200, &body.value())),
        _ => StreamFault::Malformed(error.to_string()),
    }
}
