//! OpenAI Responses: the whole object and its stream of events.

use serde_json::{Value, json};

use super::{Setting, extend};
use crate::{
    frames::{Frames, Writer},
    reply::{Call, Reply},
    script::Finish,
    words,
};

/// A whole response.
pub(super) fn document(setting: &Setting<'_>, reply: &Reply) -> Value {
    let mut value = envelope(setting, reply.finish != Finish::Length);
    value["output"] = Value::from(items(setting, reply));
    value["usage"] = usage(reply);
    if reply.finish == Finish::Length {
        value["incomplete_details"] = json!({"reason": "max_output_tokens"});
    }
    value
}

/// A response as events, numbered from 0.
pub(super) fn stream(setting: &Setting<'_>, reply: &Reply) -> Frames {
    let mut events = Events { writer: Writer::new(&setting.script.quirks, ": ping\n\n"), next: 0 };
    let mut opening = envelope(setting, true);
    opening["status"] = json!("in_progress");
    events.send("response.created", json!({"response": opening}));
    events.send("response.in_progress", json!({"response": opening}));
    for (index, item) in items(setting, reply).iter().enumerate() {
        match item["type"].as_str() {
            Some("reasoning") => events.reasoning(index, item, reply),
            Some("function_call") => events.call(index, item),
            _ => events.message(index, item, reply),
        }
    }
    let ending = if reply.finish == Finish::Length { "response.incomplete" } else { "response.completed" };
    events.send(ending, json!({"response": document(setting, reply)}));
    events.writer.finish("text/event-stream; charset=utf-8")
}

struct Events {
    writer: Writer,
    next: u64,
}

impl Events {
    fn send(&mut self, name: &str, more: Value) {
        let mut data = json!({"type": name, "sequence_number": self.next});
        extend(&mut data, more);
        self.writer.event(Some(name), &data);
        self.next += 1;
    }

    fn message(&mut self, index: usize, item: &Value, reply: &Reply) {
        let id = &item["id"];
        let part = &item["content"][0];
        let empty = json!({"type": "output_text", "text": "", "annotations": [], "logprobs": []});
        let opening = json!({"id": id, "type": "message", "status": "in_progress", "role": "assistant", "content": []});
        self.send("response.output_item.added", json!({"output_index": index, "item": opening}));
        let place = json!({"item_id": id, "output_index": index, "content_index": 0});
        self.at("response.content_part.added", &place, json!({"part": empty}));
        for token in &reply.text {
            self.writer.token();
            self.at("response.output_text.delta", &place, json!({"delta": token, "logprobs": []}));
        }
        self.at("response.output_text.done", &place, json!({"text": part["text"], "logprobs": []}));
        self.at("response.content_part.done", &place, json!({"part": part}));
        self.send("response.output_item.done", json!({"output_index": index, "item": item}));
    }

    fn reasoning(&mut self, index: usize, item: &Value, reply: &Reply) {
        let opening = json!({"id": item["id"], "type": "reasoning", "summary": []});
        self.send("response.output_item.added", json!({"output_index": index, "item": opening}));
        let place = json!({"item_id": item["id"], "output_index": index, "summary_index": 0});
        let part = &item["summary"][0];
        self.at("response.reasoning_summary_part.added", &place, json!({"part": {"type": "summary_text", "text": ""}}));
        for token in &reply.reasoning {
            self.writer.token();
            self.at("response.reasoning_summary_text.delta", &place, json!({"delta": token}));
        }
        self.at("response.reasoning_summary_text.done", &place, json!({"text": part["text"]}));
        self.at("response.reasoning_summary_part.done", &place, json!({"part": part}));
        self.send("response.output_item.done", json!({"output_index": index, "item": item}));
    }

    fn call(&mut self, index: usize, item: &Value) {
        let mut opening = item.clone();
        extend(&mut opening, json!({"status": "in_progress", "arguments": ""}));
        self.send("response.output_item.added", json!({"output_index": index, "item": opening}));
        let place = json!({"item_id": item["id"], "output_index": index});
        let arguments = item["arguments"].as_str().unwrap_or_default();
        for piece in words::tokens(arguments) {
            self.writer.token();
            self.at("response.function_call_arguments.delta", &place, json!({"delta": piece}));
        }
        let done = json!({"name": item["name"], "arguments": arguments});
        self.at("response.function_call_arguments.done", &place, done);
        self.send("response.output_item.done", json!({"output_index": index, "item": item}));
    }

    fn at(&mut self, name: &str, place: &Value, more: Value) {
        let mut data = place.clone();
        extend(&mut data, more);
        self.send(name, data);
    }
}

fn items(setting: &Setting<'_>, reply: &Reply) -> Vec<Value> {
    let mut items = Vec::new();
    if !reply.reasoning.is_empty() {
        let summary = json!([{"type": "summary_text", "text": reply.reasoning()}]);
        items.push(json!({"id": setting.id("rs_"), "type": "reasoning", "summary": summary}));
    }
    if !reply.text.is_empty() || reply.calls.is_empty() {
        let part = json!({"type": "output_text", "text": reply.text(), "annotations": [], "logprobs": []});
        let status = if reply.finish == Finish::Length { "incomplete" } else { "completed" };
        items.push(json!({"id": setting.id("msg_"), "type": "message", "status": status,
            "role": "assistant", "content": [part]}));
    }
    items.extend(reply.calls.iter().map(call));
    items
}

fn call(call: &Call) -> Value {
    json!({"id": format!("fc_{}", call.id), "type": "function_call", "status": "completed",
        "call_id": format!("call_{}", call.id), "name": call.name, "arguments": call.arguments.to_string()})
}

fn usage(reply: &Reply) -> Value {
    let output = reply.completion_tokens();
    json!({"input_tokens": reply.prompt_tokens, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": output, "output_tokens_details": {"reasoning_tokens": reply.reasoning.len()},
        "total_tokens": reply.prompt_tokens + output})
}

/// The response object without its output; the request's own settings are repeated in it.
fn envelope(setting: &Setting<'_>, complete: bool) -> Value {
    let body = &setting.ask.body;
    let asked = |name: &str, otherwise: Value| body.get(name).cloned().unwrap_or(otherwise);
    json!({
        "id": setting.id("resp_"),
        "object": "response",
        "created_at": setting.created(),
        "status": if complete { "completed" } else { "incomplete" },
        "background": false,
        "error": null,
        "incomplete_details": null,
        "instructions": asked("instructions", Value::Null),
        "max_output_tokens": asked("max_output_tokens", Value::Null),
        "model": setting.ask.model,
        "output": [],
        "parallel_tool_calls": asked("parallel_tool_calls", json!(true)),
        "previous_response_id": asked("previous_response_id", Value::Null),
        "reasoning": asked("reasoning", json!({"effort": null, "summary": null})),
        "store": asked("store", json!(true)),
        "temperature": asked("temperature", json!(1.0)),
        "text": asked("text", json!({"format": {"type": "text"}})),
        "tool_choice": asked("tool_choice", json!("auto")),
        "tools": asked("tools", json!([])),
        "top_p": asked("top_p", json!(1.0)),
        "truncation": asked("truncation", json!("disabled")),
        "usage": null,
        "user": asked("user", Value::Null),
        "metadata": asked("metadata", json!({})),
    })
}
