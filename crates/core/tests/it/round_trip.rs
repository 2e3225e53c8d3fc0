//! There and back: a request translated to another dialect, and from there back, keeps what both dialects have.
//! And whatever bytes come in, nothing panics.

use llm_router_core::{
    api_type,
    operation::Operation,
    translate::{Context, Policy, ReplyTranslator, Translation, translate},
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// `PROPTEST_CASES` asks for more, in the long form of the tests.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    let wanted = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    let cases = wanted.unwrap_or(cases);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn context() -> Context<'static> {
    Context { public_model: "m", upstream_model: "m", now: 0, seed: "seed", policy: Policy::Drop, images: &[] }
}

fn sent(from: Operation, provider: &str, body: &Value) -> Option<(Value, ReplyTranslator)> {
    let to = api_type::find(provider).expect("a known type");
    match translate(from, to, body.to_string().as_bytes(), &context()).ok()? {
        Translation::Send(sent) => Some((serde_json::from_slice(&sent.body).expect("JSON"), sent.reply)),
        Translation::Answer(_) => None,
    }
}

/// A text that no dialect has a reason to change.
fn words() -> impl Strategy<Value = String> {
    "[a-zżółć日\"\\\\{}]{1,12}"
}

/// A turn: what the person says, and what the model answers, with or without tools.
fn turn() -> impl Strategy<Value = Vec<Value>> {
    let called = (words(), words(), words()).prop_map(|(said, argument, result)| {
        let arguments = json!({"city": argument}).to_string();
        vec![
            json!({"role": "user", "content": said}),
            json!({"role": "assistant", "content": "Let me see.", "tool_calls": [
                {"id": "call_a", "type": "function", "function": {"name": "weather", "arguments": arguments}},
                {"id": "call_b", "type": "function", "function": {"name": "time", "arguments": "{}"}},
            ]}),
            json!({"role": "tool", "tool_call_id": "call_a", "content": result}),
            json!({"role": "tool", "tool_call_id": "call_b", "content": "noon"}),
            json!({"role": "assistant", "content": "So it is."}),
        ]
    });
    let plain = (words(), words()).prop_map(|(asked, said)| {
        vec![json!({"role": "user", "content": asked}), json!({"role": "assistant", "content": said})]
    });
    prop_oneof![called, plain]
}

fn options() -> impl Strategy<Value = Map<String, Value>> {
    let all = json!({
        "temperature": 0.25, "top_p": 0.75, "max_tokens": 77, "stop": ["END", "FIN"], "seed": 5, "presence_penalty": 0.5,
        "top_k": 20, "user": "u1", "tool_choice": "required", "parallel_tool_calls": false,
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer",
            "schema": {"type": "object", "properties": {}, "additionalProperties": false}}},
        "tools": [{"type": "function", "function": {"name": "weather", "description": "of a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}],
    });
    let Value::Object(all) = all else { unreachable!("it is an object, as written above") };
    let len = all.len();
    prop::collection::vec(any::<bool>(), len).prop_map(move |keep| {
        all.clone().into_iter().zip(keep).filter(|(_, keep)| *keep).map(|(pair, _)| pair).collect()
    })
}

proptest! {
    #![proptest_config(config(96))]

    #[test]
    fn what_both_sides_have_comes_back(
        system in prop::option::of(words()),
        turns in prop::collection::vec(turn(), 0..3),
        last in words(),
        options in options(),
    ) {
        let mut messages: Vec<Value> = system.into_iter().map(|text| json!({"role": "system", "content": text})).collect();
        messages.extend(turns.into_iter().flatten());
        messages.push(json!({"role": "user", "content": last}));
        let mut body = options;
        body.insert("model".to_owned(), "m".into());
        body.insert("messages".to_owned(), messages.into());
        let body = Value::Object(body);
        for (provider, back, both) in [
            ("ollama", Operation::OllamaChat, &["temperature", "top_p", "max_tokens", "stop", "seed", "presence_penalty",
                "top_k", "response_format", "tools", "messages"][..]),
            ("anthropic", Operation::Messages, &["temperature", "top_p", "max_tokens", "stop", "top_k", "user",
                "response_format", "tools", "messages"][..]),
        ] {
            let (there, _) = sent(Operation::ChatCompletions, provider, &body).expect("it can be sent");
            let (again, _) = sent(back, "vllm", &there).expect("it can be sent back");
            for field in both {
                if let Some(before) = body.get(*field) {
                    prop_assert_eq!(&again[*field], before, "{} by way of {}", field, provider);
                }
            }
            if provider == "anthropic" && body.get("tools").is_some() {
                for field in ["tool_choice", "parallel_tool_calls"] {
                    if let Some(before) = body.get(field) {
                        let absent = if field == "tool_choice" { json!("auto") } else { json!(true) };
                        prop_assert_eq!(again.get(field).unwrap_or(&absent), before);
                    }
                }
            }
        }
    }

    #[test]
    fn no_stream_makes_it_panic(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        size in 1usize..200,
    ) {
        let inputs: [(&str, &[u8]); 3] = [
            ("vllm", include_bytes!("../golden/streams/chat/tools.in.txt")),
            ("ollama", include_bytes!("../golden/streams/ollama_chat/tools.in.txt")),
            ("anthropic", include_bytes!("../golden/streams/messages/tools.in.txt")),
        ];
        let (provider, body) = inputs[which.index(inputs.len())];
        let mut body = body.to_vec();
        for (at, byte) in edits {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let ask = json!({"model": "m", "stream": true, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
        for client in [Operation::ChatCompletions, Operation::OllamaChat, Operation::Messages] {
            let (_, mut reply) = sent(client, provider, &ask).expect("it can be sent");
            let mut out = Vec::new();
            for piece in body.chunks(size) {
                if let Err(fault) = reply.frame(piece, &mut out) {
                    reply.abort(&fault.info(), &mut out);
                }
            }
            let _ = reply.finish();
        }
    }

    #[test]
    fn no_body_makes_it_panic(text in "[\\[\\]{}\":,a-z0-9 ]{0,40}", field in "messages|input|prompt|tools|options|thinking|system") {
        let inner: Value = serde_json::from_str(&text).unwrap_or(Value::String(text.clone()));
        for body in [json!({"model": "m", "messages": [inner.clone()], "input": inner, "prompt": inner}), json!({ field: inner })] {
            for client in Operation::ALL {
                for provider in api_type::names() {
                    let _ = sent(client, provider, &body);
                }
            }
        }
        for provider in ["vllm", "ollama", "anthropic"] {
            let ask = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
            let (_, mut reply) = sent(Operation::Messages, provider, &ask).expect("it can be sent");
            let _ = reply.whole(text.as_bytes());
            let _ = reply.error(500, text.as_bytes());
        }
    }
}
