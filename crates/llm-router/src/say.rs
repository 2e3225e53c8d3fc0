//! What the commands write. Whoever listened may be gone, such as `head`: that is no reason to end in a panic.

use std::io::Write as _;

/// A line on standard output.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A text that has its own ends of lines, on standard output.
pub(crate) fn say_all(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A line on standard error.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// So many of something, such as `1 model` or `2 models`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
