//! How hard the model should think, said as an effort or as a budget of tokens.

use super::place::Given;

/// How hard to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// As little as can be.
    Minimal,
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// More than much.
    XHigh,
    /// All there is.
    Max,
}

/// What the client says about thinking.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Thinking {
    /// On or off, said as such.
    pub enabled: Option<Given<bool>>,
    /// How hard.
    pub effort: Option<Given<Effort>>,
    /// The most tokens to think.
    pub budget: Option<Given<i64>>,
    /// How to show it (OpenAI `summary`, Anthropic `display`): a word of the client's dialect.
    pub display: Option<Given<String>>,
}

impl Effort {
    /// Every effort, least first.
    pub const ALL: [Self; 6] = [Self::Minimal, Self::Low, Self::Medium, Self::High, Self::XHigh, Self::Max];

    /// The word that OpenAI, Ollama and Anthropic use.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// The effort that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effort| effort.word() == word)
    }

    /// The budget that stands for it, in tokens. Anthropic takes none below 1,024.
    #[must_use]
    pub fn budget(self) -> i64 {
        match self {
            Self::Minimal => 1_024,
            Self::Low => 2_048,
            Self::Medium => 8_192,
            Self::High => 16_384,
            Self::XHigh => 24_576,
            Self::Max => 31_999,
        }
    }

    /// The least effort whose budget is not below `budget`.
    #[must_use]
    pub fn of_budget(budget: i64) -> Self {
        Self::ALL.into_iter().find(|effort| budget <= effort.budget()).unwrap_or(Self::Max)
    }
}

impl Thinking {
    /// Whether thinking is wanted: `None` where the client leaves it to the model.
    #[must_use]
    pub fn wanted(&self) -> Option<bool> {
        match &self.enabled {
            Some(given) => Some(given.value),
            None if self.effort.is_some() || self.budget.is_some() => Some(true),
            None => None,
        }
    }

    /// The effort, said or told from the budget.
    #[must_use]
    pub fn as_effort(&self) -> Option<Effort> {
        match (&self.effort, &self.budget) {
            (Some(effort), _) => Some(effort.value),
            (None, Some(budget)) => Some(Effort::of_budget(budget.value)),
            (None, None) => None,
        }
    }

    /// The budget, said or told from the effort.
    #[must_use]
    pub fn as_budget(&self) -> Option<i64> {
        match (&self.budget, &self.effort) {
            (Some(budget), _) => Some(budget.value),
            (None, Some(effort)) => Some(effort.value.budget()),
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effort_and_budget_lead_back_to_each_other() {
        for effort in Effort::ALL {
            assert_eq!(Effort::of_budget(effort.budget()), effort);
            assert_eq!(Effort::from_word(effort.word()), Some(effort));
        }
        assert_eq!(Effort::of_budget(1_000_000), Effort::Max);
    }
}
