//! Reads a provider's answer: the text of a whole one, and the words of a streamed one.

use llm_router_core::{
    codec::{CodecError, DEFAULT_LIMIT, NdjsonDecoder, SseDecoder},
    dialect::ErrorInfo,
    operation::Operation,
};
use serde_json::Value;

/// A provider's answer is not one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// Not the JSON of the operation.
    #[error("the provider's answer is not an answer of its API")]
    Shape,
    /// An error in the middle of a stream.
    #[error("{0}")]
    Told(String),
    /// An event without end.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// The text of a whole answer. Content that is null or absent is an empty text: the model said nothing.
pub(super) fn text(operation: Operation, body: &[u8]) -> Result<String, Unreadable> {
    let reply: Value = serde_json::from_slice(body).map_err(|_| Unreadable::Shape)?;
    let content = match operation {
        Operation::OllamaChat => reply.get("message").ok_or(Unreadable::Shape)?.get("content"),
        Operation::Messages => Some(reply.get("content").ok_or(Unreadable::Shape)?),
        _ => reply.pointer("/choices/0/message").ok_or(Unreadable::Shape)?.get("content"),
    };
    match content {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Array(parts)) => {
            // OpenAI and Anthropic both may answer in parts; those of other types are thoughts and tools.
            let texts = parts.iter().filter(|part| part.get("type").is_none_or(|kind| kind == "text"));
            Ok(texts.filter_map(|part| part.get("text")?.as_str()).collect())
        }
        Some(_) => Err(Unreadable::Shape),
    }
}

/// One step of a streamed answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// More words.
    Words(String),
    /// The model has stopped, and why, in OpenAI's word for it.
    Stopped(&'static str),
    /// The stream has ended as it should.
    End,
}

/// Reads a streamed answer from bytes in any pieces.
#[derive(Debug)]
pub(super) enum StreamReader {
    OpenAi(SseDecoder),
    Anthropic(SseDecoder),
    Ollama(NdjsonDecoder),
}

impl StreamReader {
    pub(super) fn new(operation: Operation) -> Self {
        match operation {
            Operation::OllamaChat => Self::Ollama(NdjsonDecoder::new(DEFAULT_LIMIT)),
            Operation::Messages => Self::Anthropic(SseDecoder::new(DEFAULT_LIMIT)),
            _ => Self::OpenAi(SseDecoder::new(DEFAULT_LIMIT)),
        }
    }

    /// Hands every step that `bytes` completes to `sink`.
    pub(super) fn feed(&mut self, bytes: &[u8], mut sink: impl FnMut(Step)) -> Result<(), Unreadable> {
        match self {
            Self::OpenAi(decoder) => decoder.feed(bytes, |event| openai(event.data, &mut sink)),
            Self::Anthropic(decoder) => decoder.feed(bytes, |event| anthropic(event.data, &mut sink)),
            Self::Ollama(decoder) => decoder.feed(bytes, |line| ollama(line, &mut sink)),
        }
    }
}

fn parse(data: &[u8]) -> Result<Value, Unreadable> {
    let value: Value = serde_json::from_slice(data).map_err(|_| Unreadable::Shape)?;
    let is_error = value.get("error").is_some_and(|error| !error.is_null());
    if is_error { Err(Unreadable::Told(ErrorInfo::read(200, data).message)) } else { Ok(value) }
}

fn words(content: Option<&Value>, sink: &mut impl FnMut(Step)) {
    if let Some(Value::String(text)) = content
        && !text.is_empty()
    {
        sink(Step::Words(text.clone()));
    }
}

fn openai(data: &[u8], sink: &mut impl FnMut(Step)) -> Result<(), Unreadable> {
    if data.trim_ascii() == b"[DONE]" {
        sink(Step::End);
        return Ok(());
    }
    let chunk = parse(data)?;
    // The last chunk may carry usage and no choice.
    let Some(choice) = chunk.pointer("/choices/0") else { return Ok(()) };
    words(choice.pointer("/delta/content"), sink);
    match choice.get("finish_reason") {
        None | Some(Value::Null) => {}
        Some(Value::String(reason)) if reason == "length" => sink(Step::Stopped("length")),
        Some(Value::String(reason)) if reason == "content_filter" => sink(Step::Stopped("content_filter")),
        Some(_) => sink(Step::Stopped("stop")),
    }
    Ok(())
}

fn anthropic(data: &[u8], sink: &mut impl FnMut(Step)) -> Result<(), Unreadable> {
    let event = parse(data)?;
    match event.get("type").and_then(Value::as_str) {
        Some("content_block_delta") => words(event.pointer("/delta/text"), sink),
        Some("message_delta") => match event.pointer("/delta/stop_reason").and_then(Value::as_str) {
            None => {}
            Some("max_tokens") => sink(Step::Stopped("length")),
            Some("refusal") => sink(Step::Stopped("content_filter")),
            Some(_) => sink(Step::Stopped("stop")),
        },
        Some("message_stop") => sink(Step::End),
        _ => {}
    }
    Ok(())
}

fn ollama(line: &[u8], sink: &mut impl FnMut(Step)) -> Result<(), Unreadable> {
    let line = parse(line)?;
    words(line.pointer("/message/content"), sink);
    if line.get("done") == Some(&Value::Bool(true)) {
        let length = line.get("done_reason").is_some_and(|reason| reason == "length");
        sink(Step::Stopped(if length { "length" } else { "stop" }));
        sink(Step::End);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SSE: &str = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n: ping\n\n\
        data: {\"choices\":[{\"delta\":{\"content\":\"żó\"}}]}\n\n\
        data: {\"choices\":[{\"delta\":{\"content\":\"łw\"},\"finish_reason\":\"length\"}]}\n\n\
        data: {\"choices\":[],\"usage\":{}}\n\ndata: [DONE]\n\n";
    const EVENTS: &str = "event: message_start\ndata: {\"type\":\"message_start\"}\n\n\
        event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"żó\"}}\n\n\
        event: ping\ndata: {\"type\":\"ping\"}\n\n\
        event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"łw\"}}\n\n\
        event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\"}}\n\n\
        event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    const LINES: &str = "{\"message\":{\"content\":\"żó\"},\"done\":false}\n{\"message\":{\"content\":\"łw\"},\"done\":false}\n\
        {\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"length\"}\n";

    fn read(operation: Operation, pieces: &[&[u8]]) -> Result<(String, Vec<Step>), Unreadable> {
        let mut reader = StreamReader::new(operation);
        let (mut said, mut steps) = (String::new(), Vec::new());
        for piece in pieces {
            reader.feed(piece, |step| match step {
                Step::Words(words) => said.push_str(&words),
                other => steps.push(other),
            })?;
        }
        Ok((said, steps))
    }

    #[test]
    fn the_words_of_every_dialect_are_read_wherever_the_bytes_are_cut() {
        let streams =
            [(Operation::ChatCompletions, SSE), (Operation::Messages, EVENTS), (Operation::OllamaChat, LINES)];
        for (operation, stream) in streams {
            for cut in 0..=stream.len() {
                let (head, tail) = stream.as_bytes().split_at(cut);
                let told = read(operation, &[head, tail]).unwrap();
                assert_eq!(
                    told,
                    ("żółw".to_owned(), vec![Step::Stopped("length"), Step::End]),
                    "{operation:?} at {cut}"
                );
            }
        }
    }

    #[test]
    fn a_stream_that_was_cut_has_no_end() {
        for (operation, stream) in
            [(Operation::ChatCompletions, SSE), (Operation::Messages, EVENTS), (Operation::OllamaChat, LINES)]
        {
            for cut in 0..stream.len() {
                let (_, steps) = read(operation, &[&stream.as_bytes()[..cut]]).unwrap();
                assert!(!steps.contains(&Step::End), "{operation:?} at {cut}");
            }
        }
    }

    #[test]
    fn an_error_in_a_stream_is_told() {
        let told = read(Operation::ChatCompletions, &[b"data: {\"error\":{\"message\":\"out of memory\"}}\n\n"]);
        assert_eq!(told, Err(Unreadable::Told("out of memory".to_owned())));
        let told = read(Operation::OllamaChat, &[b"{\"error\":\"out of memory\"}\n"]);
        assert_eq!(told, Err(Unreadable::Told("out of memory".to_owned())));
        assert_eq!(read(Operation::OllamaChat, &[b"<html>\n"]), Err(Unreadable::Shape));
    }

    #[test]
    fn a_whole_answer_is_read_by_its_dialect() {
        let read = |operation, body: &str| text(operation, body.as_bytes());
        let openai = Operation::ChatCompletions;
        assert_eq!(read(openai, r#"{"choices":[{"message":{"content":"a"}}]}"#).as_deref(), Ok("a"));
        assert_eq!(read(openai, r#"{"choices":[{"message":{"content":null}}]}"#).as_deref(), Ok(""));
        assert_eq!(
            read(openai, r#"{"choices":[{"message":{"content":[{"type":"text","text":"a"}]}}]}"#).as_deref(),
            Ok("a")
        );
        assert_eq!(read(Operation::OllamaChat, r#"{"message":{"content":"a"},"done":true}"#).as_deref(), Ok("a"));
        let parts = r#"{"content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#;
        assert_eq!(read(Operation::Messages, parts).as_deref(), Ok("ab"));
        for body in ["", "{}", "[]", "<html>", r#"{"choices":[]}"#, r#"{"choices":[{"message":{"content":7}}]}"#] {
            assert_eq!(read(openai, body), Err(Unreadable::Shape), "{body}");
        }
    }
}
