//! Writes the blocks of Anthropic messages.

use crate::{
    canonical::{Given, Image, Losses, Part, Rest, Thought, ToolCall, ToolResult, arguments_object},
    json::Object,
};

/// The field of a block that other dialects' clients may know too.
const CACHE: &[&str] = &["cache_control"];
/// What a document begins with: the API takes PDF files.
const PDF: &str = "data:application/pdf;base64,";

/// Takes out what the API refuses or has no place for, and reports it. Blank texts are refused, and say nothing.
pub(super) fn fit_blocks(parts: &mut Vec<Part>, losses: &mut Losses) {
    parts.retain_mut(|part| match part {
        Part::Text { text, rest } => {
            rest.keep(CACHE, losses);
            !text.trim_start().is_empty()
        }
        Part::Refusal(_) => true,
        Part::Image { detail, rest, .. } => {
            losses.unless(detail.take(), &"auto".to_owned());
            rest.keep(CACHE, losses);
            true
        }
        Part::Thought(thought) => {
            // Only sealed thoughts are accepted back.
            let sealed = thought.signature.is_some() || thought.sealed.is_some();
            if !sealed {
                losses.add(thought.at);
            }
            sealed
        }
        Part::ToolCall(call) => {
            call.rest.keep(CACHE, losses);
            true
        }
        Part::ToolResult(result) => {
            fit_blocks(&mut result.parts, losses);
            result.rest.keep(CACHE, losses);
            true
        }
        Part::File { url, name, rest } => fit_file(url, name, rest, losses),
        Part::Other(given) => {
            losses.add(given.at);
            false
        }
    });
}

fn fit_file(url: &Given<String>, name: &mut Option<Given<String>>, rest: &mut Rest, losses: &mut Losses) -> bool {
    let pdf = url.value.starts_with(PDF);
    if !pdf {
        losses.add(url.at);
        losses.given(name.take());
    }
    rest.keep(if pdf { CACHE } else { &[] }, losses);
    pdf
}

/// Writes parts that [fit](fit_blocks) as the member `name`: one plain text as a string, anything else as a list of
/// blocks. Of nothing nothing is written.
pub(super) fn write_content(name: &'static str, parts: Vec<Part>, out: &mut Object<'_>) {
    match parts.as_slice() {
        [] => {}
        [Part::Text { text, rest }] if rest.fields.is_empty() => out.put(name, text),
        [Part::Refusal(text)] => out.put(name, &text.value),
        _ => out.objects(name, parts, write_block),
    }
}

fn write_block(part: Part, out: &mut Object<'_>) {
    match part {
        Part::Text { text, rest } => {
            out.put("type", "text");
            out.put("text", text);
            out.others(&rest.fields, &[]);
        }
        Part::Refusal(text) => {
            out.put("type", "text");
            out.put("text", text.value);
        }
        Part::Image { image, detail: _, rest } => {
            out.put("type", "image");
            out.object("source", |out| write_source(image.value, out));
            out.others(&rest.fields, &[]);
        }
        Part::Thought(thought) => write_thought(thought, out),
        Part::ToolCall(call) => write_call(call, out),
        Part::ToolResult(result) => write_result(result, out),
        Part::File { url, name, rest } => {
            out.put("type", "document");
            out.object("source", |out| {
                out.put("type", "base64");
                out.put("media_type", "application/pdf");
                out.put("data", url.value.strip_prefix(PDF).unwrap_or_default());
            });
            out.some("title", name.map(|name| name.value));
            out.others(&rest.fields, &[]);
        }
        Part::Other(_) => {}
    }
}

fn write_source(image: Image, out: &mut Object<'_>) {
    match image {
        Image::Url(url) => {
            out.put("type", "url");
            out.put("url", url);
        }
        Image::Base64 { media_type, data } => {
            out.put("type", "base64");
            out.put("media_type", media_type);
            out.put("data", data);
        }
    }
}

fn write_thought(thought: Thought, out: &mut Object<'_>) {
    let Thought { text, signature, sealed, at: _ } = thought;
    match signature {
        Some(signature) => {
            out.put("type", "thinking");
            out.put("thinking", text);
            out.put("signature", signature.value);
        }
        None => {
            out.put("type", "redacted_thinking");
            out.some("data", sealed.map(|data| data.value));
        }
    }
}

fn write_call(call: ToolCall, out: &mut Object<'_>) {
    let ToolCall { id, name, arguments, rest } = call;
    out.put("type", "tool_use");
    out.put("id", clean(id));
    out.put("name", name);
    out.put("input", arguments_object(&arguments));
    out.others(&rest.fields, &[]);
}

fn write_result(result: ToolResult, out: &mut Object<'_>) {
    let ToolResult { id, name: _, parts, is_error, rest } = result;
    out.put("type", "tool_result");
    out.put("tool_use_id", clean(id));
    write_content("content", parts, out);
    out.some("is_error", is_error.map(|given| given.value));
    out.others(&rest.fields, &[]);
}

/// The API takes letters, digits, `_` and `-` in ids. The change is the same for a call and for its result.
fn clean(id: String) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if id.chars().all(fits) { id } else { id.chars().map(|c| if fits(c) { c } else { '_' }).collect() }
}
