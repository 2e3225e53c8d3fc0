//! Requests: every client dialect to every provider type that does not speak it.

use std::fs;

use llm_router_core::{api_type, translate::is_native};
use serde_json::{Map, Value, json};

use super::{check, inputs, pretty, send};

#[test]
fn golden_requests() {
    for (client, path) in inputs("requests") {
        let body: Value = serde_json::from_slice(&fs::read(&path).expect("a readable file")).expect("JSON");
        let mut out = Map::new();
        for provider in api_type::names() {
            if is_native(client, api_type::find(provider).expect("listed")) {
                continue;
            }
            let value = match send(client, provider, &body) {
                Ok(sent) => json!({
                    "path": sent.path,
                    "dropped": sent.losses.fields(),
                    "body": serde_json::from_slice::<Value>(&sent.body).expect("JSON"),
                }),
                Err(text) => json!({"not sent": text.trim_end()}),
            };
            out.insert(provider.to_owned(), value);
        }
        check(&path, &pretty(&out.into()));
    }
}
