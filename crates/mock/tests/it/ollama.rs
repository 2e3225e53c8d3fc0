//! Ollama's surfaces.

use serde_json::{Value, json};

use crate::raw::{get, json as ask, mock, post, stream};

fn lines(payload: &str) -> Vec<Value> {
    payload.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn chat_streams_unless_told_not_to() {
    let server = mock("").await;
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    let lines = lines(&stream(&server, &post("/api/chat", &body.to_string())).await);
    let text: String = lines.iter().filter_map(|line| line["message"]["content"].as_str()).collect();
    assert_eq!(text, "You said: hi");
    let last = lines.last().unwrap();
    assert_eq!((&last["done"], &last["done_reason"], &last["eval_count"]), (&json!(true), &json!("stop"), &json!(3)));
    assert!(last["total_duration"].as_u64().unwrap() > last["eval_duration"].as_u64().unwrap());
    assert!(lines[..lines.len() - 1].iter().all(|line| line["done"] == false));

    body["stream"] = json!(false);
    body["think"] = json!(true);
    let (_, whole) = ask(&server, &post("/api/chat", &body.to_string())).await;
    assert_eq!(whole["message"]["content"], "You said: hi");
    assert_eq!(whole["message"]["thinking"], "Let me think about this.");
}

#[tokio::test]
async fn tools_generate_formats_and_images_work() {
    let server = mock("").await;
    let tool =
        json!({"type": "function", "function": {"name": "f", "parameters": {"properties": {"q": {"type": "string"}}}}});
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "find it"}], "tools": [tool]});
    let all = lines(&stream(&server, &post("/api/chat", &body.to_string())).await);
    assert_eq!(all[0]["message"]["tool_calls"][0]["function"]["arguments"], json!({"q": "it"}));

    let body = json!({"model": "m", "prompt": "x", "images": ["AA==", "AA=="], "system": "s", "stream": false});
    let (_, answer) = ask(&server, &post("/api/generate", &body.to_string())).await;
    assert_eq!(answer["response"], "I see 2 images. You said: x");
    let body = json!({"model": "m", "prompt": "x", "format": {"type": "object", "properties": {"n": {"type": "number"}}}, "stream": false});
    let (_, answer) = ask(&server, &post("/api/generate", &body.to_string())).await;
    assert_eq!(answer["response"], "{\"n\":42.5}");
    let body = json!({"model": "m", "messages": [], "stream": false});
    assert_eq!(ask(&server, &post("/api/chat", &body.to_string())).await.1["done_reason"], "load");
}

#[tokio::test]
async fn it_tells_about_itself() {
    let server = mock("models=one,two").await;
    let (_, tags) = ask(&server, &get("/api/tags")).await;
    assert_eq!((&tags["models"][1]["name"], tags["models"].as_array().unwrap().len()), (&json!("two"), 2));
    assert!(ask(&server, &get("/api/version")).await.1["version"].is_string());
    assert!(ask(&server, &get("/api/ps")).await.1["models"][0]["expires_at"].is_string());
    assert!(ask(&server, &post("/api/show", r#"{"model":"one"}"#)).await.1["capabilities"].is_array());
    let (status, error) = ask(&server, &post("/api/show", r#"{"model":"three"}"#)).await;
    assert_eq!((status, error), (404, json!({"error": "model 'three' not found"})));
    let (_, vectors) = ask(&server, &post("/api/embed", r#"{"model":"one","input":["a","b"]}"#)).await;
    assert_eq!(vectors["embeddings"].as_array().unwrap().len(), 2);
    let (_, vector) = ask(&server, &post("/api/embeddings", r#"{"model":"one","prompt":"a"}"#)).await;
    assert_eq!(vector["embedding"], vectors["embeddings"][0]);
}
