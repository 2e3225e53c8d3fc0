//! Answers in each dialect's own shape.

mod anthropic;
mod chat;
mod completion;
mod embeddings;
mod listing;
mod ollama;
mod responses;

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Map, Value, json};

use crate::{
    ask::Ask,
    failure,
    frames::{Frames, Writer},
    reply::{self, Reply},
    route::{Dialect, Surface},
    script::{Act, Point, Script},
};

pub(crate) use listing::{listing, model_names};

/// What an answer is made from.
pub(crate) struct Setting<'a> {
    pub(crate) surface: Surface,
    pub(crate) dialect: Dialect,
    pub(crate) ask: &'a Ask,
    pub(crate) script: &'a Script,
    /// The number of the request: ids are made from it.
    pub(crate) number: u64,
}

impl Setting<'_> {
    fn created(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    fn id(&self, prefix: &str) -> String {
        format!("{prefix}mock{:016x}", self.number)
    }
}

/// The answer to a request that generates something.
pub(crate) fn answer(setting: &Setting<'_>) -> Frames {
    let ask = setting.ask;
    let mut frames = match setting.surface {
        Surface::Embeddings | Surface::LmEmbeddings | Surface::OllamaEmbed | Surface::OllamaEmbeddings => {
            Frames::json(&embeddings::document(setting))
        }
        Surface::CountTokens => Frames::json(&json!({"input_tokens": ask.prompt_tokens})),
        surface => {
            let reply = reply::compose(ask, setting.script, setting.number);
            generated(surface, setting, &reply)
        }
    };
    if !frames.whole {
        spoil_events(setting, &mut frames);
    }
    frames
}

fn generated(surface: Surface, setting: &Setting<'_>, reply: &Reply) -> Frames {
    match (surface, setting.ask.stream) {
        (Surface::Completions | Surface::LmCompletions, false) => Frames::json(&completion::document(setting, reply)),
        (Surface::Completions | Surface::LmCompletions, true) => completion::stream(setting, reply),
        (Surface::Responses, false) => Frames::json(&responses::document(setting, reply)),
        (Surface::Responses, true) => responses::stream(setting, reply),
        (Surface::Messages, false) => Frames::json(&anthropic::document(setting, reply)),
        (Surface::Messages, true) => anthropic::stream(setting, reply),
        (Surface::OllamaChat | Surface::OllamaGenerate, false) => Frames::json(&ollama::document(setting, reply)),
        (Surface::OllamaChat | Surface::OllamaGenerate, true) => ollama::stream(setting, reply),
        (_, false) => Frames::json(&chat::document(setting, reply)),
        (_, true) => chat::stream(setting, reply),
    }
}

/// Puts in the event that is not JSON, or ends the stream with an error event.
fn spoil_events(setting: &Setting<'_>, frames: &mut Frames) {
    let Some((act @ (Act::BadEvent | Act::ErrorEvent), Point::Event(at))) = setting.script.faults.act else {
        return;
    };
    let at = usize::try_from(at).unwrap_or(usize::MAX).min(frames.pieces.len());
    let mut writer = Writer::new(&setting.script.quirks, "");
    if act == Act::BadEvent {
        match setting.dialect {
            Dialect::Ollama => writer.text_line("{\"broken\": ", "not JSON", ""),
            _ => writer.raw_event("{\"broken\": \"not JSON\""),
        }
        let piece = writer.finish("").pieces[0].clone();
        Arc::make_mut(&mut frames.pieces).insert(at, piece);
    } else {
        let kind =
            failure::kind_of(setting.script.faults.failure.as_ref().and_then(|f| f.kind).or(Some("overloaded")), None);
        let body = failure::body(setting.dialect, kind, None, setting.number);
        match (setting.dialect, setting.surface) {
            (Dialect::Ollama, _) => writer.line(&body),
            (Dialect::Anthropic, _) => writer.event(Some("error"), &body),
            (_, Surface::Responses) => {
                let error = &body["error"];
                let data = json!({"type": "error", "code": error["code"], "message": error["message"], "param": null, "sequence_number": at});
                writer.event(Some("error"), &data);
            }
            (_, _) => writer.event(None, &body),
        }
        let piece = writer.finish("").pieces[0].clone();
        let pieces = Arc::make_mut(&mut frames.pieces);
        pieces.truncate(at);
        pieces.push(piece);
    }
    frames.last_token = frames.last_token.min(frames.pieces.len() - 1);
    frames.first_token = frames.first_token.min(frames.last_token);
}

/// Adds members to an object.
fn extend(value: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (value, more) {
        into.extend(more);
    }
}

/// An object without its `null` members that were only placeholders.
fn compact(pairs: Vec<(&str, Option<Value>)>) -> Value {
    Value::Object(pairs.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect::<Map<_, _>>())
}
