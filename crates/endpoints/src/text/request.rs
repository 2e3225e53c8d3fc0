//! Writes the request to a provider from messages, in the API that its type speaks.

use llm_router_core::{api_type::ApiType, operation::Operation, translate::target};
use serde_json::{Map, Value, json};

use super::{
    message::{Message, Role},
    sampling::Sampling,
};

/// What is asked of a model.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// The system prompt; empty for none.
    pub(super) system: String,
    pub(super) messages: Vec<Message>,
    pub(super) sampling: Sampling,
    pub(super) stream: bool,
}

/// The operation by which servers of a type chat; `None` when they do not.
pub(super) fn chat(api_type: &dyn ApiType) -> Option<Operation> {
    target(Operation::ChatCompletions, api_type)
}

impl Question {
    /// The body for a server of a type, and a model's name there.
    pub(super) fn body(&self, api_type: &dyn ApiType, operation: Operation, model: &str) -> Vec<u8> {
        let mut body = Map::new();
        body.insert("model".to_owned(), json!(model));
        let mut system = self.system.clone();
        let mut messages: Vec<&Message> = Vec::new();
        for message in &self.messages {
            if operation == Operation::Messages && message.role == Role::System {
                // Anthropic keeps the system's words out of the list.
                system = if system.is_empty() {
                    message.content.clone()
                } else {
                    format!("{system}\n\n{}", message.content)
                };
            } else {
                messages.push(message);
            }
        }
        let first = Message { role: Role::System, content: system };
        if !first.content.is_empty() {
            if operation == Operation::Messages {
                body.insert("system".to_owned(), json!(first.content));
            } else {
                messages.insert(0, &first);
            }
        }
        body.insert("messages".to_owned(), json!(messages));
        body.insert("stream".to_owned(), json!(self.stream));
        self.sampling.write(api_type, operation, model, &mut body);
        Value::Object(body).to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use llm_router_core::api_type;

    use super::*;
    use crate::text::arguments::Arguments;

    fn body(api_type: &str, arguments: Value) -> Value {
        body_for(api_type, "m", arguments)
    }

    fn body_for(api_type: &str, model: &str, arguments: Value) -> Value {
        let Value::Object(fields) = arguments else { panic!("no object") };
        let api_type = api_type::find(api_type).unwrap();
        let question = Question {
            system: "be kind".to_owned(),
            messages: vec![Message { role: Role::System, content: "and brief".to_owned() }, Message::user("hi")],
            sampling: Sampling::read(&mut Arguments::new(fields)),
            stream: false,
        };
        serde_json::from_slice(&question.body(api_type, chat(api_type).unwrap(), model)).unwrap()
    }

    #[test]
    fn every_type_gets_the_options_it_knows_under_its_own_names() {
        let messages = json!([
            {"role": "system", "content": "be kind"}, {"role": "system", "content": "and brief"}, {"role": "user", "content": "hi"}
        ]);
        assert_eq!(
            body("openai", json!({})),
            json!({"model": "m", "messages": messages, "stream": false, "max_tokens": 256, "temperature": 0.75, "top_p": 0.99})
        );
        assert_eq!(
            body("vllm", json!({"top_k": 3})),
            json!({"model": "m", "messages": messages, "stream": false, "max_tokens": 256, "temperature": 0.75, "top_p": 0.99,
                "top_k": 3, "repetition_penalty": 1.2})
        );
        assert_eq!(
            body("lmstudio", json!({"max_new_tokens": "9"})),
            json!({"model": "m", "messages": messages, "stream": false, "max_tokens": 9, "temperature": 0.75, "top_p": 0.99,
                "top_k": 50, "repeat_penalty": 1.2})
        );
        assert_eq!(
            body("ollama", json!({"temperature": 0.1})),
            json!({"model": "m", "messages": messages, "stream": false, "options": {"num_predict": 256, "temperature": 0.1,
                "top_p": 0.99, "top_k": 50, "repeat_penalty": 1.2, "typical_p": 1.0}})
        );
        assert_eq!(
            body("anthropic", json!({"temperature": 1.5})),
            json!({"model": "m", "system": "be kind\n\nand brief", "messages": [{"role": "user", "content": "hi"}], "stream": false,
                "max_tokens": 256, "temperature": 1.0, "top_k": 50})
        );
    }

    #[test]
    fn anthropic_gets_top_p_in_place_of_temperature_when_only_that_was_written() {
        let one = body("anthropic", json!({"top_p": 0.5}));
        assert_eq!((one.get("top_p"), one.get("temperature")), (Some(&json!(0.5)), None));
        let both = body("anthropic", json!({"top_p": 0.5, "temperature": 0.2}));
        assert_eq!((both.get("top_p"), both.get("temperature")), (Some(&json!(0.5)), Some(&json!(0.2))));
    }

    #[test]
    fn models_that_refuse_sampling_are_spared_it_and_get_the_limit_under_their_own_name() {
        for (api_type, model, limit) in
            [("openai", "gpt-5-mini", "max_completion_tokens"), ("anthropic", "claude-opus-4-8", "max_tokens")]
        {
            let asked = body_for(api_type, model, json!({"temperature": 0.1, "max_new_tokens": 9}));
            let mut names: Vec<&str> = asked.as_object().expect("an object").keys().map(String::as_str).collect();
            names.retain(|name| !matches!(*name, "system" | "messages" | "model" | "stream"));
            assert_eq!((names, &asked[limit]), (vec![limit], &json!(9)), "{model}: {asked}");
        }
    }

    #[test]
    fn a_limit_below_one_is_none_as_with_the_python_version() {
        for api_type in ["openai", "vllm", "lmstudio"] {
            assert_eq!(body(api_type, json!({"max_new_tokens": 0})).get("max_tokens"), None, "{api_type}");
        }
        assert_eq!(body("ollama", json!({"max_new_tokens": -1}))["options"]["num_predict"], -1);
        // It wants one.
        assert_eq!(body("anthropic", json!({"max_new_tokens": -1}))["max_tokens"], 4096);
    }
}
