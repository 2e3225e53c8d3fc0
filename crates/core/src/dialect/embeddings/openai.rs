//! OpenAI's embeddings.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    canonical::{EmbedInput, EmbedReply, EmbedRequest, Fields, Given, Invalid, Losses, Place},
    dialect::{
        Identity,
        openai::{Flavour, UsageWire},
    },
};

/// Reads the body of an embeddings request.
///
/// # Errors
/// A field has the wrong type, or `input` is missing.
pub(crate) fn read_request(body: Value) -> Result<EmbedRequest, Invalid> {
    let mut body = Fields::new(Place::ROOT, body)?;
    body.forget(&["model", "model_name"]);
    let format = body.string("encoding_format")?;
    if let Some(other) = format.as_ref().filter(|given| !matches!(given.value.as_str(), "float" | "base64")) {
        return Err(Invalid::new(other.at, "float or base64"));
    }
    Ok(EmbedRequest {
        input: read_input(&mut body, "input")?,
        dimensions: body.number("dimensions")?,
        base64: format.is_some_and(|given| given.value == "base64"),
        truncate: None,
        keep_alive: body.take("keep_alive"),
        user: body.string("user")?,
        rest: body.rest(),
    })
}

/// Reads a text, a list of texts, or token numbers.
pub(super) fn read_input(body: &mut Fields, name: &'static str) -> Result<Given<EmbedInput>, Invalid> {
    let at = body.place().field(name);
    let wanted = || Invalid::new(at, "a string or a list of strings");
    let given = body.take(name).ok_or_else(wanted)?;
    let input = match given.value {
        Value::String(text) => EmbedInput::Texts { texts: vec![text], single: true },
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let text = |item| if let Value::String(text) = item { Some(text) } else { None };
            EmbedInput::Texts { texts: items.into_iter().filter_map(text).collect(), single: false }
        }
        tokens @ Value::Array(_) => EmbedInput::Tokens(tokens),
        _ => return Err(wanted()),
    };
    Ok(Given::new(input, at))
}

/// Writes the body of an embeddings request; numbers come back as numbers.
pub(crate) fn write_request(request: EmbedRequest, model: &str, flavour: Flavour, losses: &mut Losses) -> Value {
    let EmbedRequest { input, dimensions, base64: _, truncate, keep_alive, user, rest } = request;
    let mut out = Map::new();
    out.insert("model".to_owned(), model.into());
    let input = match input.value {
        EmbedInput::Texts { mut texts, single: true } if texts.len() == 1 => texts.swap_remove(0).into(),
        EmbedInput::Texts { texts, .. } => texts.into(),
        EmbedInput::Tokens(tokens) => tokens,
    };
    out.insert("input".to_owned(), input);
    out.insert("encoding_format".to_owned(), "float".into());
    out.extend(dimensions.map(|given| ("dimensions".to_owned(), given.value.into())));
    out.extend(user.map(|given| ("user".to_owned(), given.value.into())));
    match truncate {
        Some(given) if given.value && flavour == Flavour::Vllm => {
            out.insert("truncate_prompt_tokens".to_owned(), (-1).into());
        }
        other => losses.unless(other, &false),
    }
    losses.given(keep_alive);
    let own: &[&str] = match flavour {
        Flavour::Vllm => &["add_special_tokens", "priority", "truncate_prompt_tokens"],
        _ => &[],
    };
    rest.carry(own, &mut out, losses);
    out.into()
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
pub(crate) fn read_reply(body: &[u8]) -> Result<EmbedReply, serde_json::Error> {
    let mut wire: ReplyWire = serde_json::from_slice(body)?;
    wire.data.sort_by_key(|one| one.index);
    let vectors = wire.data.into_iter().map(|one| one.embedding).collect();
    Ok(EmbedReply { vectors, usage: wire.usage.map(Into::into) })
}

/// Writes an answer, as numbers or as base64 of little-endian 32-bit floats.
pub(crate) fn write_reply(reply: EmbedReply, identity: &Identity, base64: bool) -> Value {
    let write = |(index, vector): (usize, Vec<f64>)| {
        let embedding = if base64 { packed(&vector) } else { vector.into() };
        json!({"object": "embedding", "index": index, "embedding": embedding})
    };
    let tokens = reply.usage.unwrap_or_default().input;
    json!({
        "object": "list",
        "data": reply.vectors.into_iter().enumerate().map(write).collect::<Vec<_>>(),
        "model": identity.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    })
}

fn packed(vector: &[f64]) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "the format has 32 bits a number")]
    let bytes: Vec<u8> = vector.iter().flat_map(|number| (*number as f32).to_le_bytes()).collect();
    STANDARD.encode(bytes).into()
}
