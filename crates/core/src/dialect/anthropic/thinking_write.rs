//! Writes how hard to think, within what the API allows.

use serde_json::{Map, Value, json};

use super::generation::Generation;
use crate::canonical::{Effort, Given, Losses, Message, Part, Role, Thinking};

/// The least budget the API takes, in tokens.
const LEAST_BUDGET: i64 = 1_024;
/// Tokens left for the answer itself where the client set no limit.
const ANSWER: i64 = 4_096;

/// Writes `max_tokens`, `thinking` and the effort; says whether the model will think.
///
/// The API refuses thinking with a forced tool, with too small a limit, and where an answer that has called tools
/// did not begin with a sealed thought. In these cases thinking is left out and reported.
pub(super) fn write_thinking(
    thinking: Thinking,
    limit: Option<Given<i64>>,
    possible: bool,
    generation: Generation,
    out: &mut Map<String, Value>,
    losses: &mut Losses,
) -> bool {
    let limit = limit.map(|given| given.value).filter(|limit| *limit > 0);
    let default = generation.default_max_tokens();
    let wanted = thinking.wanted();
    let (budget, effort) = (thinking.as_budget(), thinking.as_effort());
    let Thinking { enabled, effort: asked, budget: counted, display } = thinking;
    out.insert("max_tokens".to_owned(), limit.unwrap_or(default).into());
    if wanted != Some(true) {
        losses.given(display);
        if wanted == Some(false) {
            out.insert("thinking".to_owned(), json!({"type": "disabled"}));
        }
        return false;
    }
    let budget = budget.unwrap_or(Effort::Medium.budget()).max(LEAST_BUDGET);
    let room = limit.is_none_or(|limit| limit > LEAST_BUDGET);
    if !possible || !room {
        losses.given(enabled);
        losses.given(asked);
        losses.given(counted);
        losses.given(display);
        return false;
    }
    let mut value = if generation.thinks_by_effort() {
        if let Some(effort) = effort {
            output_config(out).insert("effort".to_owned(), generation.effort(effort).into());
        }
        json!({"type": "adaptive"})
    } else {
        let limit = limit.unwrap_or(default.max(budget.saturating_add(ANSWER)));
        out.insert("max_tokens".to_owned(), limit.into());
        json!({"type": "enabled", "budget_tokens": budget.min(limit - 1)})
    };
    if let Some(display) = display {
        match display.value.as_str() {
            "summarized" | "omitted" => value["display"] = display.value.into(),
            "auto" => {}
            _ => losses.add(display.at),
        }
    }
    out.insert("thinking".to_owned(), value);
    true
}

/// `output_config`, made when it is needed.
pub(super) fn output_config(out: &mut Map<String, Value>) -> &mut Map<String, Value> {
    let config = out.entry("output_config").or_insert_with(|| json!({}));
    config.as_object_mut().expect("only ever an object, as made here")
}

/// Whether thinking can go on: an answer in the middle of a tool turn must have begun with a sealed thought.
pub(super) fn can_resume(messages: &[Message]) -> bool {
    let mut turns = messages.iter().rev().skip_while(|message| holds_results(message));
    if !messages.last().is_some_and(holds_results) {
        return true;
    }
    let Some(answer) = turns.next().filter(|message| message.role == Role::Assistant) else { return true };
    let sealed = |part: &Part| match part {
        Part::Thought(thought) => thought.sealed.is_some() || thought.signature.is_some(),
        _ => false,
    };
    answer.parts.iter().any(sealed)
}

fn holds_results(message: &Message) -> bool {
    message.parts.iter().any(|part| matches!(part, Part::ToolResult(_)))
}
