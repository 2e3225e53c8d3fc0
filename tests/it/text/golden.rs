//! What each endpoint asks of each type of provider, in both languages, and what it answers: against files on disk.
//!
//! `UPDATE_GOLDEN=1` writes the files anew. Of system prompts they hold the first line only.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use super::{TYPES, answer, sent, setup};

fn cases() -> Vec<(&'static str, Value)> {
    vec![
        (
            "conversation_with_model",
            json!({"user_last_statement": "and now?", "max_new_tokens": 64, "temperature": "0.5",
                "historical_messages": [{"user": "hi", "assistant": "hello"}, {"user": "what is 1+1?", "assistant": "2"}]}),
        ),
        (
            "extended_conversation_with_model",
            json!({"user_last_statement": "and now?", "system_prompt": "You are a pirate.", "top_p": 0.5,
                "historical_messages": [{"user": "hi", "assistant": "ahoy"}]}),
        ),
        (
            "generate_questions",
            json!({"texts": ["Ada [[mock text=\"Here you are:\\n\\n1. Who?\\n2. Why?\"]]", "Bob [[mock text=\"Where?\"]]"],
                "number_of_questions": 2}),
        ),
        ("translate", json!({"texts": ["good morning", "good night"]})),
        ("simplify_text", json!({"texts": ["notwithstanding"], "top_k": 7, "repetition_penalty": 1, "typical_p": 0.9})),
        ("generate_article_from_text", json!({"text": "rain fell"})),
        (
            "create_full_article_from_texts",
            json!({"user_query": "what about ##USER_Q_STR##?", "texts": [" one ", "", "two"], "article_type": "a column"}),
        ),
        (
            "generative_answer",
            json!({"question_str": "who?", "texts": {"a.txt": ["Ada", "Bob"], "b.txt": ["Eve"]}, "doc_name_in_answer": "yes",
                "question_prompt": "in one word"}),
        ),
    ]
}

fn with(request: &Value, more: &[(&str, &str)]) -> Value {
    let mut request = request.clone();
    for (name, value) in more {
        request[*name] = json!(value);
    }
    request
}

/// The first line of a long text: prompts may be reworded without breaking this test.
fn shortened(text: &mut Value) {
    let Value::String(full) = text else { return };
    if let Some((line, _)) = full.split_once('\n') {
        *text = json!(format!("{line} […]"));
    }
}

fn without_prompt(mut body: Value) -> Value {
    if let Some(system) = body.get_mut("system") {
        shortened(system);
    }
    for message in body["messages"].as_array_mut().unwrap() {
        if message["role"] == "system" {
            shortened(&mut message["content"]);
        }
    }
    body
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/text").join(format!("{name}.json"))
}

#[tokio::test]
async fn every_endpoint_asks_and_answers_as_recorded() {
    let (mock, router) = setup("").await;
    for (endpoint, request) in cases() {
        let mut told = json!({"request": request, "answer": null, "asked": {}});
        for kind in TYPES {
            for language in ["en", "pl"] {
                let request = with(&request, &[("model_name", kind), ("language", language)]);
                let answered = answer(&router, endpoint, &request).await;
                assert!(told["answer"].is_null() || told["answer"] == answered, "{endpoint}, {kind}: {answered}");
                told["answer"] = answered;
                let mut asked: Vec<Value> = sent(&mock).into_iter().map(without_prompt).collect();
                // The texts of a batch are asked for at the same time.
                asked.sort_by_key(|body| body["messages"].to_string());
                told["asked"][kind][language] = json!(asked);
            }
        }
        let path = golden(endpoint);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, serde_json::to_string_pretty(&told).unwrap() + "\n").unwrap();
        }
        let recorded: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(told, recorded, "{endpoint} differs from {}", path.display());
    }
}
