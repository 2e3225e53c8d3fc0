//! Anthropic messages, whole and as events.

use serde_json::{Value, json};

use super::Setting;
use crate::{
    frames::{Frames, Writer},
    reply::Reply,
    script::Finish,
    words,
};

/// The signature of every thinking block; a client must hand it back unchanged.
const SIGNATURE: &str = "bW9jay1zaWduYXR1cmU=";

const PING: &str = "event: ping\ndata: {\"type\": \"ping\"}\n\n";

/// A whole message.
pub(super) fn document(setting: &Setting<'_>, reply: &Reply) -> Value {
    let content: Vec<Value> = blocks(reply).into_iter().map(|block| block.whole).collect();
    json!({
        "id": setting.id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": setting.ask.model,
        "content": content,
        "stop_reason": stop_reason(reply),
        "stop_sequence": reply.stop_sequence,
        "usage": usage(reply, reply.completion_tokens()),
    })
}

/// A message as events: start, a ping, the blocks one after the other, the ending.
pub(super) fn stream(setting: &Setting<'_>, reply: &Reply) -> Frames {
    let mut writer = Writer::new(&setting.script.quirks, PING);
    let message = json!({
        "id": setting.id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": setting.ask.model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": usage(reply, 1),
    });
    event(&mut writer, "message_start", json!({"message": message}));
    for (index, block) in blocks(reply).into_iter().enumerate() {
        event(&mut writer, "content_block_start", json!({"index": index, "content_block": block.opening}));
        if index == 0 {
            event(&mut writer, "ping", json!({}));
        }
        let before = format!(
            "{{\"type\":\"content_block_delta\",\"index\":{index},\"delta\":{{\"type\":\"{}\",\"{}\":",
            block.delta, block.field
        );
        for piece in &block.pieces {
            writer.token().text_event(Some("content_block_delta"), &before, piece, "}}");
        }
        if block.delta == "thinking_delta" {
            let delta = json!({"type": "signature_delta", "signature": SIGNATURE});
            event(&mut writer, "content_block_delta", json!({"index": index, "delta": delta}));
        }
        event(&mut writer, "content_block_stop", json!({"index": index}));
    }
    let delta = json!({"stop_reason": stop_reason(reply), "stop_sequence": reply.stop_sequence});
    let usage = json!({"output_tokens": reply.completion_tokens()});
    event(&mut writer, "message_delta", json!({"delta": delta, "usage": usage}));
    event(&mut writer, "message_stop", json!({}));
    writer.finish("text/event-stream; charset=utf-8")
}

/// A content block: whole, and as it is streamed.
struct Block {
    whole: Value,
    opening: Value,
    delta: &'static str,
    field: &'static str,
    pieces: Vec<String>,
}

fn blocks(reply: &Reply) -> Vec<Block> {
    let mut blocks = Vec::new();
    if !reply.reasoning.is_empty() {
        blocks.push(Block {
            whole: json!({"type": "thinking", "thinking": reply.reasoning(), "signature": SIGNATURE}),
            opening: json!({"type": "thinking", "thinking": "", "signature": ""}),
            delta: "thinking_delta",
            field: "thinking",
            pieces: reply.reasoning.clone(),
        });
    }
    if !reply.text.is_empty() || reply.calls.is_empty() {
        blocks.push(Block {
            whole: json!({"type": "text", "text": reply.text()}),
            opening: json!({"type": "text", "text": ""}),
            delta: "text_delta",
            field: "text",
            pieces: reply.text.clone(),
        });
    }
    for call in &reply.calls {
        let id = format!("toolu_{}", call.id);
        let arguments = call.arguments.to_string();
        let pieces = words::tokens(&arguments).into_iter().map(str::to_owned);
        blocks.push(Block {
            whole: json!({"type": "tool_use", "id": id, "name": call.name, "input": call.arguments}),
            opening: json!({"type": "tool_use", "id": id, "name": call.name, "input": {}}),
            delta: "input_json_delta",
            field: "partial_json",
            // The first delta of a tool's input is empty.
            pieces: std::iter::once(String::new()).chain(pieces).collect(),
        });
    }
    blocks
}

/// An event whose data has a member `type` equal to its name.
fn event(writer: &mut Writer, name: &str, more: Value) {
    let mut data = json!({"type": name});
    super::extend(&mut data, more);
    writer.event(Some(name), &data);
}

fn usage(reply: &Reply, output: usize) -> Value {
    json!({"input_tokens": reply.prompt_tokens, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
        "output_tokens": output, "service_tier": "standard"})
}

fn stop_reason(reply: &Reply) -> &'static str {
    match reply.finish {
        Finish::Stop if reply.stop_sequence.is_some() => "stop_sequence",
        Finish::Stop => "end_turn",
        Finish::Length => "max_tokens",
        Finish::Tools => "tool_use",
        Finish::Filter => "refusal",
        Finish::Pause => "pause_turn",
    }
}
