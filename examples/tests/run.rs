//! Runs the examples as a reader would.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn an_endpoint_of_ones_own_is_served() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let child = Command::new(env!("CARGO_BIN_EXE_own_endpoint"))
        .current_dir(folder.path())
        .env("LLM_ROUTER_SERVER_HOST", "127.0.0.1")
        .env("LLM_ROUTER_SERVER_PORT", "0")
        .stdout(Stdio::piped())
        .spawn();
    let mut example = Running(child.expect("the example starts"));
    let mut line = String::new();
    let output = example.0.stdout.take().expect("its output is ours");
    BufReader::new(output).read_line(&mut line).expect("it says what to try");
    let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("it says where");
    let body = r#"{"model":"demo","topic":"frogs","wish":"one\ntwo"}"#;
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a read may be bounded");
    let request = format!(
        "POST /api/haiku HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("it takes a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains(r#"{"response":{"lines":["You said: one"#),
        "{answer}"
    );
}
