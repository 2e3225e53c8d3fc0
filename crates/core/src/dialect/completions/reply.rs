//! Reads and writes whole text completions.

use serde::Deserialize;
use serde_json::Value;

use super::logprobs;
use crate::{
    canonical::{Choice, Part, Reply, Stop, append},
    dialect::{
        Identity, lenient,
        openai::{self, UsageWire, stop_of, write_usage},
    },
    json::{Node, Object},
};

#[derive(Deserialize)]
struct ReplyWire {
    choices: Vec<ChoiceWire>,
    #[serde(default, deserialize_with = "lenient::any")]
    usage: Option<UsageWire>,
    #[serde(default, deserialize_with = "lenient::any")]
    system_fingerprint: Option<String>,
}

#[derive(Deserialize)]
struct ChoiceWire {
    #[serde(default)]
    index: u32,
    text: String,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    logprobs: Option<Value>,
}

/// Reads the body of a whole answer.
///
/// # Errors
/// It is no text completion.
pub(crate) fn read_reply(root: Node<'_>) -> Result<Reply, serde_json::Error> {
    let wire = ReplyWire::deserialize(root)?;
    let read = |choice: ChoiceWire| Choice {
        index: choice.index,
        parts: vec![Part::text(choice.text)],
        stop: choice.finish_reason.map(|word| stop_of(&word, None)),
        logprobs: choice.logprobs.and_then(|columns| logprobs::read(&columns)),
    };
    Ok(Reply {
        choices: wire.choices.into_iter().map(read).collect(),
        usage: wire.usage.map(Into::into),
        fingerprint: wire.system_fingerprint,
        ..Reply::default()
    })
}

/// Writes a whole answer.
pub(crate) fn write_reply(reply: Reply, identity: &Identity, out: &mut Object<'_>) {
    let Reply { choices, usage, timings: _, fingerprint, created } = reply;
    out.put("id", identity.id("cmpl-"));
    out.put("object", "text_completion");
    out.put("created", created.unwrap_or(identity.created));
    out.put("model", &identity.model);
    out.objects("choices", choices, write_choice);
    out.object("usage", |out| write_usage(&usage.unwrap_or_default(), out));
    out.some("system_fingerprint", fingerprint);
}

/// The `finish_reason` for it: text completions know no tools.
pub(super) fn finish_reason(stop: &Stop) -> &'static str {
    match stop {
        Stop::ToolUse => "stop",
        other => openai::finish_reason(other),
    }
}

fn write_choice(choice: Choice, out: &mut Object<'_>) {
    let mut text = None;
    for part in choice.parts {
        match part {
            Part::Text { text: more, .. } => append(&mut text, more),
            Part::Refusal(more) => append(&mut text, more.value),
            _ => {}
        }
    }
    out.put("index", choice.index);
    out.put("text", text.unwrap_or_default());
    out.put("logprobs", choice.logprobs.map(|rows| logprobs::write(&rows, 0)));
    out.put("finish_reason", finish_reason(&choice.stop.unwrap_or(Stop::End)));
}
