//! Writes how hard to think, within what the API allows.

use super::generation::Generation;
use crate::{
    canonical::{Effort, Given, Losses, Message, Part, Role, Thinking},
    json::Object,
};

/// The least budget the API takes, in tokens.
const LEAST_BUDGET: i64 = 1_024;
/// Tokens left for the answer itself where the client set no limit.
const ANSWER: i64 = 4_096;

/// Whether the model will think, and how hard where it is told so by an effort.
#[derive(Default)]
pub(super) struct Thinks {
    pub(super) thinks: bool,
    pub(super) effort: Option<&'static str>,
}

/// Writes `max_tokens` and `thinking`; the effort is for the caller to write.
///
/// The API refuses thinking with a forced tool, with too small a limit, and where an answer that has called tools
/// did not begin with a sealed thought. In these cases thinking is left out and reported.
pub(super) fn write_thinking(
    thinking: Thinking,
    limit: Option<Given<i64>>,
    possible: bool,
    generation: Generation,
    out: &mut Object<'_>,
    losses: &mut Losses,
) -> Thinks {
    let limit = limit.map(|given| given.value).filter(|limit| *limit > 0);
    let default = generation.default_max_tokens();
    let wanted = thinking.wanted();
    let (budget, effort) = (thinking.as_budget(), thinking.as_effort());
    let Thinking { enabled, effort: asked, budget: counted, display } = thinking;
    let will = wanted == Some(true) && possible && limit.is_none_or(|limit| limit > LEAST_BUDGET);
    let budget = budget.unwrap_or(Effort::Medium.budget()).max(LEAST_BUDGET);
    let counts = will && !generation.thinks_by_effort();
    // Where thoughts count against the limit, there must be room for them.
    let room = if counts { default.max(budget.saturating_add(ANSWER)) } else { default };
    let limit = limit.unwrap_or(room);
    out.put("max_tokens", limit);
    if !will {
        if wanted == Some(true) {
            losses.given(enabled);
            losses.given(asked);
            losses.given(counted);
        }
        losses.given(display);
        if wanted == Some(false) {
            out.object("thinking", |out| out.put("type", "disabled"));
        }
        return Thinks::default();
    }
    out.object("thinking", |out| {
        out.put("type", if counts { "enabled" } else { "adaptive" });
        // A budget that the client did not count itself leaves room for the answer.
        let spared = if counted.is_some() { 1 } else { ANSWER.min(limit / 2) };
        out.some("budget_tokens", counts.then(|| budget.min(limit - spared).max(LEAST_BUDGET)));
        if let Some(display) = display {
            match display.value.as_str() {
                word @ ("summarized" | "omitted") => out.put("display", word),
                "auto" => {}
                _ => losses.add(display.at),
            }
        }
    });
    Thinks { thinks: true, effort: effort.filter(|_| !counts).map(|effort| generation.effort(effort)) }
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
