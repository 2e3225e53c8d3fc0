//! The language of scripts: what it takes, what it refuses and how it says so.

use llm_router_mock::{Script, ScriptError};
use serde_json::json;

use crate::raw::{json as ask, mock, post};

#[test]
fn the_reference_lists_every_directive_and_each_is_accepted() {
    let grammar = Script::grammar();
    assert!(grammar.contains("stall=P"));
    for line in grammar.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let usage = line.split_whitespace().next().unwrap();
        let (name, takes) = usage.split_once('=').unwrap_or((usage, ""));
        let example = match takes {
            "D" => "5ms",
            "N" | "P" | "auto|off|N" => "3",
            "TEXT" | "NAME" | "a,b,c" => "x",
            "0..1" => "0.5",
            "+N|-N" => "-3",
            "NAME:VALUE" => "x-a:b",
            "KIND" => "overloaded",
            words => words.split('|').next().unwrap(),
        };
        let example = if name == "status" { "503" } else { example };
        let text = if takes.is_empty() { name.to_owned() } else { format!("{name}={example}") };
        Script::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

#[test]
fn the_documentation_has_the_reference() {
    let written = include_str!("../../docs/DIRECTIVES.md");
    let wanted = format!("# The directives\n\n```text\n{}```\n", Script::grammar());
    assert_eq!(written, wanted, "docs/DIRECTIVES.md is not what Script::grammar says");
}

#[test]
fn what_is_wrong_is_named() {
    let refused = |text: &str| Script::parse(text).unwrap_err().to_string();
    assert!(refused("stal=3").contains("`stal`"));
    assert!(refused("head-delay=5").contains("a time needs a unit"));
    assert!(refused("stall=middle:4").contains("not a place"));
    assert!(refused("endless=yes").contains("takes no value"));
    assert!(refused("error=oops").contains("overloaded"), "the choices are listed");
    assert_eq!(Script::parse("text=\"open").unwrap_err(), ScriptError::Quote("text=\"open".to_owned()));
}

#[tokio::test]
async fn one_request_differs_by_header_model_name_or_message() {
    let server = mock("text=\"from the server\"").await;
    let chat =
        |model: &str, said: &str| json!({"model": model, "messages": [{"role": "user", "content": said}]}).to_string();
    let said = |answer: &serde_json::Value| answer["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    let path = "/v1/chat/completions";
    let (_, answer) = ask(&server, &post(path, &chat("m", "hi"))).await;
    assert_eq!(said(&answer), "from the server");
    let (_, answer) = ask(&server, &post(path, &chat("m[[mock text=model]]", "hi"))).await;
    assert_eq!((said(&answer), &answer["model"]), ("model".to_owned(), &json!("m[[mock text=model]]")));
    let (_, answer) = ask(&server, &post(path, &chat("m", "hi [[mock text=\"a message\"]]"))).await;
    assert_eq!(said(&answer), "a message");
    let request = post(path, &chat("m", "hi")).replacen("\r\n", "\r\nx-mock: text=header tokens=2\r\n", 1);
    assert_eq!(said(&ask(&server, &request).await.1), "header header");
    let (status, error) = ask(&server, &post(path, &chat("m", "hi [[mock slots=1]]"))).await;
    assert_eq!(status, 400);
    assert!(error["error"]["message"].as_str().unwrap().contains("whole server"));
}
