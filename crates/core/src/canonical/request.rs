//! A request for a chat or a text.

use serde_json::{Map, Number, Value};

use super::{
    message::{Image, Message, Part, Role},
    place::Given,
    rest::{Losses, Rest},
    thinking::Thinking,
    tool::{Format, Tool, ToolChoice},
};

/// A request, free of any dialect. The model name is not in it: the router chose that already.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Whether the answer comes piece by piece.
    pub stream: bool,
    /// Whether the client asked for usage numbers in a stream; always true where its dialect sends them anyway.
    pub usage_wanted: bool,
    /// What the model is to answer.
    pub input: Input,
    /// Tools it may call.
    pub tools: Vec<Tool>,
    /// Whether it must.
    pub tool_choice: Option<Given<ToolChoice>>,
    /// Whether it may call several at once.
    pub parallel_tool_calls: Option<Given<bool>>,
    /// What form the answer must have.
    pub format: Option<Given<Format>>,
    /// How hard to think.
    pub thinking: Thinking,
    /// How to choose words, and how many.
    pub sampling: Sampling,
    /// Who is asking (OpenAI `user`, Anthropic `metadata.user_id`).
    pub user: Option<Given<String>>,
    /// How urgent it is, in OpenAI's words (`auto`, `default`, `flex`, `priority`).
    pub service_tier: Option<Given<String>>,
    /// How much to write, in OpenAI's words.
    pub verbosity: Option<Given<String>>,
    /// Ollama's `options` without canonical meaning.
    pub options: Rest,
    /// Everything else.
    pub rest: Rest,
}

/// What the model is to answer.
#[expect(clippy::large_enum_variant, reason = "few live at a time, and not for long")]
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A conversation.
    Messages(Vec<Message>),
    /// A text to go on with.
    Prompt(Prompt),
}

/// A text to go on with, without a conversation around it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Prompt {
    /// The text.
    pub text: String,
    /// What stands after the gap to fill.
    pub suffix: Option<Given<String>>,
    /// The operator's words.
    pub system: Option<Given<String>>,
    /// Pictures.
    pub images: Vec<Given<Image>>,
    /// Whether the model's chat template is to be left out.
    pub raw: Option<Given<bool>>,
    /// Whether the prompt is to be repeated in the answer.
    pub echo: Option<Given<bool>>,
    /// Of how many candidates the best is wanted.
    pub best_of: Option<Given<i64>>,
}

/// How words are chosen, and how many.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sampling {
    /// Temperature.
    pub temperature: Option<Given<Number>>,
    /// Nucleus.
    pub top_p: Option<Given<Number>>,
    /// The k likeliest.
    pub top_k: Option<Given<Number>>,
    /// Least probability relative to the likeliest.
    pub min_p: Option<Given<Number>>,
    /// Locally typical.
    pub typical_p: Option<Given<Number>>,
    /// OpenAI's presence penalty.
    pub presence_penalty: Option<Given<Number>>,
    /// OpenAI's frequency penalty.
    pub frequency_penalty: Option<Given<Number>>,
    /// The local engines' repetition penalty.
    pub repeat_penalty: Option<Given<Number>>,
    /// Seed.
    pub seed: Option<Given<Number>>,
    /// The most tokens to answer with.
    pub max_tokens: Option<Given<i64>>,
    /// Texts that end the answer.
    pub stop: Option<Given<Vec<String>>>,
    /// How many answers.
    pub n: Option<Given<i64>>,
    /// Whether to tell the probabilities of the chosen tokens.
    pub logprobs: Option<Given<bool>>,
    /// Of how many alternatives too.
    pub top_logprobs: Option<Given<i64>>,
    /// Likes and dislikes by token.
    pub logit_bias: Option<Given<Map<String, Value>>>,
    /// The context size to run with (Ollama).
    pub num_ctx: Option<Given<Number>>,
    /// How long to keep the model loaded (Ollama): seconds, or text such as `5m`.
    pub keep_alive: Option<Given<Value>>,
}

impl Request {
    /// Takes the input out, to be written before the rest.
    pub(crate) fn take_input(&mut self) -> Input {
        std::mem::replace(&mut self.input, Input::Messages(Vec::new()))
    }
}

impl Prompt {
    /// The prompt as a conversation: the operator's words, then one message of the person's.
    #[must_use]
    pub fn into_messages(self, losses: &mut Losses) -> Vec<Message> {
        let Self { text, suffix, system, images, raw, echo, best_of } = self;
        losses.given(suffix);
        losses.unless(raw, &false);
        losses.unless(echo, &false);
        losses.unless(best_of, &1);
        let mut messages = Vec::with_capacity(2);
        if let Some(system) = system.filter(|given| !given.value.is_empty()) {
            messages.push(Message::new(Role::System, vec![Part::text(system.value)]));
        }
        let pictures = images.into_iter().map(|image| Part::Image { image, detail: None, rest: Default::default() });
        let words = Some(text).filter(|text| !text.is_empty()).map(Part::text);
        messages.push(Message::new(Role::User, words.into_iter().chain(pictures).collect()));
        messages
    }
}
