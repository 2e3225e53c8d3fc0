//! Reads the bare words of a provider's answer, whatever API it speaks.

use super::{
    frames::{Frames, stream_reader},
    reply::read_whole,
};
use crate::{
    canonical::{Event, Part, Stop},
    dialect::{ReadStream, StreamFault},
    operation::Operation,
};

/// The words of a whole answer to `operation`: its first choice, without thoughts and tool calls. An answer that
/// says nothing is an empty text.
///
/// # Errors
/// The body is not what the provider's API says, or reports an error in spite of its status.
pub fn words(operation: Operation, body: &[u8]) -> Result<String, StreamFault> {
    let reply = read_whole(operation, body)?;
    let choice = reply.choices.into_iter().next();
    let choice = choice.ok_or_else(|| StreamFault::Malformed("the answer has no choice".to_owned()))?;
    let said = |part| match part {
        Part::Text { text, .. } => Some(text),
        Part::Refusal(text) => Some(text.value),
        _ => None,
    };
    Ok(choice.parts.into_iter().filter_map(said).collect())
}

/// Reads the words of a streamed answer from bytes in any pieces.
#[derive(Debug)]
pub struct WordReader {
    frames: Frames,
    reader: Box<dyn ReadStream>,
    stop: Option<Stop>,
}

impl WordReader {
    /// For a provider's answer to this operation.
    #[must_use]
    pub fn new(operation: Operation) -> Self {
        Self { frames: Frames::new(operation), reader: stream_reader(operation), stop: None }
    }

    /// Hands the words that `bytes` complete to `sink`.
    ///
    /// # Errors
    /// The stream cannot be read on, or reports an error.
    pub fn feed(&mut self, bytes: &[u8], mut sink: impl FnMut(&str)) -> Result<(), StreamFault> {
        let Self { frames, reader, stop } = self;
        frames.feed(bytes, &mut **reader, &mut |event| note(event, stop, &mut sink))
    }

    /// The provider's stream has ended, and its HTTP vouches for that: it may have left out the last event.
    ///
    /// # Errors
    /// As with [`feed`](Self::feed).
    pub fn close(&mut self, mut sink: impl FnMut(&str)) -> Result<(), StreamFault> {
        let Self { frames, reader, stop } = self;
        frames.close(&mut **reader, &mut |event| note(event, stop, &mut sink))
    }

    /// Whether the provider said that the stream is complete.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.reader.is_done()
    }

    /// Why the answer ended, in OpenAI's word (`finish_reason`).
    #[must_use]
    pub fn finish_reason(&self) -> &'static str {
        match self.stop {
            Some(Stop::Length | Stop::ContextFull) => "length",
            Some(Stop::Filtered) => "content_filter",
            _ => "stop",
        }
    }
}

fn note(event: Event<'_>, stop: &mut Option<Stop>, sink: &mut impl FnMut(&str)) {
    match event {
        Event::Text { choice: 0, text, .. } | Event::Refusal { choice: 0, text } if !text.is_empty() => sink(&text),
        Event::Stop { choice: 0, stop: why } => *stop = Some(why),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SSE: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n: ping\n\n\
        data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"żó\"}}]}\n\n\
        data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"łw\"},\"finish_reason\":\"length\"}]}\n\n\
        data: {\"choices\":[],\"usage\":{}}\n\ndata: [DONE]\n\n";
    const EVENTS: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"content\":[]}}\n\n\
        event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\
        \"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n\
        event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\
        \"delta\":{\"type\":\"text_delta\",\"text\":\"żó\"}}\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n\
        event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\
        \"delta\":{\"type\":\"text_delta\",\"text\":\"łw\"}}\n\n\
        event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n\
        event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\"}}\n\n\
        event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    const LINES: &str = "{\"message\":{\"role\":\"assistant\",\"content\":\"żó\"},\"done\":false}\n\
        {\"message\":{\"content\":\"łw\"},\"done\":false}\n\
        {\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"length\"}\n";
    const STREAMS: [(Operation, &str); 3] =
        [(Operation::ChatCompletions, SSE), (Operation::Messages, EVENTS), (Operation::OllamaChat, LINES)];

    #[test]
    fn the_words_of_every_dialect_are_read_wherever_the_bytes_are_cut() {
        for (operation, stream) in STREAMS {
            for cut in 0..=stream.len() {
                let mut reader = WordReader::new(operation);
                let mut said = String::new();
                let (head, tail) = stream.as_bytes().split_at(cut);
                reader.feed(head, |words| said.push_str(words)).unwrap();
                assert!(!reader.is_done() || cut == stream.len(), "{operation:?} at {cut}");
                reader.feed(tail, |words| said.push_str(words)).unwrap();
                assert_eq!((said.as_str(), reader.is_done()), ("żółw", true), "{operation:?} at {cut}");
                assert_eq!(reader.finish_reason(), "length");
            }
        }
    }

    #[test]
    fn a_whole_answer_gives_its_words_alone() {
        let openai = |body: &str| words(Operation::ChatCompletions, body.as_bytes());
        assert_eq!(openai(r#"{"choices":[{"index":0,"message":{"content":"a"}}]}"#).as_deref(), Ok("a"));
        assert_eq!(openai(r#"{"choices":[{"index":0,"message":{"content":null}}]}"#).as_deref(), Ok(""));
        let thinking = r#"{"content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#;
        assert_eq!(words(Operation::Messages, thinking.as_bytes()).as_deref(), Ok("ab"));
        let ollama = r#"{"message":{"content":"a","thinking":"hm"},"done":true}"#;
        assert_eq!(words(Operation::OllamaChat, ollama.as_bytes()).as_deref(), Ok("a"));
        for body in ["", "[]", "<html>", r#"{"choices":[]}"#, r#"{"error":{"message":"no"}}"#] {
            assert!(openai(body).is_err(), "{body}");
        }
    }
}
