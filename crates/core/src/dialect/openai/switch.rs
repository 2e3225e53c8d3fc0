//! Switches for thinking that OpenAI's API lacks, and that clients put beside its fields.

use serde_json::Value;

use super::request_read::set_effort;
use crate::canonical::{Fields, Given, Invalid, Thinking};

/// Reads Ollama's `think`, Anthropic's `thinking` and the switches of chat templates. What stands under OpenAI's own
/// names comes first.
pub(super) fn read(body: &mut Fields, thinking: &mut Thinking) -> Result<(), Invalid> {
    let mut told = Thinking::default();
    match body.take("think") {
        Some(Given { value: Value::Bool(on), at }) => told.enabled = Some(Given::new(on, at)),
        Some(Given { value: Value::String(word), at }) => set_effort(&mut told, Given::new(word, at))?,
        Some(Given { at, .. }) => return Err(Invalid::new(at, "true, false or how hard to think")),
        None => {}
    }
    if let Some(mut switch) = body.object("thinking")? {
        let at = switch.place();
        match switch.peek("type") {
            Some("enabled" | "adaptive") => told.enabled = Some(Given::new(true, at)),
            Some("disabled") => told.enabled = Some(Given::new(false, at)),
            _ => return Err(Invalid::new(at.field("type"), "enabled, adaptive or disabled")),
        }
        switch.forget(&["type"]);
        told.budget = switch.integer("budget_tokens")?;
        body.absorb(switch);
    }
    if body.has_only("chat_template_kwargs", &["enable_thinking", "thinking"])
        && let Some(mut switches) = body.object("chat_template_kwargs")?
    {
        for name in ["enable_thinking", "thinking"] {
            told.enabled = switches.boolean(name)?.or(told.enabled);
        }
    }
    told.enabled = body.boolean("enable_thinking")?.or(told.enabled);
    if thinking.wanted().is_none() {
        *thinking = Thinking { display: thinking.display.take(), ..told };
    }
    Ok(())
}
