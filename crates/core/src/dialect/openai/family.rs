//! What OpenAI's own models take, told from their names.

use serde_json::Number;

use super::Flavour;
use crate::canonical::{Effort, Given, Losses, Sampling};

/// A kind of OpenAI's models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Answers at once: up to GPT-4, and what is made for chats.
    Plain,
    /// o1, o3 and o4: thinks before it answers.
    Thinker,
    /// GPT-5 and later, by version.
    Gpt(u32, u32),
    /// Somebody else's.
    Other,
}

impl Family {
    /// Reads `gpt-5.2-pro`, `openai/o3-mini` and the like; of another server's models nothing is taken for granted.
    pub(crate) fn of(model: &str, flavour: Flavour) -> Self {
        if flavour != Flavour::OpenAi {
            return Self::Other;
        }
        let model = model.rsplit('/').next().unwrap_or(model);
        let first = model.split('-').next().unwrap_or_default();
        if matches!(first, "o1" | "o3" | "o4") {
            return Self::Thinker;
        }
        if ["gpt-3.5", "gpt-4", "chatgpt-"].iter().any(|start| model.starts_with(start)) {
            return Self::Plain;
        }
        let Some(rest) = model.strip_prefix("gpt-") else { return Self::Other };
        let version = rest.split('-').next().unwrap_or_default();
        let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
        match (major.parse(), minor.parse()) {
            (Ok(5..), Ok(_)) if rest.contains("-chat") => Self::Plain,
            (Ok(major @ 5..), Ok(minor)) => Self::Gpt(major, minor),
            _ => Self::Other,
        }
    }

    /// The word for an effort, or for the nearest that it has; none where it does not think.
    pub(super) fn effort(self, effort: Effort) -> Option<&'static str> {
        let (least, most) = match self {
            Self::Plain => return None,
            Self::Other => return Some(effort.word()),
            Self::Thinker | Self::Gpt(5, 1) => (Effort::Low, Effort::High),
            Self::Gpt(5, 0) => (Effort::Minimal, Effort::High),
            Self::Gpt(5, 2..=5) => (Effort::Low, Effort::XHigh),
            Self::Gpt(..) => (Effort::Low, Effort::Max),
        };
        Some(effort.clamp(least, most).word())
    }

    /// Whether thinking can be switched off.
    pub(super) fn can_rest(self) -> bool {
        matches!(self, Self::Gpt(major, minor) if (major, minor) > (5, 0))
    }

    /// Whether it takes sampling fields when it is asked with this `reasoning_effort`: models that think refuse them.
    pub(crate) fn samples(self, effort: Option<&str>) -> bool {
        match self {
            Self::Plain | Self::Other => true,
            Self::Thinker | Self::Gpt(5, 0) => false,
            // They think no more than they are told to.
            Self::Gpt(5, 1..=4) => effort.is_none_or(|effort| effort == "none"),
            Self::Gpt(..) => effort == Some("none"),
        }
    }

    /// Takes out of `sampling` what the model would refuse.
    pub(super) fn spare(self, effort: Option<&str>, sampling: &mut Sampling, losses: &mut Losses) {
        if self.samples(effort) {
            return;
        }
        let unlike = |neutral: f64| move |given: &Given<Number>| given.value.as_f64() != Some(neutral);
        for (field, neutral) in [
            (&mut sampling.temperature, 1.0),
            (&mut sampling.top_p, 1.0),
            (&mut sampling.presence_penalty, 0.0),
            (&mut sampling.frequency_penalty, 0.0),
        ] {
            losses.given(field.take().filter(unlike(neutral)));
        }
        losses.given(sampling.stop.take().filter(|given| !given.value.is_empty()));
        losses.unless(sampling.logprobs.take(), &false);
        losses.unless(sampling.top_logprobs.take(), &0);
        losses.given(sampling.logit_bias.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_what_its_model_takes() {
        let of = |model| Family::of(model, Flavour::OpenAi);
        for (model, family) in [
            ("gpt-4o-mini", Family::Plain),
            ("chatgpt-4o-latest", Family::Plain),
            ("gpt-5.3-chat-latest", Family::Plain),
            ("openai/o3-mini", Family::Thinker),
            ("gpt-5", Family::Gpt(5, 0)),
            ("gpt-5-mini-2025-08-07", Family::Gpt(5, 0)),
            ("gpt-5.6-sol", Family::Gpt(5, 6)),
            ("gpt-oss:20b", Family::Other),
            ("gpt-j-6b", Family::Other),
            ("o1x", Family::Other),
            ("llama3", Family::Other),
        ] {
            assert_eq!(of(model), family, "{model}");
        }
        assert_eq!(Family::of("gpt-4o", Flavour::Vllm), Family::Other);
        let efforts = |model| [Effort::Minimal, Effort::High, Effort::Max].map(|effort| of(model).effort(effort));
        assert_eq!(efforts("gpt-4o"), [None; 3]);
        assert_eq!(efforts("o3"), [Some("low"), Some("high"), Some("high")]);
        assert_eq!(efforts("gpt-5"), [Some("minimal"), Some("high"), Some("high")]);
        assert_eq!(efforts("gpt-5.4"), [Some("low"), Some("high"), Some("xhigh")]);
        assert_eq!(efforts("qwen3"), [Some("minimal"), Some("high"), Some("max")]);
    }
}
