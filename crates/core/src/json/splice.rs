//! Replaces the model name in a body and leaves every other byte as it was.

use std::ops::Range;

use super::peek::Peek;

/// The pieces of a changed body, in order: ranges of the original and new text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pieces {
    /// Bytes of the original before the change.
    pub before: Range<usize>,
    /// What stands there instead.
    pub instead: String,
    /// Bytes of the original after the change.
    pub after: Range<usize>,
    /// A stretch of the original that is left out: the router's own `model_name` member and its comma.
    pub dropped: Option<Range<usize>>,
}

impl Pieces {
    /// The changed body in one piece.
    #[must_use]
    pub fn join(&self, body: &[u8]) -> Vec<u8> {
        let mut joined = Vec::with_capacity(body.len() + self.instead.len());
        self.copy(body, self.before.clone(), &mut joined);
        joined.extend_from_slice(self.instead.as_bytes());
        self.copy(body, self.after.clone(), &mut joined);
        joined
    }

    fn copy(&self, body: &[u8], range: Range<usize>, into: &mut Vec<u8>) {
        match &self.dropped {
            Some(gap) if range.start <= gap.start && gap.end <= range.end => {
                into.extend_from_slice(&body[range.start..gap.start]);
                into.extend_from_slice(&body[gap.end..range.end]);
            }
            _ => into.extend_from_slice(&body[range]),
        }
    }
}

/// How to make `model` the model name of a body; `None` when it already is and nothing need change.
///
/// `model_name`, the router's own spelling, is taken out, since strict servers refuse fields they do not know.
#[must_use]
pub fn with_model(peek: &Peek<'_>, model: &str) -> Option<Pieces> {
    let body = peek.body();
    let named = serde_json::to_string(model).expect("a string is always JSON");
    let whole = body.len();
    match (peek.model_member(), peek.model_name_member()) {
        (Some(member), None) if body[member.value.clone()] == *named.as_bytes() => None,
        (Some(member), own) => Some(Pieces {
            before: 0..member.value.start,
            instead: named,
            after: member.value.end..whole,
            dropped: own.map(|own| with_comma(body, own.whole.clone())),
        }),
        (None, Some(own)) => Some(Pieces {
            before: 0..own.whole.start,
            instead: format!("\"model\":{named}"),
            after: own.whole.end..whole,
            dropped: None,
        }),
        (None, None) => {
            // Only translation asks for a model to be added to a body without one.
            let open = body.iter().position(|&b| b == b'{').map_or(0, |at| at + 1);
            let comma = if body[open..].trim_ascii_start().starts_with(b"}") { "" } else { "," };
            Some(Pieces {
                before: 0..open,
                instead: format!("\"model\":{named}{comma}"),
                after: open..whole,
                dropped: None,
            })
        }
    }
}

/// A member's range widened by one comma: the one behind it, else the one before it.
fn with_comma(body: &[u8], member: Range<usize>) -> Range<usize> {
    let behind = body[member.end..].iter().position(|b| !b.is_ascii_whitespace()).map(|skip| member.end + skip);
    if let Some(at) = behind.filter(|&at| body[at] == b',') {
        return member.start..at + 1;
    }
    let before = body[..member.start].iter().rposition(|b| !b.is_ascii_whitespace());
    match before.filter(|&at| body[at] == b',') {
        Some(at) => at..member.end,
        None => member,
    }
}
