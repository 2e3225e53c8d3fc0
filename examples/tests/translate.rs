//! The example that embeds the core alone does what it says.

use std::{
    io::Write,
    process::{Command, Stdio},
};

#[test]
fn an_ollama_request_becomes_an_anthropic_one_and_a_stream_comes_out_as_chunks() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_translate"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the example starts");
    let body = br#"{"model":"a","options":{"num_predict":50,"seed":3},"messages":[{"role":"user","content":"hi"}]}"#;
    child.stdin.take().expect("it is piped").write_all(body).expect("it reads");
    let done = child.wait_with_output().expect("it ends");
    let text = String::from_utf8(done.stdout).expect("text");
    assert!(done.status.success());
    assert!(
        text.starts_with(r#"{"model":"claude-sonnet-4-5","max_tokens":50,"messages":[{"role":"user","content":"hi"}]"#)
    );
    assert!(text.contains(r#"# not carried: ["options.seed"]"#), "{text}");
    assert!(text.contains(r#""finish_reason":"tool_calls""#) && text.contains("data: [DONE]"), "{text}");
}
