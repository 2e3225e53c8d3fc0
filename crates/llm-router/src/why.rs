//! `llm-router why`: what became of a request, and why it went where it went.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{args, operator::Operator, say::say_all};

pub(crate) fn run(args: &args::Why) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let operator = Operator::at(&args.admin.url)?;
    let id = percent(&args.id);
    let (status, value) = runtime.block_on(operator.page(&format!("/admin/requests/{id}")))?;
    if !status.is_success() {
        return Err(value["error"].as_str().unwrap_or("no such request").to_owned().into());
    }
    say_all(&account(&value));
    Ok(())
}

/// An id as a path segment.
fn percent(id: &str) -> String {
    let mut text = String::new();
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a text cannot fail, here and below.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// The account for people.
fn account(value: &Value) -> String {
    let mut text = String::new();
    let word = |field: &str| value[field].as_str().unwrap_or("-").to_owned();
    let number = |value: &Value| value.as_f64().map_or("-".to_owned(), |number| format!("{number:.3}"));
    let _ = writeln!(text, "{}  {} {}  at {}", word("id"), word("method"), word("route"), word("at"));
    let _ = writeln!(text, "  status {}, {}, took {} ms", value["status"], word("outcome"), number(&value["took_ms"]));
    for (name, field) in [("key", "key"), ("refused", "reason"), ("error", "error"), ("trace", "trace_id")] {
        if let Some(said) = value[field].as_str() {
            let _ = writeln!(text, "  {name}: {said}");
        }
    }
    let _ = writeln!(text, "  model {}, answered by {}, {} asked", word("model"), word("provider"), value["attempts"]);
    if !value["tokens_in"].is_null() {
        let _ = writeln!(text, "  tokens: {} in, {} out", value["tokens_in"], value["tokens_out"]);
    }
    let phases = &value["phases_ms"];
    let names = ["body", "queue", "pick", "connect", "head_at", "first_byte_at", "last_byte_at", "longest_gap"];
    let known: Vec<String> = names
        .iter()
        .filter(|name| phases[**name].is_number())
        .map(|name| format!("{} {}", name.replace('_', " "), number(&phases[*name])))
        .collect();
    let _ = writeln!(text, "  milliseconds: {}", known.join(", "));
    for which in ["request", "answer"] {
        let body = &value["captured"][which];
        if let Some(said) = body["text"].as_str() {
            let cut = if body["cut"] == true { ", its beginning" } else { "" };
            let _ = writeln!(text, "  {which} of {} bytes{cut}: {}", body["bytes"], said.escape_debug());
        }
    }
    for failed in value["failed_attempts"].as_array().into_iter().flatten() {
        let provider = failed["provider"].as_str().unwrap_or("-");
        let failure = failed["failure"].as_str().unwrap_or("-");
        let _ = writeln!(text, "  failed: {provider} ({failure}) after {} ms", number(&failed["took_ms"]));
    }
    let hedge = &value["hedge"];
    if hedge.is_object() {
        let which = if hedge["won"] == true { "second" } else { "first" };
        let given_up = hedge["given_up"].as_str().map(|id| format!(", {id} was let go")).unwrap_or_default();
        let at = number(&hedge["began_ms"]);
        let _ = writeln!(text, "  slow: a second provider was asked at {at} ms; the {which} one answered{given_up}");
    }
    if value["over_retry_budget"] == true {
        let _ = writeln!(text, "  not sent again: the budget for that was used up");
    }
    for (number, choice) in value["choices"].as_array().into_iter().flatten().enumerate() {
        let _ = writeln!(text, "  choice {}:", number + 1);
        for considered in choice.as_array().into_iter().flatten() {
            let mark = if considered["chosen"] == true { "->" } else { "  " };
            let provider = considered["provider"].as_str().unwrap_or("-");
            let verdict = considered["verdict"].as_str().unwrap_or("-");
            let score = considered["score"].as_f64().map(|score| format!(", score {score:.4}")).unwrap_or_default();
            let _ = writeln!(text, "    {mark} {provider}: {verdict}{score}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_account_names_every_candidate_and_what_failed() {
        let value = json!({"id": "a", "status": 200, "outcome": "complete", "attempts": 2, "provider": "well",
            "failed_attempts": [{"provider": "busy", "failure": "503", "took_ms": 1.5}],
            "hedge": {"won": true, "given_up": "slow", "began_ms": 12.5}, "over_retry_budget": true,
            "choices": [[{"provider": "busy", "chosen": true, "verdict": "could serve", "score": 0.5}]]});
        let text = account(&value);
        for expected in [
            "failed: busy (503) after 1.500 ms",
            "slow: a second provider was asked at 12.500 ms; the second one answered, slow was let go",
            "not sent again",
            "-> busy: could serve, score 0.5000",
            "answered by well",
        ] {
            assert!(text.contains(expected), "{text}");
        }
        assert_eq!(percent("a/b c"), "a%2Fb%20c");
    }
}
