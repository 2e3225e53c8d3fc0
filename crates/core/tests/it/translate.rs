//! Translation from end to end, through the public facade.

use llm_router_core::{
    api_type,
    dialect::{ErrorInfo, ErrorKind},
    operation::Operation,
    translate::{
        Context, FetchedImage, ImageUrl, Policy, StreamFault, TranslateError, Translated, Translation, translate,
    },
};
use serde_json::{Value, json};

fn context() -> Context<'static> {
    Context {
        public_model: "public",
        upstream_model: "upstream",
        now: 1_700_000_000,
        seed: "seed",
        policy: Policy::Drop,
        images: &[],
    }
}

fn send(from: Operation, to: &str, body: &Value) -> Translated {
    let to = api_type::find(to).expect("a known type");
    match translate(from, to, body.to_string().as_bytes(), &context()).expect("translatable") {
        Translation::Send(translated) => *translated,
        Translation::Answer(answer) => panic!("{answer:?}"),
    }
}

#[test]
fn an_openai_chat_with_tools_becomes_a_messages_request() {
    let body = json!({
        "model": "public", "temperature": 1.5, "seed": 7, "parallel_tool_calls": false,
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "weather?"},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}},
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": ""}},
            ]},
            {"role": "tool", "tool_call_id": "a", "content": "1"},
            {"role": "tool", "tool_call_id": "b", "content": "2"},
            {"role": "user", "content": "and?"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    });
    let got = send(Operation::ChatCompletions, "anthropic", &body);
    assert_eq!(got.path, "v1/messages");
    assert_eq!(got.losses.fields(), ["seed", "temperature"]);
    let body: Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(
        body,
        json!({
            "model": "upstream", "max_tokens": 8192, "system": "be brief",
            "messages": [
                {"role": "user", "content": "weather?"},
                {"role": "assistant", "content": [
                    {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
                    {"type": "tool_use", "id": "b", "name": "g", "input": {}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": "1"},
                    {"type": "tool_result", "tool_use_id": "b", "content": "2"},
                    {"type": "text", "text": "and?"},
                ]},
            ],
            "stream": false, "temperature": 1.0,
            "tools": [{"name": "f", "input_schema": {"type": "object"}}],
            "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        })
    );
}

#[test]
fn an_openai_stream_with_tools_becomes_a_message_stream() {
    let body =
        json!({"model": "public", "max_tokens": 10, "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let mut got = send(Operation::Messages, "vllm", &body);
    let mut out = Vec::new();
    for line in [
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"reasoning":"hm"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"żół","tool_calls":[]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":1}"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}"#,
        "[DONE]",
    ] {
        got.reply.frame(format!("data: {line}\n\n").as_bytes(), &mut out).unwrap();
    }
    let summary = got.reply.finish().unwrap();
    assert_eq!(summary.usage.unwrap().total(), 8);
    assert!(out.ends_with(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
}

fn error(from: Operation, to: &str, body: &Value, policy: Policy) -> TranslateError {
    let to = api_type::find(to).expect("a known type");
    let context = Context { policy, ..context() };
    translate(from, to, body.to_string().as_bytes(), &context).expect_err("it cannot be sent")
}

fn answer(from: Operation, to: &str, body: &Value) -> Value {
    let to = api_type::find(to).expect("a known type");
    match translate(from, to, body.to_string().as_bytes(), &context()).expect("translatable") {
        Translation::Answer(answer) => serde_json::from_slice(&answer.body).expect("JSON"),
        Translation::Send(sent) => panic!("{sent:?}"),
    }
}

#[test]
fn a_refusal_names_the_field() {
    let body = json!({"model": "m", "seed": 1, "messages": [{"role": "user", "content": "hi"}]});
    let refused = error(Operation::ChatCompletions, "anthropic", &body, Policy::Reject);
    let info = ErrorInfo::from(&refused);
    assert_eq!((info.status, info.param.as_deref()), (400, Some("seed")));
    let body = json!({"model": "m", "messages": [{"role": "user", "content": 7}]});
    let info = ErrorInfo::from(&error(Operation::ChatCompletions, "ollama", &body, Policy::Drop));
    assert_eq!((info.status, info.param.as_deref()), (400, Some("messages[0].content")));
    let body = json!({"model": "m", "messages": [{"role": "assistant", "tool_calls": [
        {"id": "a", "type": "function", "function": {"arguments": "{}"}}]}]});
    let info = ErrorInfo::from(&error(Operation::ChatCompletions, "ollama", &body, Policy::Drop));
    assert_eq!((info.status, info.param.as_deref()), (400, Some("messages[0].tool_calls[0].function.name")));
    let refused = error(
        Operation::Responses,
        "ollama",
        &json!({"model": "m", "input": "hi", "previous_response_id": "r"}),
        Policy::Drop,
    );
    assert_eq!(ErrorInfo::from(&refused).param.as_deref(), Some("previous_response_id"));
    let refused = error(Operation::Embeddings, "anthropic", &json!({"model": "m", "input": "hi"}), Policy::Drop);
    assert_eq!(ErrorInfo::from(&refused).code.as_deref(), Some("unsupported_operation"));
}

#[test]
fn pictures_by_url_are_asked_for_where_the_provider_takes_bytes_only() {
    let url = "https://example.com/a.png";
    let body = json!({"model": "m", "messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": url}}]}]});
    let refused = error(Operation::ChatCompletions, "ollama", &body, Policy::Drop);
    let missing = ImageUrl { url: url.to_owned(), field: "messages[0].content[0]".to_owned() };
    assert_eq!(ErrorInfo::from(&refused).param, Some(missing.field.clone()));
    assert_eq!(refused, TranslateError::Images { urls: vec![missing], target: "ollama" });
    let fetched = [FetchedImage { url: url.to_owned(), media_type: "image/png".to_owned(), data: "AAAA".to_owned() }];
    let to = api_type::find("ollama").expect("a known type");
    let again = Context { images: &fetched, ..context() };
    let Ok(Translation::Send(sent)) = translate(Operation::ChatCompletions, to, body.to_string().as_bytes(), &again)
    else {
        panic!("it has all it needs");
    };
    let sent: Value = serde_json::from_slice(&sent.body).expect("JSON");
    assert_eq!(sent["messages"][0]["images"], json!(["AAAA"]));
    let sent: Value = serde_json::from_slice(&send(Operation::ChatCompletions, "anthropic", &body).body).expect("JSON");
    assert_eq!(sent["messages"][0]["content"][0]["source"], json!({"type": "url", "url": url}));
}

#[test]
fn what_needs_no_provider_is_answered_on_the_spot() {
    let loaded = answer(Operation::OllamaChat, "vllm", &json!({"model": "m", "messages": []}));
    assert_eq!((&loaded["done"], &loaded["done_reason"]), (&json!(true), &json!("load")));
    let unloaded = answer(Operation::OllamaGenerate, "anthropic", &json!({"model": "m", "keep_alive": 0}));
    assert_eq!((&unloaded["response"], &unloaded["done_reason"]), (&json!(""), &json!("unload")));
    let count = json!({"model": "m", "messages": [{"role": "user", "content": "hello there, how are you?"}]});
    assert_eq!(answer(Operation::CountTokens, "ollama", &count), json!({"input_tokens": 11}));
    for nothing in [json!({"model": "m"}), json!({"model": "m", "input": []}), json!({"model": "m", "input": ""})] {
        let embeddings = answer(Operation::OllamaEmbed, "openai", &nothing);
        assert_eq!(embeddings, json!({"model": "public", "embeddings": []}), "{nothing}");
        let to = api_type::find("ollama").expect("a known type");
        let refused = translate(Operation::Embeddings, to, nothing.to_string().as_bytes(), &context());
        assert!(refused.is_err(), "OpenAI's API wants something: {nothing}");
    }
    assert_eq!(answer(Operation::OllamaEmbeddings, "openai", &json!({"model": "m"})), json!({"embedding": []}));
}

#[test]
fn thinking_stops_where_the_messages_api_would_refuse_it() {
    let turn = |thought: Value| {
        json!({"model": "m", "think": true, "reasoning_effort": "low", "messages": [
            {"role": "user", "content": "weather?"},
            {"role": "assistant", "content": null, "reasoning_details": thought, "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "a", "content": "rain"},
        ], "tools": [{"type": "function", "function": {"name": "f"}}]})
    };
    let sealed = turn(json!([{"type": "reasoning.text", "text": "hm", "signature": "seal"}]));
    let body: Value =
        serde_json::from_slice(&send(Operation::ChatCompletions, "anthropic", &sealed).body).expect("JSON");
    assert_eq!(body["thinking"], json!({"type": "enabled", "budget_tokens": 2048}));
    assert_eq!(body["messages"][1]["content"][0], json!({"type": "thinking", "thinking": "hm", "signature": "seal"}));
    let plain = send(Operation::ChatCompletions, "anthropic", &turn(json!([])));
    let body: Value = serde_json::from_slice(&plain.body).expect("JSON");
    assert_eq!(body.get("thinking"), None);
    assert!(plain.losses.fields().contains(&"reasoning_effort".to_owned()));
}

#[test]
fn a_provider_that_does_not_stream_when_asked_to_is_streamed_from_here() {
    let body = json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let whole = include_bytes!("../golden/replies/messages/tools.in.json");
    let mut got = send(Operation::ChatCompletions, "anthropic", &body);
    let mut out = Vec::new();
    let summary = got.reply.whole_as_stream(whole, &mut out).expect("a good answer");
    assert_eq!(summary.usage.map(|usage| usage.total()), Some(22));
    let text = String::from_utf8(out).expect("text");
    let order = [
        "\"role\":\"assistant\"",
        "Let me see.",
        "\"id\":\"toolu_a\"",
        "Krak",
        "\"id\":\"toolu_b\"",
        "\"finish_reason\":\"tool_calls\"",
        "[DONE]",
    ];
    let places: Vec<_> =
        order.iter().map(|mark| text.find(mark).unwrap_or_else(|| panic!("{mark} in {text}"))).collect();
    assert!(places.is_sorted(), "{text}");
    assert!(got.reply.whole_as_stream(b"[]", &mut Vec::new()).is_err());
}

#[test]
fn an_endless_answer_is_cut_off() {
    let body = json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let mut got = send(Operation::OllamaChat, "vllm", &body);
    let chunk = json!({"choices": [{"index": 0, "delta": {"content": "x".repeat(1 << 20)}}]});
    let frame = format!("data: {chunk}\n\n");
    let mut out = Vec::new();
    let fault = (0..40).find_map(|_| {
        out.clear();
        got.reply.frame(frame.as_bytes(), &mut out).err()
    });
    assert!(matches!(fault, Some(StreamFault::Codec(_))), "{fault:?}");
}

#[test]
fn an_error_inside_a_stream_is_the_providers_own_and_comes_before_content_or_after() {
    let body = json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let mut got = send(Operation::ChatCompletions, "anthropic", &body);
    let mut out = Vec::new();
    got.reply
        .frame(b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}\n\n", &mut out)
        .expect("fine");
    assert!(!got.reply.has_content() && !out.is_empty());
    let overloaded = b"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let fault = got.reply.frame(overloaded, &mut out).expect_err("an error event");
    assert_eq!((fault.info().kind, fault.info().message.as_str()), (ErrorKind::Overloaded, "Overloaded"));
    got.reply.abort(&fault.info(), &mut out);
    assert!(
        String::from_utf8(out)
            .expect("text")
            .ends_with("\"type\":\"overloaded_error\",\"param\":null,\"code\":null}}\n\n")
    );
    let mut got = send(Operation::Messages, "vllm", &body);
    let fault = got.reply.whole(br#"{"error":{"message":"no slot","code":"overloaded"}}"#).expect_err("an error");
    assert_eq!(fault.info().kind, ErrorKind::Overloaded);
    assert!(got.reply.whole(b"[]").is_err());
}

#[test]
fn a_chat_without_a_message_is_refused_and_does_not_load_a_model_in_silence() {
    let body = json!({"model": "m", "max_tokens": 9, "system": "s", "messages": []}).to_string();
    for (from, to) in [(Operation::ChatCompletions, "ollama"), (Operation::Messages, "vllm")] {
        let to = api_type::find(to).expect("a known type");
        let refused = translate(from, to, body.as_bytes(), &context()).expect_err("nothing was said");
        assert!(refused.to_string().contains("at least one message"), "{refused}");
    }
    // Ollama's own clients load one so.
    let to = api_type::find("openai").expect("a known type");
    assert!(matches!(translate(Operation::OllamaChat, to, body.as_bytes(), &context()), Ok(Translation::Answer(_))));
}

#[test]
fn a_chat_of_which_ollama_could_carry_nothing_is_refused_by_the_name_of_what_it_could_not() {
    let body = json!({"model": "m", "messages": [
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "eA==", "format": "wav"}}]},
    ]});
    let to = api_type::find("ollama").expect("a known type");
    let refused = translate(Operation::ChatCompletions, to, body.to_string().as_bytes(), &context());
    let Err(TranslateError::Unsupported { field, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(field, "messages[0].content[0]");
}
