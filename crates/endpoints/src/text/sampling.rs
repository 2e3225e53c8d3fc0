//! How the model chooses its words: the arguments all text endpoints share.

use llm_router_core::{api_type::ApiType, operation::Operation, translate::taken};
use serde_json::{Map, Value, json};

use super::arguments::Arguments;

/// The limit where the client wants none and the API one: what the Python version wrote.
const LIMIT: i64 = 4096;

/// Sampling options under the Python version's names and with its defaults.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sampling {
    temperature: f64,
    max_new_tokens: i64,
    top_k: i64,
    top_p: f64,
    typical_p: f64,
    repetition_penalty: f64,
    /// Whether the client wrote `top_p` and not `temperature`.
    prefers_top_p: bool,
    /// Whether the client wrote both.
    wants_both: bool,
}

impl Sampling {
    pub(super) fn read(arguments: &mut Arguments) -> Self {
        let (temperature, top_p) = (arguments.is_given("temperature"), arguments.is_given("top_p"));
        Self {
            temperature: arguments.number("temperature", 0.75),
            max_new_tokens: arguments.whole("max_new_tokens", 256),
            top_k: arguments.whole("top_k", 50),
            top_p: arguments.number("top_p", 0.99),
            typical_p: arguments.number("typical_p", 1.0),
            repetition_penalty: arguments.number("repetition_penalty", 1.2),
            prefers_top_p: top_p && !temperature,
            wants_both: top_p && temperature,
        }
    }

    /// Writes the options into a request body, under the names of the provider's type; some models take the limit
    /// alone.
    pub(super) fn write(
        &self,
        api_type: &dyn ApiType,
        operation: Operation,
        model: &str,
        body: &mut Map<String, Value>,
    ) {
        let taken = taken(api_type, operation, model);
        let limit = Some(self.max_new_tokens).filter(|limit| *limit > 0);
        let names = api_type.sampling();
        let own = [
            (names.top_k, json!(self.top_k)),
            (names.repetition_penalty, json!(self.repetition_penalty)),
            (names.typical_p, json!(self.typical_p)),
        ];
        let own = own.into_iter().filter_map(|(name, value)| Some((name?.to_owned(), value)));
        match operation {
            Operation::OllamaChat => {
                let mut options = Map::new();
                options.insert(taken.limit.to_owned(), json!(self.max_new_tokens));
                options.insert("temperature".to_owned(), json!(self.temperature));
                options.insert("top_p".to_owned(), json!(self.top_p));
                options.extend(own);
                body.insert("options".to_owned(), Value::Object(options));
            }
            Operation::Messages => {
                body.insert(taken.limit.to_owned(), json!(limit.unwrap_or(LIMIT)));
                if !taken.sampling {
                    return;
                }
                // Anthropic's range ends at 1, and its newer models refuse temperature and top_p together.
                if !self.prefers_top_p {
                    body.insert("temperature".to_owned(), json!(self.temperature.min(1.0)));
                }
                if self.prefers_top_p || self.wants_both {
                    body.insert("top_p".to_owned(), json!(self.top_p));
                }
                body.extend(own);
            }
            _ => {
                body.extend(limit.map(|limit| (taken.limit.to_owned(), json!(limit))));
                if !taken.sampling {
                    return;
                }
                body.insert("temperature".to_owned(), json!(self.temperature));
                body.insert("top_p".to_owned(), json!(self.top_p));
                body.extend(own);
            }
        }
    }
}
