//! Puts tool calls together that come in pieces, so that a call's id and name always precede its arguments.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::canonical::Event;

/// A piece of a tool call: its number, id, name and arguments, each if this piece has it, and other fields.
pub(crate) type Piece<'a> =
    (Option<u32>, Option<Cow<'a, str>>, Option<Cow<'a, str>>, Option<Cow<'a, str>>, Map<String, Value>);

/// The tool calls of one answer.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    calls: Vec<Call>,
    begun: u32,
}

#[derive(Debug, Default)]
struct Call {
    index: u32,
    id: String,
    name: String,
    rest: Map<String, Value>,
    /// Arguments that came before the call could begin.
    waiting: String,
    /// Whether the arguments so far are a whole JSON object.
    whole: Whole,
    /// The call's number towards the client, once it has begun.
    number: Option<u32>,
}

impl Calls {
    /// Whether there is a call.
    pub(crate) fn any(&self) -> bool {
        self.begun > 0
    }

    /// Takes a piece. Providers repeat ids and names, leave out numbers, or give every call the number 0.
    pub(crate) fn delta(&mut self, choice: u32, piece: Piece<'_>, sink: &mut dyn FnMut(Event<'_>)) {
        let (index, id, name, json, rest) = piece;
        let at = self.find(index, id.as_deref(), name.as_deref());
        // A call that is overtaken before it could begin gets no more pieces.
        self.begin(choice, at, sink);
        let call = &mut self.calls[at];
        if let (Some(id), true) = (id, call.id.is_empty()) {
            call.id = id.into_owned();
        }
        if let (Some(name), None) = (name, call.number)
            && call.name != name
        {
            call.name.push_str(&name);
        }
        if call.number.is_none() {
            call.rest.extend(rest);
        }
        let Some(json) = json else {
            if !call.id.is_empty() && !call.name.is_empty() {
                call.begin(choice, &mut self.begun, sink);
            }
            return;
        };
        if call.number.is_none() && !call.name.is_empty() {
            call.begin(choice, &mut self.begun, sink);
        }
        call.whole.feed(&json);
        match call.number {
            Some(number) => sink(Event::Arguments { choice, call: number, json }),
            None => call.waiting.push_str(&json),
        }
    }

    /// Begins calls that still wait for an id; none will come any more.
    pub(crate) fn flush(&mut self, choice: u32, sink: &mut dyn FnMut(Event<'_>)) {
        self.begin(choice, self.calls.len(), sink);
    }

    /// Begins every call before `end` that has a name.
    fn begin(&mut self, choice: u32, end: usize, sink: &mut dyn FnMut(Event<'_>)) {
        for call in &mut self.calls[..end] {
            call.begin(choice, &mut self.begun, sink);
        }
    }

    /// The call that a piece belongs to. Where a provider gives no ids to tell calls by, and all the same number, another
    /// name begins another call, and so does any name behind whole arguments.
    fn find(&mut self, index: Option<u32>, id: Option<&str>, name: Option<&str>) -> usize {
        let found = match index {
            Some(index) => self.calls.iter().rposition(|call| call.index == index),
            None if id.is_none() => self.calls.len().checked_sub(1),
            None => self.calls.iter().rposition(|call| Some(call.id.as_str()) == id),
        };
        match found {
            Some(at) if id.is_none() && name.is_some_and(|name| self.calls[at].is_over(name)) => self.add(index),
            Some(at) if id.is_none_or(|id| self.calls[at].id.is_empty() || self.calls[at].id == id) => at,
            _ => self.add(index),
        }
    }

    fn add(&mut self, index: Option<u32>) -> usize {
        let index = index.unwrap_or(u32::try_from(self.calls.len()).unwrap_or(u32::MAX));
        self.calls.push(Call { index, ..Call::default() });
        self.calls.len() - 1
    }
}

impl Call {
    /// Whether a piece with this name cannot be part of it.
    fn is_over(&self, name: &str) -> bool {
        self.whole.is_whole() || self.number.is_some() && self.name != name
    }

    fn begin(&mut self, choice: u32, begun: &mut u32, sink: &mut dyn FnMut(Event<'_>)) {
        if self.number.is_some() || self.name.is_empty() {
            return;
        }
        let call = *begun;
        *begun += 1;
        self.number = Some(call);
        sink(Event::ToolCall {
            choice,
            call,
            id: Cow::Borrowed(&self.id),
            name: Cow::Borrowed(&self.name),
            rest: std::mem::take(&mut self.rest),
        });
        if !self.waiting.is_empty() {
            sink(Event::Arguments { choice, call, json: Cow::Owned(std::mem::take(&mut self.waiting)) });
        }
    }
}

/// Tells from its pieces when an object is whole.
#[derive(Debug, Default)]
struct Whole {
    begun: bool,
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl Whole {
    fn feed(&mut self, json: &str) {
        for byte in json.bytes() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => {
                    self.begun = true;
                    self.depth = self.depth.saturating_add(1);
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    fn is_whole(&self) -> bool {
        self.begun && self.depth == 0 && !self.in_string
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Said = (Option<u32>, Option<&'static str>, Option<&'static str>, Option<&'static str>);

    fn run(pieces: &[Said]) -> Vec<String> {
        let mut calls = Calls::default();
        let mut said = Vec::new();
        let mut sink = |event: Event<'_>| {
            said.push(match event {
                Event::ToolCall { call, id, name, .. } => format!("{call} {id} {name}"),
                Event::Arguments { call, json, .. } => format!("{call} {json}"),
                other => panic!("{other:?}"),
            });
        };
        for (index, id, name, json) in pieces {
            let piece = (*index, id.map(Into::into), name.map(Into::into), json.map(Into::into), Map::new());
            calls.delta(0, piece, &mut sink);
        }
        calls.flush(0, &mut sink);
        said
    }

    #[test]
    fn calls_begin_once_whatever_the_provider_repeats_or_leaves_out() {
        let usual = run(&[
            (Some(0), Some("a"), Some("f"), Some("{")),
            (Some(0), None, None, Some("}")),
            (Some(1), Some("b"), Some("g"), None),
            (Some(1), None, None, Some("{}")),
        ]);
        assert_eq!(usual, ["0 a f", "0 {", "0 }", "1 b g", "1 {}"]);
        let repeated = run(&[(Some(0), Some("a"), Some("f"), Some("{")), (Some(0), Some("a"), Some("f"), Some("}"))]);
        assert_eq!(repeated, ["0 a f", "0 {", "0 }"]);
        let same_number =
            run(&[(Some(0), Some("a"), Some("f"), Some("{}")), (Some(0), Some("b"), Some("f"), Some("{}"))]);
        assert_eq!(same_number, ["0 a f", "0 {}", "1 b f", "1 {}"]);
        let no_ids = run(&[
            (Some(0), None, Some("f"), Some("{\"a\":\"}")),
            (Some(0), None, Some("f"), Some("\\\"\"}")),
            (Some(0), None, Some("f"), Some("{")),
            (Some(0), None, None, Some("}")),
            (Some(0), None, Some("g"), Some("{}")),
        ]);
        assert_eq!(no_ids, ["0  f", "0 {\"a\":\"}", "0 \\\"\"}", "1  f", "1 {", "1 }", "2  g", "2 {}"]);
        let nothing_but_names = run(&[(None, None, Some("f"), Some("")), (None, None, Some("g"), Some(""))]);
        assert_eq!(nothing_but_names, ["0  f", "0 ", "1  g", "1 "]);
        let no_number = run(&[(None, Some("a"), Some("f"), Some("{")), (None, None, None, Some("}"))]);
        assert_eq!(no_number, ["0 a f", "0 {", "0 }"]);
    }

    #[test]
    fn arguments_wait_for_the_name() {
        assert_eq!(
            run(&[(Some(0), Some("a"), None, Some("{")), (Some(0), None, Some("f"), Some("}"))]),
            ["0 a f", "0 {", "0 }"]
        );
        assert_eq!(run(&[(Some(0), None, Some("f"), None)]), ["0  f"]);
    }
}
