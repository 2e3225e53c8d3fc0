//! What a limit of no tokens, or of fewer, means in each API.

use llm_router_core::{
    api_type,
    operation::Operation,
    translate::{Context, Policy, Translation, translate},
};
use serde_json::{Value, json};

const CONTEXT: Context<'static> =
    Context { public_model: "m", upstream_model: "up", now: 0, seed: "seed", policy: Policy::Drop, images: &[] };

/// The provider's body, or what is wrong with the client's.
fn sent(from: Operation, to: &str, limit: (&str, i64)) -> Result<Value, String> {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    match from {
        Operation::Completions => body = json!({"model": "m", "prompt": "hi"}),
        Operation::Responses | Operation::LmStudioNativeChat => body = json!({"model": "m", "input": "hi"}),
        _ => {}
    }
    match from {
        Operation::OllamaChat => body["options"] = json!({limit.0: limit.1}),
        _ => body[limit.0] = limit.1.into(),
    }
    let to = api_type::find(to).expect("a known type");
    match translate(from, to, body.to_string().as_bytes(), &CONTEXT).map_err(|error| error.to_string())? {
        Translation::Send(translated) => Ok(serde_json::from_slice(&translated.body).expect("JSON")),
        Translation::Answer(answer) => panic!("{answer:?}"),
    }
}

#[test]
fn a_limit_of_no_tokens_is_refused_where_the_api_refuses_it() {
    for (from, field, to) in [
        (Operation::ChatCompletions, "max_tokens", "ollama"),
        (Operation::ChatCompletions, "max_completion_tokens", "anthropic"),
        (Operation::Completions, "max_tokens", "ollama"),
        (Operation::Responses, "max_output_tokens", "anthropic"),
        (Operation::LmStudioNativeChat, "max_output_tokens", "ollama"),
        (Operation::Messages, "max_tokens", "openai"),
    ] {
        for limit in [0, -2] {
            let refused = sent(from, to, (field, limit)).expect_err("it was taken");
            assert!(refused.contains(field) && refused.contains("at least 1"), "{from:?} {limit}: {refused}");
        }
        assert!(sent(from, to, (field, 1)).is_ok(), "{from:?}");
    }
}

#[test]
fn minus_one_stands_for_no_limit_with_local_servers_but_not_with_anthropic() {
    let chat = Operation::ChatCompletions;
    assert_eq!(sent(chat, "ollama", ("max_tokens", -1)).unwrap()["options"]["num_predict"], -1);
    let most = sent(chat, "anthropic", ("max_tokens", -1)).unwrap()["max_tokens"].as_i64();
    assert!(most > Some(1000), "what the API wants named is ample: {most:?}");
    assert!(sent(Operation::Messages, "ollama", ("max_tokens", -1)).is_err());
}

#[test]
fn ollama_has_no_limit_at_0_and_below() {
    for limit in [0, -1, -2] {
        let openai = sent(Operation::OllamaChat, "vllm", ("num_predict", limit)).unwrap();
        assert_eq!(openai.get("max_tokens"), None, "{limit}");
        let most = sent(Operation::OllamaChat, "anthropic", ("num_predict", limit)).unwrap()["max_tokens"].as_i64();
        assert!(most > Some(1000), "{limit}: {most:?}");
    }
    assert_eq!(sent(Operation::OllamaChat, "vllm", ("num_predict", 7)).unwrap()["max_tokens"], 7);
}
