//! Writes a whole response.

use serde_json::{Value, json};

use super::{
    envelope::{Envelope, Status},
    items::{SEALED, SIGNED, function_call, item_id, message, reasoning, refusal_part, text_part},
};
use crate::{
    canonical::{Choice, Part, Reply, Stop},
    dialect::Identity,
};

/// Writes a whole answer; of several answers the first.
pub(crate) fn write_reply(reply: Reply, identity: &Identity, envelope: &Envelope) -> Value {
    let Reply { choices, usage, timings: _, fingerprint: _, created: _ } = reply;
    let Choice { index: _, parts, stop, logprobs } = choices.into_iter().next().unwrap_or_default();
    let (mut output, mut said): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    let mut logprobs = logprobs.unwrap_or_else(|| json!([]));
    let mut calls = 0;
    for part in parts {
        match part {
            Part::Text { text, .. } => said.push(text_part(&text, &std::mem::replace(&mut logprobs, json!([])))),
            Part::Refusal(text) => said.push(refusal_part(&text.value)),
            Part::Thought(thought) => {
                finish(&mut said, &mut output, identity);
                let signature = thought.signature.filter(|seal| !seal.value.is_empty());
                let seal = signature.map(|seal| format!("{SIGNED}{}", seal.value));
                let seal = seal.or(thought.sealed.map(|data| format!("{SEALED}{}", data.value)));
                let id = item_id(identity, "rs_", output.len());
                output.push(reasoning(&id, &thought.text, seal.as_deref()));
            }
            Part::ToolCall(call) => {
                finish(&mut said, &mut output, identity);
                let id = if call.id.is_empty() { identity.call_id("call_", 0, calls) } else { call.id };
                calls += 1;
                let arguments = if call.arguments.is_empty() { "{}" } else { &call.arguments };
                let item = item_id(identity, "fc_", output.len());
                output.push(function_call(&item, "completed", [&id, &call.name], arguments, &call.rest.fields));
            }
            Part::Image { .. } | Part::File { .. } | Part::ToolResult(_) | Part::Other(_) => {}
        }
    }
    finish(&mut said, &mut output, identity);
    let stop = stop.unwrap_or(Stop::End);
    envelope.response(identity, Status::Done(&stop), output, Some(&usage.unwrap_or_default()))
}

/// Makes a message of what was said since the last item.
fn finish(said: &mut Vec<Value>, output: &mut Vec<Value>, identity: &Identity) {
    if !said.is_empty() {
        let id = item_id(identity, "msg_", output.len());
        output.push(message(&id, "completed", std::mem::take(said)));
    }
}
