//! The text endpoints: each takes texts and a few arguments, and answers with what a model makes of them.
//!
//! | `POST P/…` | own arguments; optional ones with their defaults | `response` |
//! |---|---|---|
//! | `conversation_with_model` | `user_last_statement`, `historical_messages = []` | the text |
//! | `extended_conversation_with_model` | the same and `system_prompt` | the text |
//! | `generate_questions` | `texts`, `number_of_questions = 1` | `[{"text": …, "questions": […]}]` |
//! | `translate` | `texts` | `[{"original": …, "translated": …}]`, in Polish |
//! | `simplify_text` | `texts` | `[…]` |
//! | `generate_article_from_text` | `text` | `{"article_text": …}` |
//! | `create_full_article_from_texts` | `user_query`, `texts`, `article_type = null` | `{"article_text": …}` |
//! | `generative_answer` | `question_str`, `texts` (a list, or lists by document name), `doc_name_in_answer = false`, `question_prompt = null`, `system_prompt = null` | the text |
//!
//! All take `model_name` (or `model`), `language`, `temperature = 0.75`, `max_new_tokens = 256`, `top_k = 50`, `top_p =
//! 0.99`, `typical_p = 1`, `repetition_penalty = 1.2`, and answer `{"response": …, "generation_time": seconds}`. Those
//! with a single answer take `stream = false`; a streamed answer is told in OpenAI's chunks, whatever the provider
//! speaks. An error is `{"status": false, "body": …}` under a truthful status; where one of several texts failed, its
//! body names it under `failed` and has what was finished under `response`.
//!
//! Each endpoint is a [`Prompted`] in a file of its own; the runner does the rest: it reads and checks the common
//! arguments, resolves the system prompt, asks the model in the API that its provider speaks, works batches off
//! concurrently, streams where asked, and shapes the answer. To add one, write a [`Prompted`] and submit it, in this
//! crate or in any other that is linked into the program; `examples/own_endpoint.rs` is one.

mod answer;
mod arguments;
mod article;
mod ask;
mod batch;
mod conversation;
mod documents;
mod extended_conversation;
mod full_article;
mod message;
mod outcome;
mod plan;
mod questions;
mod request;
mod run;
mod sampling;
mod simplify;
mod stream;
mod translate;

pub use self::{
    arguments::{Arguments, Rejected},
    documents::Documents,
    message::{Message, Role},
    plan::Plan,
};

/// A text endpoint: what it asks of the model for the arguments it is given.
pub trait Prompted: Send + Sync + 'static {
    /// The path below the prefix, with its slash; without it, the endpoint's name.
    fn path(&self) -> &'static str;

    /// Reads the endpoint's own arguments and says what to ask.
    fn plan(&self, arguments: &mut Arguments) -> Plan;
}

/// Makes an [`Endpoint`](crate::Endpoint) of a [`Prompted`].
pub struct Text<P>(pub P);
