//! Turns a client's request into a provider's.

use serde_json::json;

use super::{
    context::{Context, Policy},
    count, images,
    reply::ReplyTranslator,
    route::{beside, is_embedding, surface, target, wanted},
};
use crate::{
    api_type::ApiType,
    canonical::{EmbedRequest, Input, Losses, Request, Tool, keep_seconds, pair_calls},
    dialect::{
        Framing, Identity, Surface, TranslateError, anthropic, completions, embeddings, lmstudio, ollama, openai,
        responses,
    },
    json::{Document, Node, Object, object},
    operation::Operation,
};

/// What to do with a request.
#[derive(Debug)]
pub enum Translation {
    /// Send this to the provider, and translate its answer.
    Send(Box<Translated>),
    /// Answer this, with status 200, without asking the provider.
    Answer(Answer),
}

/// A request for the provider.
#[derive(Debug)]
pub struct Translated {
    /// The operation to call.
    pub operation: Operation,
    /// Its path below the provider's base URL, without a leading slash.
    pub path: &'static str,
    /// The body: JSON.
    pub body: Vec<u8>,
    /// Whether a stream was asked for, on both sides.
    pub stream: bool,
    /// What the provider cannot carry.
    pub losses: Losses,
    /// Translates the answer.
    pub reply: ReplyTranslator,
}

/// An answer that needs no provider.
#[derive(Debug)]
pub struct Answer {
    /// The body.
    pub body: Vec<u8>,
    /// Its media type.
    pub content_type: &'static str,
    /// Whether its numbers are estimated.
    pub estimated: bool,
}

/// Translates a request for a provider.
///
/// A body that the provider takes as it is ([`is_native`](super::is_native)) is better sent untouched; given here, it is read and
/// written again.
///
/// # Errors
/// See [`TranslateError`]; all are the client's to mend.
pub fn translate(
    from: Operation,
    to: &dyn ApiType,
    body: &[u8],
    context: &Context<'_>,
) -> Result<Translation, TranslateError> {
    translate_to(target(from, to), from, to, body, context)
}

/// Translates a request for a provider that lacks the operation, though servers of its type offer it.
///
/// # Errors
/// As with [`translate`].
pub fn translate_beside(
    from: Operation,
    to: &dyn ApiType,
    body: &[u8],
    context: &Context<'_>,
) -> Result<Translation, TranslateError> {
    translate_to(beside(from, to), from, to, body, context)
}

fn translate_to(
    target: Option<Operation>,
    from: Operation,
    to: &dyn ApiType,
    body: &[u8],
    context: &Context<'_>,
) -> Result<Translation, TranslateError> {
    let size = body.len();
    let document = Document::new(body).map_err(|error| TranslateError::Syntax(error.to_string()))?;
    let root = document.root();
    let Some(mut operation) = target else {
        if from == Operation::CountTokens {
            return Ok(Translation::Answer(counted(&*read(from, root)?)));
        }
        return Err(TranslateError::NoSuchOperation { wanted: wanted(from), target: to.name() });
    };
    let model = context.public_model.to_owned();
    let identity = Identity { model, seed: context.seed.to_owned(), created: context.now };
    let mut losses = Losses::default();
    if is_embedding(from) {
        let request = read_embed(from, root)?;
        if request.input.value.is_nothing() {
            let body = embeddings::nothing(from, context.public_model);
            return Ok(Translation::Answer(Answer { body, content_type: "application/json", estimated: false }));
        }
        let reply = ReplyTranslator::new(from, operation, identity, request.base64);
        let body = written(size, |out| write_embed(operation, to, request, context.upstream_model, &mut losses, out))?;
        return send(to, Translated { operation, path: "", body, stream: false, losses, reply }, context.policy);
    }
    let (mut request, envelope) = match from {
        Operation::Responses => {
            let (request, envelope) = responses::read_request(root)?;
            (request, Some(envelope))
        }
        _ => (read(from, root)?, None),
    };
    let stateful = match from {
        Operation::Responses => responses::STATEFUL,
        Operation::LmStudioNativeChat => lmstudio::STATEFUL,
        _ => &[],
    };
    if let Some(field) = stateful.iter().find(|name| request.rest.fields.contains_key(**name)) {
        return Err(TranslateError::Unsupported { field: (*field).to_owned(), target: to.name() });
    }
    if let Input::Messages(messages) = &mut request.input {
        pair_calls(messages);
    }
    if is_bare(&request) && from != Operation::Completions && to.path(Operation::Completions).is_some() {
        operation = Operation::Completions;
    }
    let urls = images::resolve(&mut request, context.images);
    if surface(operation) == Surface::Ollama && !urls.is_empty() {
        return Err(TranslateError::Images { urls, target: to.name() });
    }
    if let Some(answer) = answer(from, &request, &identity) {
        return Ok(Translation::Answer(answer));
    }
    if operation != Operation::ChatCompletions {
        Tool::narrow(&mut request.tools, &mut request.tool_choice);
    }
    let (stream, usage_wanted) = (request.stream, request.usage_wanted);
    let body = written(size, |out| write(operation, to, request, context.upstream_model, &mut losses, out))?;
    let mut reply = ReplyTranslator::new(from, operation, identity, usage_wanted);
    reply.envelope = envelope;
    send(to, Translated { operation, path: "", body, stream, losses, reply }, context.policy)
}

/// The body that `write` writes.
fn written(
    size: usize,
    write: impl FnOnce(&mut Object<'_>) -> Result<(), TranslateError>,
) -> Result<Vec<u8>, TranslateError> {
    // Memory for all of it at once: one that grows is there twice for a moment. It is about as large as the client's.
    let mut body = Vec::with_capacity(size + 256);
    let mut done = Ok(());
    object(&mut body, |out| done = write(out));
    done.map(|()| body)
}

/// Judges the losses, and says where the request goes.
fn send(to: &dyn ApiType, mut translated: Translated, policy: Policy) -> Result<Translation, TranslateError> {
    if let (Policy::Reject, Some(field)) = (policy, translated.losses.fields().first()) {
        return Err(TranslateError::Unsupported { field: field.clone(), target: to.name() });
    }
    translated.path = to.path(translated.operation).expect("the target was chosen because it has a path");
    Ok(Translation::Send(Box::new(translated)))
}

/// Whether this is a prompt that only text completions can carry: without a chat template, or with a gap to fill.
fn is_bare(request: &Request) -> bool {
    match &request.input {
        Input::Prompt(prompt) => prompt.suffix.is_some() || prompt.raw.as_ref().is_some_and(|raw| raw.value),
        Input::Messages(_) => false,
    }
}

/// Reads an embeddings request in the client's dialect.
fn read_embed(from: Operation, body: Node<'_>) -> Result<EmbedRequest, TranslateError> {
    Ok(match from {
        Operation::OllamaEmbed => embeddings::read_embed(body)?,
        Operation::OllamaEmbeddings => embeddings::read_embeddings(body)?,
        _ => embeddings::read_request(body)?,
    })
}

/// Writes an embeddings request in the provider's dialect.
fn write_embed(
    operation: Operation,
    to: &dyn ApiType,
    request: EmbedRequest,
    model: &str,
    losses: &mut Losses,
    out: &mut Object<'_>,
) -> Result<(), TranslateError> {
    match operation {
        Operation::OllamaEmbed | Operation::OllamaEmbeddings => embeddings::write_embed(request, model, losses, out)?,
        _ => embeddings::write_request(request, model, openai::Flavour::of(to.name()), losses, out),
    }
    Ok(())
}

/// Reads a request in the client's dialect.
fn read(from: Operation, body: Node<'_>) -> Result<Box<Request>, TranslateError> {
    Ok(match from {
        Operation::OllamaChat => ollama::read_chat(body)?,
        Operation::OllamaGenerate => ollama::read_generate(body)?,
        Operation::Messages | Operation::CountTokens => anthropic::read_request(body)?,
        Operation::LmStudioNativeChat => lmstudio::read_native(body)?,
        Operation::Completions | Operation::LmStudioCompletions => completions::read_request(body)?,
        _ => openai::read_request(body)?,
    })
}

/// Writes a request in the provider's dialect.
fn write(
    operation: Operation,
    to: &dyn ApiType,
    request: Box<Request>,
    model: &str,
    losses: &mut Losses,
    out: &mut Object<'_>,
) -> Result<(), TranslateError> {
    let flavour = || openai::Flavour::of(to.name());
    match (operation, &request.input) {
        (Operation::OllamaGenerate, Input::Prompt(_)) => ollama::write_generate(request, model, losses, out)?,
        (Operation::OllamaChat | Operation::OllamaGenerate, _) => ollama::write_chat(request, model, losses, out)?,
        (Operation::Messages, _) => anthropic::write_request(request, model, losses, out),
        (Operation::Completions | Operation::LmStudioCompletions, Input::Prompt(_)) => {
            completions::write_request(request, model, flavour(), losses, out);
        }
        _ => openai::write_request(request, model, flavour(), losses, out),
    }
    Ok(())
}

/// How many tokens a request has, for a provider that does not count them.
fn counted(request: &Request) -> Answer {
    let body = json!({"input_tokens": count::estimate(request)}).to_string().into_bytes();
    Answer { body, content_type: "application/json", estimated: true }
}

/// Ollama's clients load and unload a model by asking nothing of it; other providers do that themselves.
fn answer(from: Operation, request: &Request, identity: &Identity) -> Option<Answer> {
    let (shape, empty) = match (from, &request.input) {
        (Operation::OllamaChat, Input::Messages(messages)) => (ollama::Shape::Chat, messages.is_empty()),
        (Operation::OllamaGenerate, Input::Prompt(prompt)) => {
            (ollama::Shape::Generate, prompt.text.is_empty() && prompt.images.is_empty())
        }
        _ => return None,
    };
    if !empty {
        return None;
    }
    let keep = request.sampling.keep_alive.as_ref().and_then(|given| keep_seconds(&given.value));
    let unload = keep == Some(0.0);
    let body = ollama::write_loaded(identity, shape, if unload { "unload" } else { "load" });
    let content_type = if request.stream { Framing::Ndjson.content_type() } else { "application/json" };
    Some(Answer { body, content_type, estimated: false })
}
