//! What routing needs to know of a request body, found without building a JSON tree.

use std::{borrow::Cow, ops::Range};

use super::{
    escapes::unescaped,
    scan::{Fault, Scanner},
};

/// Where a top-level member stands in the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// From the first quote of the key to the end of the value.
    pub whole: Range<usize>,
    /// The value alone.
    pub value: Range<usize>,
}

/// The routing fields of a request body: a JSON object that has been checked from end to end.
#[derive(Debug, Clone)]
pub struct Peek<'a> {
    body: &'a [u8],
    model: Option<Member>,
    model_name: Option<Member>,
    stream: Option<Member>,
    stream_options: Option<Member>,
    messages: Option<Member>,
}

/// Why a body cannot be routed. The text tells the client what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeekError {
    /// Not JSON.
    #[error("the request body is not valid JSON: {0}")]
    Syntax(#[source] Fault),
    /// JSON, but no object.
    #[error("the request body must be a JSON object")]
    NotAnObject,
    /// A routing field stands twice: which one counts would be a guess.
    #[error("the field '{0}' stands twice in the request body")]
    Duplicate(&'static str),
    /// A routing field has a value of the wrong type.
    #[error("the field '{field}' must be {wanted}")]
    WrongType {
        /// The field's name.
        field: &'static str,
        /// What it must be, with its article.
        wanted: &'static str,
    },
    /// Neither `model` nor `model_name` is there.
    #[error("the field 'model' is required: name the model to use")]
    NoModel,
}

impl From<Box<Fault>> for PeekError {
    fn from(fault: Box<Fault>) -> Self {
        Self::Syntax(*fault)
    }
}

impl PeekError {
    /// The field that is at fault, where it is one.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Duplicate(field) | Self::WrongType { field, .. } => Some(field),
            Self::NoModel => Some("model"),
            Self::Syntax(_) | Self::NotAnObject => None,
        }
    }
}

impl<'a> Peek<'a> {
    /// Checks a whole body and notes where its routing fields stand.
    ///
    /// # Errors
    /// [`PeekError::Syntax`] with the place, [`PeekError::NotAnObject`], or [`PeekError::Duplicate`].
    pub fn new(body: &'a [u8]) -> Result<Self, PeekError> {
        let mut peek = Self { body, model: None, model_name: None, stream: None, stream_options: None, messages: None };
        let mut scan = Scanner::new(body);
        match scan.peek() {
            Some(b'{') => scan.eat(b'{'),
            Some(_) => {
                scan.value()?;
                scan.end()?;
                return Err(PeekError::NotAnObject);
            }
            None => return Err(PeekError::Syntax(Fault { what: "the body is empty", offset: 0 })),
        };
        if !scan.eat(b'}') {
            while peek.member(&mut scan)? {}
        }
        scan.end()?;
        Ok(peek)
    }

    /// Passes one member of the top-level object; `true` when another follows.
    fn member(&mut self, scan: &mut Scanner<'a>) -> Result<bool, PeekError> {
        scan.peek();
        let start = scan.at();
        let escaped = scan.string()?;
        let key = start + 1..scan.at() - 1;
        if !scan.eat(b':') {
            scan.fault("expected ':'")?;
        }
        scan.peek();
        let value = scan.at();
        scan.value()?;
        let member = Member { whole: start..scan.at(), value: value..scan.at() };
        let key = &self.body[key];
        if escaped {
            self.note(text(key, escaped).as_bytes(), member)?;
        } else {
            self.note(key, member)?;
        }
        if scan.eat(b',') {
            return Ok(true);
        }
        if !scan.eat(b'}') {
            scan.fault("expected ',' or '}'")?;
        }
        Ok(false)
    }

    fn note(&mut self, key: &[u8], member: Member) -> Result<(), PeekError> {
        let (name, slot) = match key {
            b"model" => ("model", &mut self.model),
            b"model_name" => ("model_name", &mut self.model_name),
            b"stream" => ("stream", &mut self.stream),
            b"stream_options" => ("stream_options", &mut self.stream_options),
            b"messages" => ("messages", &mut self.messages),
            _ => return Ok(()),
        };
        if slot.replace(member).is_some() { Err(PeekError::Duplicate(name)) } else { Ok(()) }
    }

    /// The model asked for: `model_name` before `model`; JSON `null` counts as absent.
    ///
    /// # Errors
    /// [`PeekError::NoModel`] or [`PeekError::WrongType`].
    pub fn model(&self) -> Result<Cow<'a, str>, PeekError> {
        for (field, member) in [("model_name", &self.model_name), ("model", &self.model)] {
            let Some(raw) = self.present(member.as_ref()) else { continue };
            let Some(inner) = raw.strip_prefix(b"\"").and_then(|r| r.strip_suffix(b"\"")) else {
                return Err(PeekError::WrongType { field, wanted: "a string" });
            };
            return Ok(text(inner, inner.contains(&b'\\')));
        }
        Err(PeekError::NoModel)
    }

    /// The value of `stream`, where it is given.
    ///
    /// # Errors
    /// [`PeekError::WrongType`] for anything but `true`, `false` and `null`.
    pub fn stream(&self) -> Result<Option<bool>, PeekError> {
        match self.present(self.stream.as_ref()) {
            None => Ok(None),
            Some(b"true") => Ok(Some(true)),
            Some(b"false") => Ok(Some(false)),
            Some(_) => Err(PeekError::WrongType { field: "stream", wanted: "true or false" }),
        }
    }

    /// Where `model` stands, if it is there.
    #[must_use]
    pub fn model_member(&self) -> Option<&Member> {
        self.model.as_ref()
    }

    /// Where `model_name` stands, if it is there.
    #[must_use]
    pub fn model_name_member(&self) -> Option<&Member> {
        self.model_name.as_ref()
    }

    /// The raw JSON of `stream_options`, if it is there and not null.
    #[must_use]
    pub fn stream_options(&self) -> Option<&'a [u8]> {
        self.present(self.stream_options.as_ref())
    }

    /// The raw JSON of `messages`, if it is there and not null.
    #[must_use]
    pub fn messages(&self) -> Option<&'a [u8]> {
        self.present(self.messages.as_ref())
    }

    /// The raw JSON of any other fields of the body, where they are there and not null: looks through the body once more.
    /// The first counts where one stands twice.
    #[must_use]
    pub fn fields<const N: usize>(&self, names: [&str; N]) -> [Option<&'a [u8]>; N] {
        let mut found = [None; N];
        let mut scan = Scanner::new(self.body);
        scan.peek();
        let mut more = scan.eat(b'{');
        // The body was checked from end to end, so nothing below fails.
        while more && scan.peek() == Some(b'"') {
            let start = scan.at();
            let Ok(escaped) = scan.string() else { break };
            let key = start + 1..scan.at() - 1;
            scan.eat(b':');
            scan.peek();
            let start = scan.at();
            if scan.value().is_err() {
                break;
            }
            let key = text(&self.body[key], escaped);
            if let Some(at) = names.iter().position(|name| *name == key) {
                found[at].get_or_insert(&self.body[start..scan.at()]);
            }
            more = scan.eat(b',');
        }
        found.map(|raw| raw.filter(|raw| *raw != b"null"))
    }

    /// The body that was looked at.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    fn present(&self, member: Option<&Member>) -> Option<&'a [u8]> {
        let raw = &self.body[member?.value.clone()];
        (raw != b"null").then_some(raw)
    }
}

/// The text between the quotes of a checked JSON string; a lone surrogate becomes U+FFFD.
fn text(raw: &[u8], escaped: bool) -> Cow<'_, str> {
    if !escaped {
        return String::from_utf8_lossy(raw);
    }
    Cow::Owned(unescaped(&String::from_utf8_lossy(raw)))
}
