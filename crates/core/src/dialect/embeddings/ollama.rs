//! Ollama's embeddings: `embed`, and the older `embeddings` for one prompt.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::openai::{read_input, write_texts};
use crate::{
    canonical::{EmbedInput, EmbedReply, EmbedRequest, Fields, Given, Invalid, Losses, Place, Usage},
    dialect::Identity,
    json::{Node, Object},
    operation::Operation,
};

/// Reads the body of an `embed` request.
///
/// # Errors
/// A field has the wrong type.
pub(crate) fn read_embed(body: Node<'_>) -> Result<EmbedRequest, Invalid> {
    read(body, "input")
}

/// Reads the body of an `embeddings` request.
///
/// # Errors
/// A field has the wrong type.
pub(crate) fn read_embeddings(body: Node<'_>) -> Result<EmbedRequest, Invalid> {
    read(body, "prompt")
}

fn read(body: Node<'_>, input: &'static str) -> Result<EmbedRequest, Invalid> {
    let mut body = Fields::new(Place::ROOT, body)?;
    body.forget(&["model", "model_name", "stream"]);
    let nothing = || Given::new(EmbedInput::Texts { texts: Vec::new(), single: false }, Place::ROOT.field(input));
    Ok(EmbedRequest {
        input: body.take(input).map_or_else(|| Ok(nothing()), read_input)?,
        dimensions: body.number("dimensions")?,
        base64: false,
        truncate: body.boolean("truncate")?,
        keep_alive: body.value("keep_alive"),
        user: None,
        rest: body.rest(),
    })
}

/// The answer to a request for embeddings of nothing, by which Ollama's clients load a model.
pub(crate) fn nothing(operation: Operation, model: &str) -> Vec<u8> {
    let answer = match operation {
        Operation::OllamaEmbeddings => json!({"embedding": []}),
        _ => json!({"model": model, "embeddings": []}),
    };
    answer.to_string().into_bytes()
}

/// Writes the body of an `embed` request.
///
/// # Errors
/// The input is token numbers, which Ollama does not take.
pub(crate) fn write_embed(
    request: EmbedRequest,
    model: &str,
    losses: &mut Losses,
    out: &mut Object<'_>,
) -> Result<(), Invalid> {
    let EmbedRequest { input: Given { value, at }, dimensions, base64: _, truncate, keep_alive, user, rest } = request;
    let EmbedInput::Texts { texts, single } = value else {
        return Err(Invalid::new(at, "texts; this model's provider takes no token numbers"));
    };
    losses.given(user);
    out.put("model", model);
    write_texts(&texts, single, out);
    out.some("dimensions", dimensions.map(|given| given.value));
    out.some("truncate", truncate.map(|given| given.value));
    out.some("keep_alive", keep_alive.map(|given| given.value));
    rest.carry(&["options"], out, losses);
    Ok(())
}

#[derive(Deserialize)]
struct ReplyWire {
    #[serde(default)]
    embeddings: Option<Vec<Vec<f64>>>,
    #[serde(default)]
    embedding: Option<Vec<f64>>,
    #[serde(default)]
    prompt_eval_count: Option<u64>,
}

/// Reads an answer of either kind.
///
/// # Errors
/// It has no embeddings.
pub(crate) fn read_reply(root: Node<'_>) -> Result<EmbedReply, serde_json::Error> {
    let wire = ReplyWire::deserialize(root)?;
    let vectors = wire.embeddings.or(wire.embedding.map(|one| vec![one]));
    let vectors = vectors.ok_or_else(|| serde::de::Error::missing_field("embeddings"))?;
    let usage = Usage { input: wire.prompt_eval_count.unwrap_or_default(), ..Usage::default() };
    Ok(EmbedReply { vectors, usage: Some(usage) })
}

/// Writes the answer to `embed`.
pub(crate) fn write_embeddings(reply: EmbedReply, identity: &Identity, elapsed: Duration, out: &mut Object<'_>) {
    out.put("model", &identity.model);
    out.put("embeddings", reply.vectors);
    out.put("total_duration", u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX));
    out.put("load_duration", 0_u64);
    out.put("prompt_eval_count", reply.usage.unwrap_or_default().input);
}

/// Writes the answer to `embeddings`.
pub(crate) fn write_embedding(reply: EmbedReply, out: &mut Object<'_>) {
    out.put("embedding", reply.vectors.into_iter().next().unwrap_or_default());
}
