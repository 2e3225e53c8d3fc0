//! Writes `system` and `messages` of a Messages request.

use super::content_write::{fit_blocks, write_content};
use crate::{
    canonical::{Given, Losses, Message, Part, Role},
    json::Object,
};

/// The operator's words and the conversation, as the API wants them.
pub(super) struct History {
    system: Vec<Part>,
    turns: Vec<(&'static str, Vec<Part>)>,
}

impl History {
    /// Orders what was said. The operator's words have one place, wherever they stood; neighbours of one role become
    /// one message, with tool results first, as the API wants. The operator's words alone become the person's.
    pub(super) fn of(messages: Vec<Message>, losses: &mut Losses) -> Self {
        let (mut system, mut turns) = (Vec::new(), Vec::<(&'static str, Vec<Part>)>::new());
        for message in messages {
            let Message { role, mut parts, name, rest } = message;
            losses.given(name);
            rest.lose(losses);
            let role = match role {
                Role::System | Role::Developer => {
                    fit_blocks(&mut parts, losses);
                    parts.retain(|part| is_text(part, losses));
                    system.append(&mut parts);
                    continue;
                }
                Role::User | Role::Tool => "user",
                Role::Assistant => "assistant",
            };
            parts.sort_by_key(|part| !matches!(part, Part::ToolResult(_)));
            fit_blocks(&mut parts, losses);
            match turns.last_mut() {
                _ if parts.is_empty() => {}
                Some((last, said)) if *last == role => said.append(&mut parts),
                _ => turns.push((role, parts)),
            }
        }
        if turns.is_empty() && !system.is_empty() {
            // The API wants a message, other dialects do not: what is said is said by the person then.
            turns.push(("user", std::mem::take(&mut system)));
        }
        // An answer to be gone on with must not end in white space.
        if let Some(("assistant", parts)) = turns.last_mut()
            && let Some(Part::Text { text, .. } | Part::Refusal(Given { value: text, .. })) = parts.last_mut()
        {
            text.truncate(text.trim_end().len());
        }
        Self { system, turns }
    }

    /// Writes it.
    pub(super) fn write(self, out: &mut Object<'_>) {
        write_content("system", self.system, out);
        out.objects("messages", self.turns, |(role, parts), out| {
            out.put("role", role);
            write_content("content", parts, out);
        });
    }
}

/// Whether it can stand among the operator's words: the API takes no pictures and papers there.
fn is_text(part: &Part, losses: &mut Losses) -> bool {
    match part {
        Part::Image { image, .. } => losses.add(image.at),
        Part::File { url, .. } => losses.add(url.at),
        _ => return true,
    }
    false
}
