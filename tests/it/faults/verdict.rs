//! Whether what a client saw of a case is honest.

use llm_router_tests::Reply;

use super::case::{Case, SURFACES, Want};

/// Says what is wrong with an answer, if anything.
pub(super) fn judge(case: &Case, reply: &Reply) -> Result<(), String> {
    let surface = &SURFACES[case.surface];
    let text = reply.text();
    if text.contains("127.0.0.1") {
        return Err("an internal address".to_owned());
    }
    let refused = reply.status.as_u16() >= 400;
    if refused {
        if !reply.whole || serde_json::from_slice::<serde_json::Value>(&reply.body).is_err() {
            return Err("an error without an error body".to_owned());
        }
        return match case.want {
            Want::Whole => Err("refused".to_owned()),
            _ => Ok(()),
        };
    }
    let ended = if case.stream { text.contains(surface.end) } else { json(reply) };
    let told = text.contains(surface.error) && case.stream;
    if case.stream && reply.whole && !ended && !told {
        return Err("a stream without its end passes for a whole one".to_owned());
    }
    if ended && told {
        return Err("an error and a good end in one stream".to_owned());
    }
    if case.stream && ended && !reply.whole {
        return Err("a good end, and then a cut".to_owned());
    }
    match case.want {
        Want::Refusal => Err("an answer where there was none".to_owned()),
        Want::Broken if ended && reply.whole => Err("a broken answer passes for a whole one".to_owned()),
        Want::Broken if case.stream && !told => Err("the stream does not say why it ends".to_owned()),
        Want::Whole if !(ended && reply.whole) => Err("not whole".to_owned()),
        _ => Ok(()),
    }
}

/// Whether an answer that is no stream can be read.
fn json(reply: &Reply) -> bool {
    serde_json::from_slice::<serde_json::Value>(&reply.body).is_ok()
}
