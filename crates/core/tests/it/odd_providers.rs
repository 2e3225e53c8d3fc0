//! What providers write that no API description says, and what clients are to see of it.

use llm_router_core::{
    api_type,
    operation::Operation,
    translate::{Context, Policy, ReplyTranslator, StreamFault, Translation, translate},
};
use serde_json::{Value, json};

const CONTEXT: Context<'static> =
    Context { public_model: "m", upstream_model: "up", now: 0, seed: "seed", policy: Policy::Drop, images: &[] };

/// The translator for the answer of a provider of this type to a client of Anthropic's API.
fn reader(to: &str) -> ReplyTranslator {
    let body = json!({"model": "m", "max_tokens": 9, "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let to = api_type::find(to).expect("a known type");
    match translate(Operation::Messages, to, body.to_string().as_bytes(), &CONTEXT).expect("translatable") {
        Translation::Send(translated) => translated.reply,
        Translation::Answer(answer) => panic!("{answer:?}"),
    }
}

/// The blocks that a client puts together from a stream, and how it ended.
fn told(events: &[u8]) -> (Vec<Value>, Value) {
    let (mut blocks, mut stop) = (Vec::<Value>::new(), Value::Null);
    let text = std::str::from_utf8(events).expect("text");
    for event in text.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let event: Value = serde_json::from_str(event).expect("JSON");
        let place = || usize::try_from(event["index"].as_u64().expect("a place")).expect("a small one");
        match event["type"].as_str().expect("a type") {
            "content_block_start" => {
                assert_eq!(place(), blocks.len(), "blocks come in order");
                blocks.push(event["content_block"].clone());
            }
            "content_block_delta" => {
                let (block, delta) = (&mut blocks[place()], &event["delta"]);
                for (name, piece) in [("text", "text"), ("thinking", "thinking"), ("json", "partial_json")] {
                    if let Some(piece) = delta[piece].as_str() {
                        let so_far = block[name].as_str().unwrap_or_default();
                        block[name] = format!("{so_far}{piece}").into();
                    }
                }
            }
            "message_delta" => stop = event["delta"]["stop_reason"].clone(),
            _ => {}
        }
    }
    (blocks, stop)
}

fn chunks(deltas: &[Value]) -> String {
    deltas.iter().map(|delta| format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta}]}))).collect()
}

const STOPPED: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn stream(text: &str) -> (Vec<Value>, Value) {
    let (mut reader, mut out) = (reader("openai"), Vec::new());
    reader.frame(text.as_bytes(), &mut out).expect("readable");
    reader.finish().expect("whole");
    told(&out)
}

#[test]
fn arguments_written_as_an_object_are_the_text_of_it() {
    let call = |arguments: Value| json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": arguments}}]});
    for arguments in [json!({"x": [1, "ż\n"]}), json!("{\"x\":[1,\"ż\\n\"]}"), Value::Null] {
        let (blocks, stop) = stream(&(chunks(&[call(arguments.clone())]) + STOPPED + DONE));
        assert_eq!((blocks.len(), &stop), (1, &json!("tool_use")), "{arguments}");
        let json: Value = serde_json::from_str(blocks[0]["json"].as_str().unwrap_or("{}")).expect("JSON");
        assert_eq!(json, if arguments.is_null() { json!({}) } else { json!({"x": [1, "ż\n"]}) }, "{arguments}");
    }
}

#[test]
fn a_stream_that_has_stopped_needs_no_last_event_where_http_vouches_for_its_end() {
    let begun = chunks(&[json!({"content": "hi"})]);
    let ollama = "{\"message\":{\"content\":\"hi\"},\"done\":false}\n";
    let last = "{\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\"}";
    for (to, text, whole) in [
        ("openai", format!("{begun}{STOPPED}"), true),
        ("openai", format!("{begun}{}", STOPPED.trim_end()), true),
        ("openai", format!("{begun}{STOPPED}data: [DONE]"), true),
        ("openai", begun, false),
        ("openai", String::new(), false),
        ("ollama", format!("{ollama}{last}"), true),
        ("ollama", ollama.to_owned(), false),
        ("ollama", format!("{ollama}{}", &last[..9]), false),
    ] {
        let (mut reader, mut out) = (reader(to), Vec::new());
        reader.frame(text.as_bytes(), &mut out).expect("readable so far");
        assert_eq!(reader.finish(), Err(StreamFault::Truncated), "without that it is cut: {text}");
        assert_eq!(reader.close(&mut out).is_ok() && reader.finish().is_ok(), whole, "{text}");
        assert_eq!(told(&out).1, if whole { json!("end_turn") } else { Value::Null }, "{text}");
    }
}

#[test]
fn half_an_emoji_spoils_neither_a_question_nor_an_answer() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":"cut \ud83d"}]}"#;
    let to = api_type::find("anthropic").expect("a known type");
    let sent = match translate(Operation::ChatCompletions, to, body.as_bytes(), &CONTEXT).expect("translatable") {
        Translation::Send(translated) => serde_json::from_slice::<Value>(&translated.body).expect("JSON"),
        Translation::Answer(answer) => panic!("{answer:?}"),
    };
    assert_eq!(sent["messages"][0]["content"], "cut \u{fffd}");
    let streamed = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"a\\ud83d\"}}}}]}}\n\n{STOPPED}{DONE}");
    assert_eq!(stream(&streamed).0, [json!({"type": "text", "text": "a\u{fffd}"})]);
    let whole = br#"{"choices":[{"message":{"content":"\ude00b"},"finish_reason":"stop"}]}"#;
    let answer: Value = serde_json::from_slice(&reader("openai").whole(whole).expect("readable")).expect("JSON");
    assert_eq!(answer["content"], json!([{"type": "text", "text": "\u{fffd}b"}]));
}

#[test]
fn thoughts_inside_a_list_of_parts_are_thoughts() {
    let parts = json!([
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "hi"},
    ]);
    let wanted =
        [json!({"type": "thinking", "thinking": "hm", "signature": ""}), json!({"type": "text", "text": "hi"})];
    let pieces =
        chunks(&[json!({"content": parts}), json!({"content": [{"type": "reference", "reference_ids": [1]}]})]);
    assert_eq!(stream(&format!("{pieces}{STOPPED}{DONE}")).0, wanted);
    let whole = json!({"choices": [{"message": {"content": parts}, "finish_reason": "stop"}]}).to_string();
    let answer: Value =
        serde_json::from_slice(&reader("openai").whole(whole.as_bytes()).expect("readable")).expect("JSON");
    assert_eq!(answer["content"], json!(wanted));
}

#[test]
fn text_between_the_pieces_of_a_call_waits_until_the_call_is_whole() {
    let call = |piece: &str| json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]});
    let first = json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{\"x\""}}]});
    let pieces = chunks(&[first, json!({"content": "and"}), call(":1}"), json!({"content": " so on"})]);
    let (blocks, stop) = stream(&format!("{pieces}{STOPPED}{DONE}"));
    assert_eq!((blocks.len(), &stop), (2, &json!("tool_use")));
    assert_eq!((&blocks[0]["name"], &blocks[0]["json"]), (&json!("f"), &json!("{\"x\":1}")));
    assert_eq!(blocks[1]["text"], "and so on");
}

#[test]
fn calls_without_ids_and_numbers_stay_apart() {
    let call = |name: &str, arguments: &str| json!({"id": "", "function": {"name": name, "arguments": arguments}});
    for pieces in [
        chunks(&[json!({"tool_calls": [call("f", "{}")]}), json!({"tool_calls": [call("f", "{\"x\":1}")]})]),
        chunks(&[json!({"tool_calls": [call("f", "{}"), call("f", "{\"x\":1}")]})]),
    ] {
        let (blocks, _) = stream(&format!("{pieces}{STOPPED}{DONE}"));
        let called: Vec<_> = blocks.iter().map(|block| block["json"].as_str().expect("arguments")).collect();
        assert_eq!(called, ["{}", "{\"x\":1}"], "{pieces}");
        assert_ne!(blocks[0]["id"], blocks[1]["id"]);
    }
}

#[test]
fn odd_numbers_beside_an_answer_cost_it_nothing_but_themselves() {
    let told = |usage: Value| {
        let body = json!({"created": "today", "system_fingerprint": 7, "usage": usage,
            "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]});
        let answer = reader("openai").whole(body.to_string().as_bytes()).expect("readable");
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        assert_eq!(answer["content"][0]["text"], "hi");
        (answer["usage"]["input_tokens"].clone(), answer["usage"]["output_tokens"].clone())
    };
    for (usage, input, output) in [
        (json!({"prompt_tokens": 3.0, "completion_tokens": 4}), 3, 4),
        (json!({"prompt_tokens": 3, "input_tokens": 3, "completion_tokens": 4, "output_tokens": 4}), 3, 4),
        (json!({"prompt_tokens": -1, "completion_tokens": "4", "prompt_tokens_details": []}), 0, 0),
        (json!("none"), 0, 0),
    ] {
        assert_eq!(told(usage.clone()), (json!(input), json!(output)), "{usage}");
        let chunk = json!({"choices": [], "usage": usage});
        let text = format!("{}{STOPPED}data: {chunk}\n\n{DONE}", chunks(&[json!({"content": "hi"})]));
        assert_eq!(stream(&text).0, [json!({"type": "text", "text": "hi"})]);
    }
}

#[test]
fn arguments_of_servers_that_imitate_ollama_may_be_text() {
    let line = |arguments: Value| {
        let call = json!({"function": {"name": "f", "arguments": arguments}});
        json!({"message": {"content": "", "tool_calls": [call]}, "done": true, "done_reason": "stop"}).to_string()
    };
    for (arguments, wanted) in
        [(json!({"x": 1}), r#"{"x":1}"#), (json!(r#"{"x":1}"#), r#"{"x":1}"#), (json!(null), "{}")]
    {
        let (mut translator, mut out) = (reader("ollama"), Vec::new());
        translator.frame(format!("{}\n", line(arguments.clone())).as_bytes(), &mut out).expect("readable");
        assert_eq!(told(&out).0[0]["json"], wanted);
        let answer = reader("ollama").whole(line(arguments).as_bytes()).expect("readable");
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        assert_eq!(answer["content"][0]["input"].to_string(), wanted);
    }
}

#[test]
fn a_call_that_is_no_functions_leaves_the_rest_of_the_answer() {
    let call = json!({"id": "a", "type": "custom", "custom": {"name": "c", "input": "raw"}});
    let body = json!({"choices": [{"message": {"content": "hi", "tool_calls": [call]}, "finish_reason": "stop"}]});
    let answer = reader("openai").whole(body.to_string().as_bytes()).expect("readable");
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    assert_eq!(answer["content"], json!([{"type": "text", "text": "hi"}]));
}
