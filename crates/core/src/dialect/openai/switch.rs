//! Switches for thinking that OpenAI's API lacks, and that clients put beside its fields.

use super::request_read::set_effort;
use crate::canonical::{Fields, Given, Invalid, Thinking};

/// Reads Ollama's `think`, Anthropic's `thinking` and the switches of chat templates. What stands under OpenAI's own
/// names comes first.
pub(super) fn read(body: &mut Fields<'_>, thinking: &mut Thinking) -> Result<(), Invalid> {
    let mut told = Thinking::default();
    if let Some(Given { value, at }) = body.take("think") {
        match (value.boolean(), value.text()) {
            (Some(on), _) => told.enabled = Some(Given::new(on, at)),
            (None, Some(word)) => set_effort(&mut told, Given::new(word.into_owned(), at))?,
            (None, None) => return Err(Invalid::new(at, "true, false or how hard to think")),
        }
    }
    if let Some(mut switch) = body.object("thinking")? {
        let at = switch.place();
        match switch.peek("type").as_deref() {
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
