//! Reads a whole Anthropic message.

use serde::Deserialize;
use serde_json::Value;

use super::words::{UsageWire, stop_of};
use crate::{
    canonical::{Choice, Given, Part, Place, Reply, Rest, Thought, ToolCall},
    json::Node,
};

#[derive(Deserialize)]
struct MessageWire {
    content: Vec<BlockWire>,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    stop_sequence: Option<String>,
    #[serde(default)]
    usage: Option<UsageWire>,
}

#[derive(Deserialize)]
struct BlockWire {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    thinking: Option<String>,
    #[serde(default)]
    signature: Option<String>,
    #[serde(default)]
    data: Option<String>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    input: Option<Value>,
}

/// Reads the body of a whole answer. Blocks of kinds not known here are left out, as the API's versioning asks.
///
/// # Errors
/// It is no message.
pub(crate) fn read_reply(root: Node<'_>) -> Result<Reply, serde_json::Error> {
    let wire = MessageWire::deserialize(root)?;
    let mut parts = Vec::with_capacity(wire.content.len());
    parts.extend(wire.content.into_iter().filter_map(read_block));
    let stop = wire.stop_reason.map(|reason| stop_of(&reason, wire.stop_sequence));
    Ok(Reply {
        choices: vec![Choice { index: 0, parts, stop, logprobs: None }],
        usage: wire.usage.map(Into::into),
        ..Reply::default()
    })
}

fn read_block(block: BlockWire) -> Option<Part> {
    Some(match block.kind.as_str() {
        "text" => Part::text(block.text.filter(|text| !text.is_empty())?),
        "thinking" => Part::Thought(Thought {
            text: block.thinking.unwrap_or_default(),
            signature: block.signature.map(|seal| Given::new(seal, Place::ROOT)),
            sealed: None,
            at: Place::ROOT,
        }),
        "redacted_thinking" => {
            let at = Place::ROOT;
            let sealed = Some(Given::new(block.data?, at));
            Part::Thought(Thought { text: String::new(), signature: None, sealed, at })
        }
        "tool_use" => Part::ToolCall(ToolCall {
            id: block.id.unwrap_or_default(),
            name: block.name?,
            arguments: block.input.map_or_else(|| "{}".to_owned(), |input| input.to_string()),
            rest: Rest::default(),
        }),
        _ => return None,
    })
}
