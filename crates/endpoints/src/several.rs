//! Several prompts in one text completion, for a model whose providers take one each: they are asked one after another,
//! and the answers become one, as OpenAI's API has it.

use bytes::Bytes;
use http::HeaderValue;
use llm_router_balancer::Failure;
use llm_router_core::operation::Operation;
use serde_json::{Map, Value, json};

use crate::{
    body::Body,
    error::Error,
    judge::Answer,
    memory::{Held, Memory},
    moment,
    upstream::UpstreamError,
};

/// The most prompts of one request: it holds its client's connection while they are asked.
const MOST: usize = 256;

/// The prompts of a request, and what has come of them.
pub(crate) struct Several {
    /// The client's request, without its prompts.
    request: Map<String, Value>,
    prompts: std::vec::IntoIter<Value>,
    /// Whether the client wants a stream, and usage numbers at its end.
    stream: (bool, bool),
    choices: Vec<Value>,
    /// Tokens: of the prompts, of the answers, together.
    usage: [u64; 3],
    /// The answer to the first prompt, which becomes the answer to all.
    answer: Option<(Box<Answer>, Value)>,
    held: Vec<Held>,
}

impl Several {
    /// Takes a request apart, if it is a completion of several texts.
    ///
    /// # Errors
    /// There are too many.
    pub(crate) fn of(operation: Operation, body: &Bytes) -> Result<Option<Self>, Error> {
        if !matches!(operation, Operation::Completions | Operation::LmStudioCompletions) {
            return Ok(None);
        }
        let Ok(Value::Object(mut request)) = serde_json::from_slice(body) else { return Ok(None) };
        let Some(Value::Array(prompts)) = request.remove("prompt") else { return Ok(None) };
        if prompts.len() < 2 || !prompts.iter().all(Value::is_string) {
            return Ok(None);
        }
        if prompts.len() > MOST {
            let message = format!("prompt must have {MOST} texts at most; this model's providers take one at a time");
            return Err(Error::Field { field: "prompt".to_owned(), message });
        }
        let wants_usage = request.remove("stream_options").is_some_and(|options| options["include_usage"] == true);
        let stream = (request.insert("stream".to_owned(), false.into()) == Some(true.into()), wants_usage);
        let prompts = prompts.into_iter();
        let (choices, usage, answer, held) = (Vec::new(), [0; 3], None, Vec::new());
        Ok(Some(Self { request, prompts, stream, choices, usage, answer, held }))
    }

    /// The request for the next prompt.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        self.request.insert("prompt".to_owned(), self.prompts.next()?);
        Some(json!(self.request).to_string().into())
    }

    /// Whether the client wants a stream.
    pub(crate) fn is_stream(&self) -> bool {
        self.stream.0
    }

    /// Reads the answer to a prompt.
    ///
    /// # Errors
    /// It broke off, it is no completion, or there is no room for it.
    pub(crate) async fn add(&mut self, mut answer: Box<Answer>, memory: &Memory) -> Result<(), Error> {
        let read = std::mem::take(&mut answer.rest).read(memory.largest_answer());
        let read = moment::within(moment::after(answer.idle), std::pin::pin!(read)).await;
        let lease = answer.lease.take();
        let Ok(Ok(rest)) = read else {
            if let Some(lease) = lease {
                lease.fail(Failure::Truncated);
            }
            let model = self.request["model"].as_str().unwrap_or_default().into();
            let last = UpstreamError::Broken("an answer that is read as a whole broke off".into());
            return Err(Error::Upstream { model, attempts: 1, last });
        };
        let whole = if rest.is_empty() { answer.first.clone() } else { [&answer.first[..], &rest].concat().into() };
        let told: Value = serde_json::from_slice(&whole).unwrap_or_default();
        if let Some(lease) = lease {
            lease.succeed();
        }
        self.hold(whole.len(), memory)?;
        let choices = told["choices"].as_array().map(Vec::as_slice).unwrap_or_default();
        for choice in choices {
            let mut choice = choice.clone();
            choice["index"] = self.choices.len().into();
            self.choices.push(choice);
        }
        for (sum, name) in self.usage.iter_mut().zip(["prompt_tokens", "completion_tokens", "total_tokens"]) {
            *sum += told["usage"][name].as_u64().unwrap_or_default();
        }
        self.answer.get_or_insert((answer, told));
        Ok(())
    }

    fn hold(&mut self, bytes: usize, memory: &Memory) -> Result<(), Error> {
        let mut held = memory.hold();
        held.grow(bytes)?;
        self.held.push(held);
        Ok(())
    }

    /// The one answer; none if there was nothing to ask.
    pub(crate) fn joined(self) -> Option<Box<Answer>> {
        let Self { choices, usage: [prompt, completion, total], answer, stream: (stream, wants_usage), .. } = self;
        let (mut answer, mut told) = answer?;
        let usage = json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total});
        let text = if stream {
            let mut events = String::new();
            let mut event = |choices: Value, usage: Option<&Value>| {
                told["choices"] = choices;
                let members = told.as_object_mut().expect("an object, as its choices were set");
                members.remove("usage");
                members.extend(usage.map(|usage| ("usage".to_owned(), usage.clone())));
                events.push_str(&format!("data: {told}\n\n"));
            };
            choices.into_iter().for_each(|choice| event(json!([choice]), None));
            if wants_usage {
                event(json!([]), Some(&usage));
            }
            events + "data: [DONE]\n\n"
        } else {
            told["choices"] = choices.into();
            told["usage"] = usage;
            told.to_string()
        };
        if stream {
            let events = HeaderValue::from_static("text/event-stream; charset=utf-8");
            answer.head.headers.insert(http::header::CONTENT_TYPE, events);
        }
        answer.head.headers.remove(http::header::CONTENT_LENGTH);
        answer.events = stream;
        answer.first = text.into();
        answer.rest = Body::Empty;
        answer.translator = None;
        Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_completions_of_several_texts_are_taken_apart_and_not_of_too_many() {
        let of = |operation, prompt: Value| {
            Several::of(operation, &json!({"model": "m", "prompt": prompt}).to_string().into())
        };
        assert!(of(Operation::Completions, json!(["a", "b"])).unwrap().is_some());
        for other in [json!("a"), json!(["a"]), json!([1, 2]), json!([[1], [2]]), json!(["a", 1]), Value::Null] {
            assert!(of(Operation::Completions, other.clone()).unwrap().is_none(), "{other}");
        }
        assert!(of(Operation::ChatCompletions, json!(["a", "b"])).unwrap().is_none());
        assert!(of(Operation::Completions, json!(vec!["a"; MOST])).unwrap().is_some());
        assert!(of(Operation::Completions, json!(vec!["a"; MOST + 1])).is_err());
    }

    #[test]
    fn each_prompt_makes_a_request_with_the_other_fields() {
        let body = json!({"model": "m", "prompt": ["a", "b"], "stream": true, "stream_options": {}, "seed": 1});
        let mut several = Several::of(Operation::Completions, &body.to_string().into()).unwrap().unwrap();
        assert!(several.is_stream());
        let asked: Vec<Value> =
            std::iter::from_fn(|| several.next()).map(|body| serde_json::from_slice(&body).unwrap()).collect();
        let one = |prompt: &str| json!({"model": "m", "prompt": prompt, "stream": false, "seed": 1});
        assert_eq!(asked, [one("a"), one("b")]);
    }
}
