//! Commands whose reader has gone, as `llm-router check | head -1` has it.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

#[test]
fn a_command_whose_output_nobody_reads_ends_as_it_would_have() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    for arguments in [&["check", "--capabilities"][..], &["check"], &["simulate", "--scenario", "P1", "--load", "0.1"]]
    {
        let mut child = Command::new(env!("CARGO_BIN_EXE_llm-router"))
            .args(arguments)
            .current_dir(folder.path())
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        drop(child.stdout.take());
        let said: Vec<String> =
            BufReader::new(child.stderr.take().expect("it is piped")).lines().map_while(Result::ok).collect();
        assert!(child.wait().expect("it ends").success(), "{arguments:?}: {said:?}");
        assert!(said.is_empty(), "{arguments:?}: {said:?}");
    }
}
