//! Where OpenAI-compatible servers differ.

/// Which server reads the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// OpenAI, and servers about which nothing more is known.
    OpenAi,
    /// vLLM.
    Vllm,
    /// LM Studio.
    LmStudio,
}

impl Flavour {
    /// The flavour of a provider type.
    pub(crate) fn of(api_type: &str) -> Self {
        match api_type {
            "vllm" => Self::Vllm,
            "lmstudio" => Self::LmStudio,
            _ => Self::OpenAi,
        }
    }

    /// The fields that carry earlier thoughts back. vLLM renamed its own and versions read one or the other.
    pub(crate) fn thought_fields(self) -> &'static [&'static str] {
        match self {
            Self::OpenAi => &[],
            Self::Vllm => &["reasoning", "reasoning_content"],
            Self::LmStudio => &["reasoning_content"],
        }
    }

    /// The name of the token limit. OpenAI's reasoning models refuse the older name, other servers know only that.
    pub(crate) fn max_tokens(self, model: &str) -> &'static str {
        let model = model.rsplit('/').next().unwrap_or(model);
        let reasons = ["gpt-5", "gpt-6", "o1", "o3", "o4"].iter().any(|prefix| model.starts_with(prefix));
        if self == Self::OpenAi && reasons { "max_completion_tokens" } else { "max_tokens" }
    }
}
