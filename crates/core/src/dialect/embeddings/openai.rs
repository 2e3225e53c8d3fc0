//! OpenAI's embeddings.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;

use crate::{
    canonical::{EmbedInput, EmbedReply, EmbedRequest, Fields, Given, Invalid, Losses, Place},
    dialect::{
        Identity,
        openai::{Flavour, UsageWire},
    },
    json::{Node, Object},
};

/// What `input` must be.
const WANTED: &str = "a string or a list of strings";

/// Reads the body of an embeddings request.
///
/// # Errors
/// A field has the wrong type, or `input` is missing or empty.
pub(crate) fn read_request(body: Node<'_>) -> Result<EmbedRequest, Invalid> {
    let mut body = Fields::new(Place::ROOT, body)?;
    body.forget(&["model", "model_name"]);
    let format = body.string("encoding_format")?;
    if let Some(other) = format.as_ref().filter(|given| !matches!(given.value.as_str(), "float" | "base64")) {
        return Err(Invalid::new(other.at, "float or base64"));
    }
    let given = body.take("input").ok_or_else(|| Invalid::new(Place::ROOT.field("input"), WANTED))?;
    let input = read_input(given)?;
    if input.value.is_nothing() {
        return Err(Invalid::new(input.at, "a text that is not empty, or a list of at least one"));
    }
    Ok(EmbedRequest {
        input,
        dimensions: body.number("dimensions")?,
        base64: format.is_some_and(|given| given.value == "base64"),
        truncate: None,
        keep_alive: body.value("keep_alive"),
        user: body.string("user")?,
        rest: body.rest(),
    })
}

/// Reads a text, a list of texts, or token numbers.
pub(super) fn read_input(given: Given<Node<'_>>) -> Result<Given<EmbedInput>, Invalid> {
    let at = given.at;
    let wanted = || Invalid::new(at, WANTED);
    let text = |value: Node<'_>| value.text().map(Cow::into_owned);
    let input = match given.value.items() {
        Some(items) => match items.map(text).collect() {
            Some(texts) => EmbedInput::Texts { texts, single: false },
            None => EmbedInput::Tokens(given.value.value()),
        },
        None => EmbedInput::Texts { texts: vec![text(given.value).ok_or_else(wanted)?], single: true },
    };
    Ok(Given::new(input, at))
}

/// Writes the body of an embeddings request; numbers come back as numbers.
pub(crate) fn write_request(
    request: EmbedRequest,
    model: &str,
    flavour: Flavour,
    losses: &mut Losses,
    out: &mut Object<'_>,
) {
    let EmbedRequest { input, dimensions, base64: _, truncate, keep_alive, user, mut rest } = request;
    out.put("model", model);
    match input.value {
        EmbedInput::Texts { texts, single } => write_texts(&texts, single, out),
        EmbedInput::Tokens(tokens) => out.put("input", tokens),
    }
    out.put("encoding_format", "float");
    out.some("dimensions", dimensions.map(|given| given.value));
    out.some("user", user.map(|given| given.value));
    match truncate {
        Some(given) if given.value && flavour == Flavour::Vllm => {
            out.put("truncate_prompt_tokens", -1_i64);
            // It says the same in vLLM's own words.
            rest.fields.shift_remove("truncate_prompt_tokens");
        }
        other => losses.unless(other, &false),
    }
    losses.given(keep_alive);
    let own: &[&str] = match flavour {
        Flavour::Vllm => &["add_special_tokens", "priority", "truncate_prompt_tokens"],
        _ => &[],
    };
    rest.carry(own, out, losses);
}

/// Writes the texts as the client wrote them: a list, or one text.
pub(super) fn write_texts(texts: &[String], single: bool, out: &mut Object<'_>) {
    match texts {
        [only] if single => out.put("input", only),
        texts => out.put("input", texts),
    }
}

#[derive(Deserialize)]
struct ReplyWire {
    data: Vec<EmbeddingWire>,
    #[serde(default)]
    usage: Option<UsageWire>,
}

#[derive(Deserialize)]
struct EmbeddingWire {
    #[serde(default)]
    index: usize,
    embedding: Vec<f64>,
}

/// Reads an answer.
///
/// # Errors
/// It is no list of embeddings.
pub(crate) fn read_reply(root: Node<'_>) -> Result<EmbedReply, serde_json::Error> {
    let mut wire = ReplyWire::deserialize(root)?;
    wire.data.sort_by_key(|one| one.index);
    let vectors = wire.data.into_iter().map(|one| one.embedding).collect();
    Ok(EmbedReply { vectors, usage: wire.usage.map(Into::into) })
}

/// Writes an answer, as numbers or as base64 of little-endian 32-bit floats.
pub(crate) fn write_reply(reply: EmbedReply, identity: &Identity, base64: bool, out: &mut Object<'_>) {
    out.put("object", "list");
    out.objects("data", reply.vectors.into_iter().enumerate(), |(index, vector), out| {
        out.put("object", "embedding");
        out.put("index", index);
        match base64 {
            true => out.put("embedding", packed(&vector)),
            false => out.put("embedding", vector),
        }
    });
    out.put("model", &identity.model);
    let tokens = reply.usage.unwrap_or_default().input;
    out.object("usage", |out| {
        out.put("prompt_tokens", tokens);
        out.put("total_tokens", tokens);
    });
}

fn packed(vector: &[f64]) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "the format has 32 bits a number")]
    let bytes: Vec<u8> = vector.iter().flat_map(|number| (*number as f32).to_le_bytes()).collect();
    STANDARD.encode(bytes)
}
