//! Estimates how many tokens a request has, where no provider counts them.

use crate::canonical::{Format, Input, Message, Part, Request, Tool};

/// What a picture costs, in tokens: Anthropic's figure for the largest that is not scaled down.
const IMAGE: u64 = 1_600;
/// What the frame around a message costs, in tokens.
const MESSAGE: u64 = 4;

/// The tokens of a request, within some ten or twenty per cent for natural text.
pub(super) fn estimate(request: &Request) -> u64 {
    let input = match &request.input {
        Input::Messages(messages) => messages.iter().map(message).sum(),
        Input::Prompt(prompt) => text(&prompt.text),
    };
    let tools: u64 = request.tools.iter().map(tool).sum();
    let format = match request.format.as_ref().map(|given| &given.value) {
        Some(Format::Schema { schema, .. }) => text(&schema.to_string()),
        _ => 0,
    };
    input + tools + format
}

fn message(message: &Message) -> u64 {
    MESSAGE + message.parts.iter().map(part).sum::<u64>()
}

fn part(part: &Part) -> u64 {
    match part {
        Part::Text { text: words, .. } => text(words),
        Part::Refusal(words) => text(&words.value),
        Part::Image { .. } => IMAGE,
        Part::File { url, .. } => (url.value.len() / 50) as u64,
        Part::Thought(thought) => text(&thought.text),
        Part::ToolCall(call) => MESSAGE + text(&call.name) + text(&call.arguments),
        Part::ToolResult(result) => MESSAGE + result.parts.iter().map(self::part).sum::<u64>(),
        Part::Other(other) => text(&other.value.to_string()),
    }
}

fn tool(tool: &Tool) -> u64 {
    match tool {
        Tool::Function { name, description, parameters, .. } => {
            let schema = parameters.as_ref().map_or(0, |schema| text(&schema.to_string()));
            MESSAGE + text(name) + text(description.as_deref().unwrap_or_default()) + schema
        }
        Tool::Other(other) => text(&other.value.to_string()),
    }
}

/// Four ASCII characters make a token, or any one other character.
fn text(text: &str) -> u64 {
    let ascii = text.bytes().filter(u8::is_ascii).count();
    let others = text.chars().count() - ascii;
    (ascii.div_ceil(4) + others) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_counts_by_script() {
        assert_eq!(text(""), 0);
        assert_eq!(text("hello there"), 3);
        assert_eq!(text("日本"), 2);
    }
}
