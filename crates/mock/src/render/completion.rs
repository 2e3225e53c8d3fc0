//! OpenAI text completions; LM Studio's own route adds its numbers.

use serde_json::{Value, json};

use super::{Setting, chat, extend};
use crate::{
    frames::{Frames, Writer},
    reply::Reply,
    route::Surface,
    script::Finish,
};

/// A whole completion: a choice for each prompt and each of `n`.
pub(super) fn document(setting: &Setting<'_>, reply: &Reply) -> Value {
    let prompts = setting.ask.inputs.len().max(1);
    let choices: Vec<Value> = (0..prompts * setting.ask.n)
        .map(|index| {
            let prompt = setting.ask.inputs.get(index / setting.ask.n).filter(|_| setting.ask.echo);
            let text = prompt.cloned().unwrap_or_default() + &reply.text();
            choice(index, &text, Some(reply.finish))
        })
        .collect();
    let mut value = base(setting);
    extend(&mut value, json!({"choices": choices, "usage": chat::usage(setting, reply)}));
    if setting.surface == Surface::LmCompletions {
        extend(&mut value, super::listing::lm_studio_extras(reply));
    }
    value
}

/// A completion in chunks.
pub(super) fn stream(setting: &Setting<'_>, reply: &Reply) -> Frames {
    let mut writer = Writer::new(&setting.script.quirks, ": ping\n\n");
    let base = base(setting);
    let chunk = |index, text: &str, finish| {
        let mut value = base.clone();
        extend(&mut value, json!({"choices": [choice(index, text, finish)]}));
        value
    };
    let choices = setting.ask.inputs.len().max(1) * setting.ask.n;
    for token in &reply.text {
        for index in 0..choices {
            writer.token().event(None, &chunk(index, token, None));
        }
    }
    for index in 0..choices {
        writer.event(None, &chunk(index, "", Some(reply.finish)));
    }
    if setting.script.quirks.usage.unwrap_or(setting.ask.usage_in_stream) {
        let mut value = base.clone();
        extend(&mut value, json!({"choices": [], "usage": chat::usage(setting, reply)}));
        writer.event(None, &value);
    }
    writer.raw_event("[DONE]");
    writer.finish("text/event-stream")
}

fn base(setting: &Setting<'_>) -> Value {
    json!({
        "id": setting.id("cmpl-"),
        "object": "text_completion",
        "created": setting.created(),
        "model": setting.ask.model,
    })
}

fn choice(index: usize, text: &str, finish: Option<Finish>) -> Value {
    json!({"index": index, "text": text, "logprobs": null, "finish_reason": finish.map(chat::finish_reason)})
}
