//! Writes a streamed response.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::{
    envelope::{Envelope, Status},
    items::{SEALED, SIGNED, function_call, item_id, message, reasoning, refusal_part, summary_part, text_part},
};
use crate::{
    canonical::{Event, Stop, Usage},
    codec::write_named_event,
    dialect::{ErrorInfo, Identity, WriteStream, responses_event},
};

/// What the open item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Refusal,
    Thought,
}

/// An item that is open: a message, a refusal or a thought.
#[derive(Debug)]
struct Open {
    kind: Kind,
    index: usize,
    id: String,
    text: String,
    logprobs: Vec<Value>,
    seal: Option<String>,
}

/// A function call that is open. Several can be, beside a message.
#[derive(Debug)]
struct Call {
    number: u32,
    index: usize,
    id: String,
    call_id: String,
    name: String,
    arguments: String,
    rest: Map<String, Value>,
}

/// Writes the events of a responses stream.
#[derive(Debug)]
pub(crate) struct ResponseWriter {
    identity: Identity,
    envelope: Envelope,
    sequence: u64,
    begun: bool,
    open: Option<Open>,
    calls: Vec<Call>,
    /// Items by place; an item is `null` until it is done.
    output: Vec<Value>,
    stop: Option<Stop>,
    usage: Usage,
}

impl ResponseWriter {
    pub(crate) fn new(identity: Identity, envelope: Envelope) -> Self {
        Self {
            identity,
            envelope,
            sequence: 0,
            begun: false,
            open: None,
            calls: Vec::new(),
            output: Vec::new(),
            stop: None,
            usage: Usage::default(),
        }
    }

    fn event(&mut self, name: &str, mut value: Value, out: &mut Vec<u8>) {
        let object = value.as_object_mut().expect("events are objects");
        object.insert("type".to_owned(), name.into());
        object.insert("sequence_number".to_owned(), self.sequence.into());
        self.sequence += 1;
        write_named_event(out, name, &value);
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let response = self.envelope.response(&self.identity, Status::InProgress, Vec::new(), None);
        self.event("response.created", json!({"response": response}), out);
        self.event("response.in_progress", json!({"response": response}), out);
    }

    /// Adds an item and returns its place and id.
    fn add(&mut self, prefix: &str, item: impl FnOnce(&str) -> Value, out: &mut Vec<u8>) -> (usize, String) {
        let index = self.output.len();
        let id = item_id(&self.identity, prefix, index);
        self.output.push(Value::Null);
        self.event("response.output_item.added", json!({"output_index": index, "item": item(&id)}), out);
        (index, id)
    }

    fn done(&mut self, index: usize, item: Value, out: &mut Vec<u8>) {
        self.event("response.output_item.done", json!({"output_index": index, "item": item}), out);
        self.output[index] = item;
    }

    /// Makes an item of this kind the open one, and returns its place and id.
    fn switch(&mut self, kind: Kind, out: &mut Vec<u8>) -> (usize, String) {
        if let Some(open) = self.open.as_ref().filter(|open| open.kind == kind) {
            return (open.index, open.id.clone());
        }
        self.close(out);
        let (index, id) = match kind {
            Kind::Thought => self.add("rs_", |id| reasoning(id, "", None), out),
            _ => self.add("msg_", |id| message(id, "in_progress", Vec::new()), out),
        };
        let place = json!({"item_id": id, "output_index": index});
        match kind {
            Kind::Text => {
                let value = with(place, json!({"content_index": 0, "part": text_part("", &json!([]))}));
                self.event("response.content_part.added", value, out);
            }
            Kind::Refusal => {
                let value = with(place, json!({"content_index": 0, "part": refusal_part("")}));
                self.event("response.content_part.added", value, out);
            }
            Kind::Thought => {
                let value = with(place, json!({"summary_index": 0, "part": summary_part("")}));
                self.event("response.reasoning_summary_part.added", value, out);
            }
        }
        let (text, logprobs) = (String::new(), Vec::new());
        self.open = Some(Open { kind, index, id: id.clone(), text, logprobs, seal: None });
        (index, id)
    }

    fn say(&mut self, kind: Kind, text: &str, logprobs: Option<Value>, out: &mut Vec<u8>) {
        let (index, id) = self.switch(kind, out);
        let logprobs = match logprobs {
            Some(Value::Array(list)) => list,
            _ => Vec::new(),
        };
        let place = json!({"item_id": id, "output_index": index, "delta": text});
        let (name, more) = match kind {
            Kind::Text => ("response.output_text.delta", json!({"content_index": 0, "logprobs": logprobs})),
            Kind::Refusal => ("response.refusal.delta", json!({"content_index": 0})),
            Kind::Thought => ("response.reasoning_summary_text.delta", json!({"summary_index": 0})),
        };
        self.event(name, with(place, more), out);
        let open = self.open.as_mut().expect("opened above");
        open.text.push_str(text);
        open.logprobs.extend(logprobs);
    }

    /// Closes the open message or thought.
    fn close(&mut self, out: &mut Vec<u8>) {
        let Some(Open { kind, index, id, text, logprobs, seal }) = self.open.take() else { return };
        let place = json!({"item_id": id, "output_index": index});
        let logprobs = Value::Array(logprobs);
        let item = match kind {
            Kind::Text => {
                let part = text_part(&text, &logprobs);
                let said = json!({"content_index": 0, "text": text, "logprobs": logprobs});
                self.event("response.output_text.done", with(place.clone(), said), out);
                let whole = with(place, json!({"content_index": 0, "part": part}));
                self.event("response.content_part.done", whole, out);
                message(&id, "completed", vec![part])
            }
            Kind::Refusal => {
                let part = refusal_part(&text);
                let said = json!({"content_index": 0, "refusal": text});
                self.event("response.refusal.done", with(place.clone(), said), out);
                let whole = with(place, json!({"content_index": 0, "part": part}));
                self.event("response.content_part.done", whole, out);
                message(&id, "completed", vec![part])
            }
            Kind::Thought => {
                let said = json!({"summary_index": 0, "text": text});
                self.event("response.reasoning_summary_text.done", with(place.clone(), said), out);
                let whole = with(place, json!({"summary_index": 0, "part": summary_part(&text)}));
                self.event("response.reasoning_summary_part.done", whole, out);
                reasoning(&id, &text, seal.as_deref())
            }
        };
        self.done(index, item, out);
    }

    fn call(&mut self, number: u32, names: [Cow<'_, str>; 2], rest: Map<String, Value>, out: &mut Vec<u8>) {
        let [call_id, name] = names;
        self.close(out);
        let complete = |call: &Call| serde_json::from_str::<serde::de::IgnoredAny>(&call.arguments).is_ok();
        while self.calls.first().is_some_and(complete) {
            self.close_call(out);
        }
        let call_id = match call_id.is_empty() {
            true => self.identity.call_id("call_", 0, number as usize),
            false => call_id.into_owned(),
        };
        let (index, id) = self.add("fc_", |id| function_call(id, "in_progress", [&call_id, &name], "", &rest), out);
        let (name, arguments) = (name.into_owned(), String::new());
        self.calls.push(Call { number, index, id, call_id, name, arguments, rest });
    }

    fn arguments(&mut self, number: u32, json: &str, out: &mut Vec<u8>) {
        let Some(call) = self.calls.iter_mut().find(|call| call.number == number) else { return };
        call.arguments.push_str(json);
        let value = json!({"item_id": call.id, "output_index": call.index, "delta": json});
        self.event("response.function_call_arguments.delta", value, out);
    }

    /// Closes the first open call.
    fn close_call(&mut self, out: &mut Vec<u8>) {
        let Call { number: _, index, id, call_id, name, mut arguments, rest } = self.calls.remove(0);
        if arguments.is_empty() {
            arguments.push_str("{}");
        }
        let value = json!({"item_id": id, "output_index": index, "name": name, "arguments": arguments});
        self.event("response.function_call_arguments.done", value, out);
        let item = function_call(&id, "completed", [&call_id, &name], &arguments, &rest);
        self.done(index, item, out);
    }

    fn seal(&mut self, seal: String, out: &mut Vec<u8>) {
        if let Some(open) = self.open.as_mut().filter(|open| open.kind == Kind::Thought) {
            open.seal = Some(seal);
            self.close(out);
            return;
        }
        self.close(out);
        let (index, id) = self.add("rs_", |id| reasoning(id, "", None), out);
        let item = reasoning(&id, "", Some(&seal));
        self.done(index, item, out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        while !self.calls.is_empty() {
            self.close_call(out);
        }
        let stop = self.stop.take().unwrap_or(Stop::End);
        let output = std::mem::take(&mut self.output);
        let response = self.envelope.response(&self.identity, Status::Done(&stop), output, Some(&self.usage));
        let name = if response["status"] == "incomplete" { "response.incomplete" } else { "response.completed" };
        self.event(name, json!({"response": response}), out);
    }
}

impl WriteStream for ResponseWriter {
    fn write(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if event.choice().is_some_and(|choice| choice > 0) {
            return;
        }
        if event.choice().is_some() || matches!(event, Event::Start | Event::End) {
            self.begin(out);
        }
        match event {
            Event::Text { text, logprobs, .. } => self.say(Kind::Text, &text, logprobs, out),
            Event::Refusal { text, .. } => self.say(Kind::Refusal, &text, None, out),
            Event::Thought { text, .. } => self.say(Kind::Thought, &text, None, out),
            Event::Signature { signature, .. } => self.seal(format!("{SIGNED}{signature}"), out),
            Event::Sealed { data, .. } => {
                self.close(out);
                self.seal(format!("{SEALED}{data}"), out);
            }
            Event::ToolCall { call, id, name, rest, .. } => self.call(call, [id, name], rest, out),
            Event::Arguments { call, json, .. } => self.arguments(call, &json, out),
            Event::Stop { stop, .. } => self.stop = Some(stop),
            Event::Usage(usage) => self.usage.update(usage),
            Event::End => self.end(out),
            Event::Start | Event::Ping | Event::Timings(_) => {}
        }
    }

    fn abort(&mut self, error: &ErrorInfo, out: &mut Vec<u8>) {
        self.begin(out);
        let output = self.output.drain(..).filter(|item| !item.is_null()).collect();
        let response = self.envelope.response(&self.identity, Status::Failed(error), output, None);
        self.event("response.failed", json!({"response": response}), out);
        write_named_event(out, "error", &responses_event(error, self.sequence));
    }
}

/// Two objects as one.
fn with(mut first: Value, second: Value) -> Value {
    if let (Some(first), Value::Object(second)) = (first.as_object_mut(), second) {
        first.extend(second);
    }
    first
}
