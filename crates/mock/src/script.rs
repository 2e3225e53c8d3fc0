//! `Script`: what the mock answers, how slowly, and what it breaks on purpose; parsed from one small language.

mod directives;
mod plan;
mod values;

pub(crate) use plan::{Accept, Act, Calls, Engine, Finish, House, Point, Quirks, Reading, SlotsFull, Timing};

use directives::DIRECTIVES;
use plan::{Answer, Faults};

use crate::failure::KINDS;

/// A script: defaults for every request of a server, or what one request asks to differ.
///
/// A script is text: directives separated by spaces, semicolons or line ends, each `name=value` or a bare `name`. A
/// value that holds spaces stands in double quotes; inside them `\"`, `\\` and `\n` are understood. [`Script::grammar`]
/// lists every directive, as below. The empty text is the plain, quick, faultless provider. Delays are no faults:
/// `fail-first`, `fail-after` and `chance` do not limit them; what keeps some requests alone waiting is `stall`.
///
/// One request can differ from the server's script in three ways, later ones winning directive by directive:
/// a marker `[[mock DIRECTIVES]]` in the model name, the same marker in the last user message (it is cut out of the
/// echo), and the request header `x-mock: DIRECTIVES`. The markers work through a router that forwards no headers.
///
/// ```
/// use llm_router_mock::Script;
/// let script = Script::parse("first-delay=20ms token-delay=5ms tokens=40; cut=event:10").unwrap();
/// assert!(Script::parse("tokens=many").unwrap_err().to_string().contains("tokens"));
/// # let _ = script;
/// ```
///
#[doc = include_str!("../docs/DIRECTIVES.md")]
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub(crate) timing: Timing,
    pub(crate) answer: Answer,
    pub(crate) quirks: Quirks,
    pub(crate) faults: Faults,
    pub(crate) reading: Reading,
    pub(crate) house: House,
}

/// Why a script was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// No directive has this name.
    #[error("unknown directive `{0}`; `Script::grammar` lists them all")]
    Unknown(String),
    /// The directive is there, its value is not one it takes.
    #[error("`{name}`: {why}, got `{value}`; it takes {takes}")]
    Value {
        /// The directive.
        name: &'static str,
        /// The value as written.
        value: String,
        /// What is wrong with it.
        why: String,
        /// The values the directive takes.
        takes: &'static str,
    },
    /// A quote was opened and not closed.
    #[error("a quote is not closed in `{0}`")]
    Quote(String),
    /// A directive about the whole server stood in a request.
    #[error("`{0}` is about the whole server and cannot stand in a request")]
    ServerOnly(&'static str),
}

impl Script {
    /// Reads a script; the empty text is the default.
    ///
    /// # Errors
    /// A [`ScriptError`] naming the first directive that is wrong.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let mut script = Self::default();
        script.apply(text, true)?;
        Ok(script)
    }

    /// Every directive with the values it takes and what it does, one a line: the reference of the language.
    pub fn grammar() -> String {
        let mut text = String::from(
            "DIRECTIVES: name=value or name, separated by spaces, `;` or line ends; quote values that hold spaces.\n\
             D: a time (20us 5ms 1.5s 2m). N: a whole number. P, where in the answer: N or body:N (after N bytes of the \
             body), event:N (after N events),\n   wire:N (after N bytes on the wire, head included), end (after the last \
             byte, before the end is told). (*) not in a request.\n\n",
        );
        for directive in DIRECTIVES {
            let name = if directive.takes.is_empty() {
                directive.name.to_owned()
            } else {
                format!("{}={}", directive.name, directive.takes)
            };
            let star = if directive.server_only { "(*) " } else { "" };
            text.push_str(&format!("  {name:34} {star}{}\n", directive.does));
        }
        let kinds: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
        text.push_str(&format!("\nKIND: {}.\n", kinds.join(", ")));
        text
    }

    /// This script with the directives of one request on top.
    pub(crate) fn overlaid(&self, text: &str) -> Result<Self, ScriptError> {
        let mut script = self.clone();
        script.apply(text, false)?;
        Ok(script)
    }

    fn apply(&mut self, text: &str, server: bool) -> Result<(), ScriptError> {
        for (name, value) in values::split(text)? {
            let directive = DIRECTIVES
                .iter()
                .find(|directive| directive.name == name)
                .ok_or_else(|| ScriptError::Unknown(name.clone()))?;
            if directive.server_only && !server {
                return Err(ScriptError::ServerOnly(directive.name));
            }
            (directive.set)(self, &value).map_err(|why| ScriptError::Value {
                name: directive.name,
                value: value.clone(),
                why,
                takes: if directive.takes.is_empty() { "no value" } else { directive.takes },
            })?;
        }
        Ok(())
    }
}

/// The directives inside every `[[mock …]]` of a text, and the text without those markers.
pub(crate) fn take_markers(text: &str) -> (String, String) {
    const OPEN: &str = "[[mock";
    let mut directives = String::new();
    let mut rest = String::new();
    let mut left = text;
    while let Some(start) = left.find(OPEN) {
        let Some(end) = left[start..].find("]]") else {
            break;
        };
        rest.push_str(&left[..start]);
        directives.push_str(&left[start + OPEN.len()..start + end]);
        directives.push(' ');
        left = &left[start + end + 2..];
    }
    rest.push_str(left);
    (directives, rest.trim().to_owned())
}
