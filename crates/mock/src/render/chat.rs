//! OpenAI chat completions, with the habits of vLLM, llama.cpp and LM Studio's own route.

use serde_json::{Value, json};

use super::{Setting, extend};
use crate::{
    frames::{Frames, Writer},
    reply::{Call, Reply},
    route::Surface,
    script::{Engine, Finish},
    words,
};

/// A whole chat completion.
pub(super) fn document(setting: &Setting<'_>, reply: &Reply) -> Value {
    let choices: Vec<Value> = (0..setting.ask.n)
        .map(|index| {
            let mut choice = json!({
                "index": index,
                "message": message(setting, reply),
                "logprobs": logprobs(setting, &reply.text),
                "finish_reason": finish_reason(reply.finish),
            });
            if engine(setting) == Engine::Vllm {
                extend(&mut choice, json!({"stop_reason": reply.stop_sequence, "token_ids": null}));
            }
            choice
        })
        .collect();
    let mut value = json!({
        "id": setting.id("chatcmpl-"),
        "object": "chat.completion",
        "created": setting.created(),
        "model": setting.ask.model,
        "choices": choices,
        "usage": usage(setting, reply),
    });
    extend(&mut value, extras(setting, reply));
    value
}

/// A chat completion in chunks.
pub(super) fn stream(setting: &Setting<'_>, reply: &Reply) -> Frames {
    let chunks = Chunks::new(setting);
    let mut writer = Writer::new(&setting.script.quirks, ": ping\n\n");
    let n = setting.ask.n;
    for index in 0..n {
        let content = if reply.calls.is_empty() { json!("") } else { Value::Null };
        writer.event(None, &chunks.with(index, json!({"role": "assistant", "content": content}), None));
    }
    for index in 0..n {
        let field = reasoning_field(setting);
        for token in &reply.reasoning {
            writer.token().event(None, &chunks.with(index, json!({field: token}), None));
        }
    }
    for token in &reply.text {
        for index in 0..n {
            chunks.text(writer.token(), index, token, setting);
        }
    }
    for (at, call) in reply.calls.iter().enumerate() {
        tool_call(&chunks, writer.token(), at, call);
    }
    for index in 0..n {
        let mut last = chunks.with(index, json!({}), Some(finish_reason(reply.finish)));
        if setting.surface == Surface::LmChat {
            extend(&mut last, super::listing::lm_studio_extras(reply));
        } else if engine(setting) == Engine::LlamaCpp {
            extend(&mut last, json!({"timings": timings(reply)}));
        } else if engine(setting) == Engine::Vllm {
            extend(&mut last["choices"][0], json!({"stop_reason": reply.stop_sequence}));
        }
        writer.event(None, &last);
    }
    if setting.script.quirks.usage.unwrap_or(setting.ask.usage_in_stream) {
        let mut last = chunks.base.clone();
        extend(&mut last, json!({"choices": [], "usage": usage(setting, reply)}));
        writer.event(None, &last);
    }
    writer.raw_event("[DONE]");
    writer.finish("text/event-stream")
}

fn tool_call(chunks: &Chunks, writer: &mut Writer, at: usize, call: &Call) {
    let start = json!({"index": at, "id": format!("call_{}", call.id), "type": "function",
        "function": {"name": call.name, "arguments": ""}});
    writer.event(None, &chunks.with(0, json!({"tool_calls": [start]}), None));
    for piece in words::tokens(&call.arguments.to_string()) {
        let delta = json!({"tool_calls": [{"index": at, "function": {"arguments": piece}}]});
        writer.token().event(None, &chunks.with(0, delta, None));
    }
}

/// The parts every chunk of a stream shares.
struct Chunks {
    base: Value,
    before: String,
    after: String,
    null_usage: bool,
}

impl Chunks {
    fn new(setting: &Setting<'_>) -> Self {
        let mut base = json!({
            "id": setting.id("chatcmpl-"),
            "object": "chat.completion.chunk",
            "created": setting.created(),
            "model": setting.ask.model,
        });
        let engine = engine(setting);
        if engine == Engine::Plain {
            extend(&mut base, json!({"service_tier": "default", "system_fingerprint": "fp_mock"}));
        }
        let null_usage = engine == Engine::Plain && setting.ask.usage_in_stream;
        let mut head = base.to_string();
        head.pop();
        let before = format!("{head},\"choices\":[{{\"index\":");
        // vLLM sends an empty list of tool calls beside the text once tools were offered.
        let calls = if engine == Engine::Vllm && !setting.ask.tools.is_empty() { ",\"tool_calls\":[]" } else { "" };
        let usage = if null_usage { ",\"usage\":null" } else { "" };
        let after = format!("{calls}}},\"logprobs\":null,\"finish_reason\":null}}]{usage}}}");
        Self { base, before, after, null_usage }
    }

    fn with(&self, index: usize, delta: Value, finish: Option<&str>) -> Value {
        let mut value = self.base.clone();
        let choice = json!({"index": index, "delta": delta, "logprobs": null, "finish_reason": finish});
        extend(&mut value, json!({"choices": [choice]}));
        if self.null_usage {
            extend(&mut value, json!({"usage": null}));
        }
        value
    }

    fn text(&self, writer: &mut Writer, index: usize, token: &str, setting: &Setting<'_>) {
        if setting.ask.logprobs {
            let mut value = self.with(index, json!({"content": token}), None);
            value["choices"][0]["logprobs"] = logprobs(setting, &[token.to_owned()]);
            writer.event(None, &value);
        } else {
            writer.text_event(None, &format!("{}{index},\"delta\":{{\"content\":", self.before), token, &self.after);
        }
    }
}

fn message(setting: &Setting<'_>, reply: &Reply) -> Value {
    let text = reply.text();
    let content = if text.is_empty() && !reply.calls.is_empty() { Value::Null } else { Value::from(text) };
    let mut message = json!({"role": "assistant", "content": content});
    let calls: Vec<Value> = reply.calls.iter().map(call).collect();
    match engine(setting) {
        Engine::Plain => extend(&mut message, json!({"refusal": null, "annotations": []})),
        Engine::Vllm => extend(
            &mut message,
            json!({"refusal": null, "annotations": null, "audio": null, "function_call": null, "tool_calls": [],
                (reasoning_field(setting)): null}),
        ),
        Engine::LlamaCpp => {}
    }
    if !calls.is_empty() {
        message["tool_calls"] = Value::from(calls);
    }
    if !reply.reasoning.is_empty() {
        message[reasoning_field(setting)] = Value::from(reply.reasoning());
    }
    message
}

fn call(call: &Call) -> Value {
    json!({"id": format!("call_{}", call.id), "type": "function",
        "function": {"name": call.name, "arguments": call.arguments.to_string()}})
}

/// Members beside the standard ones, by engine.
fn extras(setting: &Setting<'_>, reply: &Reply) -> Value {
    if setting.surface == Surface::LmChat {
        return super::listing::lm_studio_extras(reply);
    }
    match engine(setting) {
        Engine::Plain => json!({"service_tier": "default", "system_fingerprint": "fp_mock"}),
        Engine::Vllm => {
            json!({"service_tier": null, "system_fingerprint": null, "prompt_logprobs": null,
            "prompt_token_ids": null, "kv_transfer_params": null})
        }
        Engine::LlamaCpp => json!({"system_fingerprint": "b0-mock", "timings": timings(reply)}),
    }
}

fn timings(reply: &Reply) -> Value {
    let (prompt, predicted) = (reply.prompt_tokens, reply.completion_tokens());
    json!({"prompt_n": prompt, "prompt_ms": prompt, "prompt_per_second": 1000.0,
        "predicted_n": predicted, "predicted_ms": predicted * 10, "predicted_per_second": 100.0})
}

fn engine(setting: &Setting<'_>) -> Engine {
    setting.script.quirks.engine
}

/// vLLM writes `reasoning`; it and the others long wrote `reasoning_content`.
fn reasoning_field(setting: &Setting<'_>) -> &'static str {
    let old = setting.script.quirks.reasoning_content.unwrap_or(engine(setting) != Engine::Vllm);
    if old { "reasoning_content" } else { "reasoning" }
}

pub(super) fn usage(setting: &Setting<'_>, reply: &Reply) -> Value {
    let completion = reply.completion_tokens() * setting.ask.n;
    let mut usage = json!({
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": completion,
        "total_tokens": reply.prompt_tokens + completion,
    });
    if engine(setting) == Engine::Plain {
        extend(
            &mut usage,
            json!({
                "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": reply.reasoning.len(), "audio_tokens": 0,
                    "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
            }),
        );
    }
    usage
}

pub(super) fn finish_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::Pause => "stop",
        Finish::Length => "length",
        Finish::Tools => "tool_calls",
        Finish::Filter => "content_filter",
    }
}

fn logprobs(setting: &Setting<'_>, tokens: &[String]) -> Value {
    if !setting.ask.logprobs {
        return Value::Null;
    }
    let content: Vec<Value> = tokens
        .iter()
        .map(|token| json!({"token": token, "logprob": -0.25, "bytes": token.as_bytes(), "top_logprobs": []}))
        .collect();
    json!({"content": content, "refusal": null})
}
