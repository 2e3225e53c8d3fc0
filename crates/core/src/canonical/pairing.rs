//! Gives every tool call an id, and every tool result the id and the name of its call.

use super::message::{Message, Part, ToolCall, ToolResult};

/// A call and what is known of it.
struct Call {
    id: String,
    name: String,
    answered: bool,
}

/// Pairs calls and results.
///
/// Ollama's older clients send neither ids with calls nor with results: results follow in the order of the calls, or
/// name the tool. Other dialects need ids on both, the same on both, so calls get one from their place.
pub(crate) fn pair_calls(messages: &mut [Message]) {
    let mut calls: Vec<Call> = Vec::new();
    for (m, message) in messages.iter_mut().enumerate() {
        for part in &mut message.parts {
            match part {
                Part::ToolCall(call) => calls.push(register(call, m, calls.len())),
                Part::ToolResult(result) => answer(result, &mut calls),
                _ => {}
            }
        }
    }
}

fn register(call: &mut ToolCall, message: usize, position: usize) -> Call {
    if call.id.is_empty() {
        call.id = format!("call_{message}_{position}");
    }
    Call { id: call.id.clone(), name: call.name.clone(), answered: false }
}

fn answer(result: &mut ToolResult, calls: &mut [Call]) {
    let found = if result.id.is_empty() {
        let named = |call: &&mut Call| result.name.as_ref().is_none_or(|name| *name == call.name);
        calls.iter_mut().filter(|call| !call.answered).find(named)
    } else {
        calls.iter_mut().rfind(|call| call.id == result.id)
    };
    if let Some(call) = found {
        call.answered = true;
        result.id.clone_from(&call.id);
        result.name.get_or_insert_with(|| call.name.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::{Rest, Role};

    fn call(id: &str, name: &str) -> Part {
        Part::ToolCall(ToolCall { id: id.into(), name: name.into(), arguments: "{}".into(), rest: Rest::default() })
    }

    fn result(id: &str, name: Option<&str>) -> Part {
        let name = name.map(Into::into);
        Part::ToolResult(ToolResult { id: id.into(), name, parts: Vec::new(), is_error: None, rest: Rest::default() })
    }

    fn results(messages: &[Message]) -> Vec<(String, Option<String>)> {
        let parts = messages.iter().flat_map(|message| &message.parts);
        parts
            .filter_map(|part| match part {
                Part::ToolResult(result) => Some((result.id.clone(), result.name.clone())),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn results_without_ids_answer_by_name_then_in_order() {
        let mut messages = [
            Message::new(Role::Assistant, vec![call("", "a"), call("", "b"), call("", "a")]),
            Message::new(Role::Tool, vec![result("", Some("b")), result("", None), result("", Some("a"))]),
        ];
        pair_calls(&mut messages);
        let pair = |id: &str, name: &str| (id.to_owned(), Some(name.to_owned()));
        assert_eq!(results(&messages), [pair("call_0_1", "b"), pair("call_0_0", "a"), pair("call_0_2", "a")]);
    }

    #[test]
    fn a_result_with_an_id_learns_its_tool() {
        let mut messages = [
            Message::new(Role::Assistant, vec![call("x", "a"), call("y", "b")]),
            Message::new(Role::Tool, vec![result("y", None), result("unknown", None)]),
        ];
        pair_calls(&mut messages);
        assert_eq!(results(&messages), [("y".to_owned(), Some("b".to_owned())), ("unknown".to_owned(), None)]);
    }
}
