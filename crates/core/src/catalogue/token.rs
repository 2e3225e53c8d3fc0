//! Provider tokens: written out, or by reference to a variable or a file.

use std::path::Path;

use super::tree::{Node, Object};
use crate::{
    problem::{Findings, Problem},
    secret::Secret,
};

/// Where tokens given by reference are looked up.
pub trait Secrets {
    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Option<String>;

    /// The text of a file.
    ///
    /// # Errors
    ///
    /// Those of reading a file.
    fn file(&self, path: &Path) -> std::io::Result<String>;
}

/// The variables of this process and the files it can read.
#[derive(Debug, Clone, Copy)]
pub struct ProcessSecrets;

impl Secrets for ProcessSecrets {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &Path) -> std::io::Result<String> {
        std::fs::read_to_string(path)
    }
}

/// Reads the key `api_token`. No finding ever shows a token.
pub(super) fn read(object: &Object<'_>, secrets: &dyn Secrets, findings: &mut Findings) -> Option<Secret> {
    let node = object.get("api_token")?;
    let place = object.place.key("api_token").to_string();
    let Node::Text(text) = node else {
        findings.problem(Problem::new(place, format!("is {}; a text is wanted", node.kind())));
        return None;
    };
    let token = match resolve(text.trim(), secrets) {
        Ok(token) => token,
        Err(message) => {
            findings.problem(Problem::new(place, message));
            return None;
        }
    };
    let token = token.trim();
    if token.is_empty() {
        return None;
    }
    if !token.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
        findings.problem(Problem::new(place, "cannot be sent in a header: it has characters outside printable ASCII"));
        return None;
    }
    Some(Secret::new(token.to_owned()))
}

fn resolve(text: &str, secrets: &dyn Secrets) -> Result<String, String> {
    if let Some(name) = text.strip_prefix("env:") {
        let value = secrets.variable(name).filter(|value| !value.trim().is_empty());
        return value.ok_or_else(|| format!("the environment variable {name:?} is not set"));
    }
    if let Some(path) = text.strip_prefix("file:") {
        let value =
            secrets.file(Path::new(path)).map_err(|error| format!("the file {path:?} cannot be read: {error}"))?;
        return if value.trim().is_empty() { Err(format!("the file {path:?} is empty")) } else { Ok(value) };
    }
    Ok(text.to_owned())
}
