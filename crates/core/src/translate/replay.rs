//! A whole answer as the events of a stream.

use crate::canonical::{Choice, Event, Part, Reply, Stop};

/// Tells a whole answer event by event.
pub(super) fn replay(reply: Reply, sink: &mut dyn FnMut(Event<'_>)) {
    let Reply { choices, usage, timings, fingerprint: _, created: _ } = reply;
    sink(Event::Start);
    for Choice { index: choice, parts, stop, mut logprobs } in choices {
        let mut calls = 0;
        for part in parts {
            match part {
                Part::Text { text, .. } => {
                    sink(Event::Text { choice, text: text.into(), logprobs: logprobs.take() });
                }
                Part::Refusal(text) => sink(Event::Refusal { choice, text: text.value.into() }),
                Part::Thought(thought) => {
                    if !thought.text.is_empty() {
                        sink(Event::Thought { choice, text: thought.text.into() });
                    }
                    if let Some(seal) = thought.signature {
                        sink(Event::Signature { choice, signature: seal.value.into() });
                    }
                    if let Some(data) = thought.sealed {
                        sink(Event::Sealed { choice, data: data.value.into() });
                    }
                }
                Part::ToolCall(call) => {
                    let (id, name, rest) = (call.id.into(), call.name.into(), call.rest.fields);
                    let json = if call.arguments.is_empty() { "{}".to_owned() } else { call.arguments };
                    sink(Event::ToolCall { choice, call: calls, id, name, rest });
                    sink(Event::Arguments { choice, call: calls, json: json.into() });
                    calls += 1;
                }
                Part::Image { .. } | Part::File { .. } | Part::ToolResult(_) | Part::Other(_) => {}
            }
        }
        sink(Event::Stop { choice, stop: stop.unwrap_or(Stop::End) });
    }
    sink(Event::Usage(usage.unwrap_or_default()));
    sink(Event::Timings(timings));
    sink(Event::End);
}
