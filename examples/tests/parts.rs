//! The examples that embed the router, and those that add to it, say what they should.

use std::process::Command;

/// What a program writes to standard output. It runs in a folder of its own, so that no file of ours is found.
fn output(program: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let done = Command::new(program).current_dir(folder.path()).output().expect("the example starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let left = std::fs::read_dir(folder.path()).expect("the folder is there").count();
    assert_eq!(left, 0, "it leaves files behind");
    String::from_utf8(done.stdout).expect("text")
}

#[test]
fn a_router_inside_a_program_answers_and_ends() {
    let text = output(env!("CARGO_BIN_EXE_embed"));
    assert!(text.contains("/v1/chat/completions 200 by Some(\"one\")"), "{text}");
    assert!(text.contains("200 OK {") && text.contains("You said: Hello!"), "{text}");
    assert!(text.contains("all requests had ended: true"), "{text}");
}

#[test]
fn a_provider_type_and_a_strategy_of_ones_own_are_used() {
    let text = output(env!("CARGO_BIN_EXE_own_parts"));
    for path in ["/v1/chat/completions", "/api/chat", "/v1/messages"] {
        assert!(text.contains(&format!("{path}: 200 OK")), "{text}");
    }
    assert!(text.contains("first: 3, second: 0\nrequests with the key: 3"), "{text}");
}

#[test]
fn providers_that_are_functions_are_chosen_and_translated_to() {
    let text = output(env!("CARGO_BIN_EXE_own_upstream"));
    let answers: Vec<&str> = text.lines().collect();
    assert_eq!(answers.len(), 2, "{text}");
    assert!(answers.iter().all(|line| line.starts_with(r#"200 OK {"model":"small","created_at":"#)), "{text}");
    assert!(answers[1].contains(r#"small-7b was asked: \"And again!\""#), "{text}");
}
