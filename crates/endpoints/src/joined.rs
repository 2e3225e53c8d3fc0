//! A captured stream as one JSON object: what comes piece by piece is joined, so that a secret that lies across pieces
//! is seen as one, and people can read what was said.

use serde_json::{Map, Value, json};

/// Fields that carry a text piece by piece, in any dialect; of all others the last value stands.
const PIECES: [&str; 12] = [
    "content",
    "text",
    "arguments",
    "partial_json",
    "delta",
    "response",
    "thinking",
    "signature",
    "reasoning",
    "reasoning_content",
    "refusal",
    "body",
];

/// The most places of a list that are filled in by their number.
const MOST_PLACES: usize = 256;

/// The events of a stream as one object with their number, if it is a stream: server-sent events, or a JSON object a
/// line. What cannot be read of it is counted, not shown; so is the beginning of an event that was cut off.
pub(crate) fn joined(body: &str) -> Option<Value> {
    if serde_json::from_str::<Value>(body).is_ok() {
        return None;
    }
    let (mut all, mut events, mut unread, mut marked) = (Value::Null, 0, 0, false);
    for line in body.lines() {
        let event = line.strip_prefix("data:");
        marked |= event.is_some();
        let text = event.unwrap_or(line).trim();
        if text.is_empty() || text == "[DONE]" || (event.is_none() && !text.starts_with('{')) {
            continue;
        }
        match serde_json::from_str::<Value>(text) {
            Ok(event) => {
                events += 1;
                join(&mut all, event, "");
            }
            Err(_) => unread += 1,
        }
    }
    (marked || events > 1).then(|| json!({"events": events, "unread": unread, "joined": all}))
}

fn join(all: &mut Value, new: Value, name: &str) {
    match (all, new) {
        (Value::Object(all), Value::Object(new)) => {
            for (name, value) in new {
                join_member(all, name, value);
            }
        }
        (Value::Array(all), Value::Array(new)) => {
            for (at, value) in new.into_iter().enumerate() {
                // Parts of one list may come in events of their own, and then say which they are.
                let place = value["index"].as_u64().and_then(|at| usize::try_from(at).ok()).unwrap_or(at);
                if place < MOST_PLACES {
                    all.resize(all.len().max(place + 1), Value::Null);
                    join(&mut all[place], value, name);
                }
            }
        }
        (Value::String(all), Value::String(new)) if PIECES.contains(&name) => all.push_str(&new),
        // A last event often has nothing where the ones before had words.
        (_, Value::Null) => {}
        (all, new @ Value::Array(_)) => {
            *all = Value::Array(Vec::new());
            join(all, new, name);
        }
        (all, new @ Value::Object(_)) => {
            *all = Value::Object(Map::new());
            join(all, new, name);
        }
        (all, new) => *all = new,
    }
}

fn join_member(all: &mut Map<String, Value>, name: String, value: Value) {
    let mut old = all.remove(&name).unwrap_or_default();
    join(&mut old, value, &name);
    all.insert(name, old);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_of_a_stream_are_one_text() {
        let stream = "data: {\"id\":\"a\",\"choices\":[{\"delta\":{\"content\":\"ha\"}}]}\n\n: alive\n\n\
            data: {\"id\":\"a\",\"choices\":[{\"delta\":{\"content\":\"ha\",\"tool_calls\":[{\"index\":1,\
            \"function\":{\"arguments\":\"{\"}}]}}]}\n\ndata: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":1,\
            \"function\":{\"arguments\":\"}\"}}]},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\ndata: {\"cut";
        let joined = joined(stream).expect("it is a stream");
        assert_eq!(
            (&joined["events"], &joined["unread"], &joined["joined"]["id"]),
            (&3.into(), &1.into(), &"a".into())
        );
        let choice = &joined["joined"]["choices"][0];
        assert_eq!((&choice["delta"]["content"], &choice["finish_reason"]), (&"haha".into(), &"stop".into()));
        assert_eq!(choice["delta"]["tool_calls"][1]["function"]["arguments"], "{}");
    }

    #[test]
    fn lines_of_objects_are_a_stream_and_one_object_is_none() {
        let lines = "{\"message\":{\"content\":\"a\"}}\n{\"message\":{\"content\":\"b\"},\"done\":true}\n";
        assert_eq!(joined(lines).expect("a stream")["joined"]["message"]["content"], "ab");
        for whole in ["{\"a\":\n1}", "plain\ntext", "", "{\"cut"] {
            assert_eq!(joined(whole), None, "{whole}");
        }
        let far = "data: {\"l\":[{\"index\":99999999}]}\n";
        assert_eq!(joined(far).expect("a stream")["joined"]["l"], json!([]));
    }
}
