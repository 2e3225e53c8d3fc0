//! What a Claude model takes, told from its name.

use crate::canonical::Effort;

/// A Claude model's version, where its name says one; other names belong to servers that imitate the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Generation(Option<(u32, u32)>);

impl Generation {
    /// Reads `claude-opus-4-6`, `claude-3-7-sonnet-20250219`, `anthropic/claude-sonnet-4.5` and the like.
    pub(super) fn of(model: &str) -> Self {
        let Some((_, rest)) = model.split_once("claude-") else { return Self(None) };
        let mut numbers = rest
            .split(['-', '.', '@', ':'])
            .skip_while(|word| !word.starts_with(|c: char| c.is_ascii_digit()))
            .map_while(|word| word.parse::<u32>().ok().filter(|number| *number < 100));
        Self(numbers.next().map(|major| (major, numbers.next().unwrap_or_default())))
    }

    /// Whether it decides itself how much to think, by an effort instead of a budget (from 4.6).
    pub(super) fn thinks_by_effort(self) -> bool {
        self.0.is_some_and(|version| version >= (4, 6))
    }

    /// Whether it can be held to a JSON schema (from 4.5).
    pub(super) fn takes_schemas(self) -> bool {
        self.0.is_none_or(|version| version >= (4, 5))
    }

    /// The word for an effort: `xhigh` exists from 4.7 on, and nobody has the least one.
    pub(super) fn effort(self, effort: Effort) -> &'static str {
        match effort {
            Effort::Minimal => "low",
            Effort::XHigh if self.0.is_some_and(|version| version < (4, 7)) => "high",
            other => other.word(),
        }
    }

    /// Whether it takes `temperature`, `top_p` and `top_k`, which newer ones refuse (from 4.7).
    pub(super) fn takes_sampling(self) -> bool {
        self.0.is_none_or(|version| version < (4, 7))
    }

    /// Whether it refuses `temperature` and `top_p` together (from 4.1).
    pub(super) fn takes_one_of_temperature_and_top_p(self) -> bool {
        self.0.is_some_and(|version| version >= (4, 1))
    }

    /// The limit to ask for where the client names none: Anthropic requires one, other dialects do not.
    /// It is no higher than what every model of the version can write (Anthropic's models page).
    pub(super) fn default_max_tokens(self) -> i64 {
        match self.0 {
            Some((major, minor)) if (major, minor) < (3, 5) => 4_096,
            None => 8_192,
            Some((3, 5)) => 8_192,
            Some(_) => 32_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_all_forms_of_names() {
        for (name, version) in [
            ("claude-opus-4-6", Some((4, 6))),
            ("claude-3-7-sonnet-20250219", Some((3, 7))),
            ("claude-3-haiku-20240307", Some((3, 0))),
            ("claude-sonnet-4-20250514", Some((4, 0))),
            ("anthropic/claude-sonnet-4.5", Some((4, 5))),
            ("claude-test", None),
            ("qwen3", None),
        ] {
            assert_eq!(Generation::of(name).0, version, "{name}");
        }
    }
}
