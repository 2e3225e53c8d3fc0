//! One prompt: text with `##PLACEHOLDER##` marks.

/// A prompt, cut at its placeholders once so that filling is a single pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A name between `##` and `##`.
    Placeholder(String),
}

const MARK: &str = "##";

impl Prompt {
    /// Cuts a text at its placeholders: an upper-case letter and then upper-case letters, digits or `_`
    /// between two `##`. Blanks around the whole are not part of a prompt.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text.trim_start_matches('\u{feff}').trim();
        let mut plain = String::new();
        while let Some(start) = rest.find(MARK) {
            let after = &rest[start + MARK.len()..];
            let name = &after[..after.find(|c: char| !is_name(c)).unwrap_or(after.len())];
            let closed = after[name.len()..].starts_with(MARK);
            if closed && name.starts_with(|c: char| c.is_ascii_uppercase()) {
                plain.push_str(&rest[..start]);
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(Part::Placeholder(name.to_owned()));
                rest = &after[name.len() + MARK.len()..];
            } else {
                // One character on, so that `###NAME##` is a `#` and a placeholder.
                plain.push_str(&rest[..=start]);
                rest = &rest[start + 1..];
            }
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        parts.retain(|part| *part != Part::Text(String::new()));
        Self { parts }
    }

    /// The text with every named placeholder replaced by its value, and blanks around the whole removed.
    ///
    /// Values are put in as they are: a placeholder inside a value is not replaced. A placeholder without a
    /// value stays as it is.
    #[must_use]
    pub fn fill(&self, values: &[(&str, &str)]) -> String {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Placeholder(name) => match values.iter().find(|(key, _)| key == name) {
                    Some((_, value)) => filled.push_str(value),
                    None => filled.extend([MARK, name, MARK]),
                },
            }
        }
        filled.trim().to_owned()
    }

    /// The names of the placeholders, as often as they occur.
    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Placeholder(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'
}
