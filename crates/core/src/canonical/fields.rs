//! Takes the known fields out of a JSON object, and keeps what is left.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::{
    message::Part,
    place::{Given, Place},
    rest::Rest,
};
use crate::json::Node;

/// A field of a request has a value of the wrong type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the field '{field}' must be {wanted}")]
pub struct Invalid {
    /// The field's path in the body.
    pub field: String,
    /// What it must be, in words.
    pub wanted: &'static str,
}

impl Invalid {
    /// The field at `at` must be `wanted`.
    #[must_use]
    pub fn new(at: Place, wanted: &'static str) -> Self {
        let field = at.to_string();
        Self { field: if field.is_empty() { "body".to_owned() } else { field }, wanted }
    }
}

/// A JSON object that gives its known fields away one by one.
///
/// `null` is the same as absent, and of a name that stands twice the last value counts. What nobody took is the
/// [`Rest`].
#[derive(Debug)]
pub struct Fields<'a> {
    at: Place,
    /// What nobody has taken yet.
    left: Vec<(Cow<'a, str>, Node<'a>)>,
}

impl<'a> Fields<'a> {
    /// The object `value`, which stood at `at`.
    ///
    /// # Errors
    /// It is no object.
    pub fn new(at: Place, value: Node<'a>) -> Result<Self, Invalid> {
        let members = value.members().ok_or_else(|| Invalid::new(at, "an object"))?;
        Ok(Self { at, left: members.collect() })
    }

    /// Where the object stood.
    #[must_use]
    pub fn place(&self) -> Place {
        self.at
    }

    /// Takes a field of any type, to look at it first.
    pub fn take(&mut self, name: &'static str) -> Option<Given<Node<'a>>> {
        let value = self.remove(name).filter(|value| !value.is_null())?;
        Some(Given::new(value, self.at.field(name)))
    }

    /// Takes a field of any type, to be passed on as it is.
    pub fn value(&mut self, name: &'static str) -> Option<Given<Value>> {
        Some(self.take(name)?.map(Node::value))
    }

    /// Looks at a field without taking it.
    pub(crate) fn look(&self, name: &str) -> Option<Node<'a>> {
        self.left.iter().rfind(|(field, _)| field == name).map(|(_, value)| *value)
    }

    /// Looks at a text without taking it.
    #[must_use]
    pub fn peek(&self, name: &str) -> Option<Cow<'a, str>> {
        self.look(name)?.text()
    }

    /// Whether the object `name` in here has inline data of this media type.
    pub(crate) fn holds(&self, name: &str, media_type: &str) -> bool {
        let Some(inner) = self.look(name) else { return false };
        inner.get("media_type").and_then(Node::text).is_some_and(|found| found == media_type)
            && inner.get("data").is_some_and(Node::is_text)
    }

    /// Whether the object `name` in here has fields, and none but these.
    pub(crate) fn has_only(&self, name: &str, fields: &[&str]) -> bool {
        let Some(mut inner) = self.look(name).and_then(Node::members).map(Iterator::peekable) else { return false };
        inner.peek().is_some() && inner.all(|(field, _)| fields.contains(&&*field))
    }

    /// Takes a text.
    ///
    /// # Errors
    /// The field is something else. So it is with the other methods, each for its type.
    pub fn string(&mut self, name: &'static str) -> Result<Option<Given<String>>, Invalid> {
        self.typed(name, "a string", |value| value.text().map(Cow::into_owned))
    }

    /// Takes a number.
    pub fn number(&mut self, name: &'static str) -> Result<Option<Given<Number>>, Invalid> {
        self.typed(name, "a number", Node::number)
    }

    /// Takes a whole number, also written as `3.0`.
    pub fn integer(&mut self, name: &'static str) -> Result<Option<Given<i64>>, Invalid> {
        self.typed(name, "a whole number", |value| whole(&value.number()?))
    }

    /// Takes a limit of tokens, 1 or more.
    pub fn limit(&mut self, name: &'static str) -> Result<Option<Given<i64>>, Invalid> {
        self.typed(name, "a whole number of at least 1", |value| whole(&value.number()?).filter(|limit| *limit > 0))
    }

    /// Takes a limit of tokens, 1 or more, or the -1 that stands for none with LM Studio, llama.cpp and their clients.
    pub fn open_limit(&mut self, name: &'static str) -> Result<Option<Given<i64>>, Invalid> {
        let wanted = "a whole number of at least 1, or -1 for no limit";
        self.typed(name, wanted, |value| whole(&value.number()?).filter(|limit| *limit > 0 || *limit == -1))
    }

    /// Takes `true` or `false`.
    pub fn boolean(&mut self, name: &'static str) -> Result<Option<Given<bool>>, Invalid> {
        self.typed(name, "true or false", Node::boolean)
    }

    /// Takes a list.
    pub fn list(&mut self, name: &'static str) -> Result<Option<Given<Vec<Node<'a>>>>, Invalid> {
        self.typed(name, "a list", |value| Some(value.items()?.collect()))
    }

    /// Takes a list of which nothing need be told where it is empty: it is the same as none.
    pub fn items(&mut self, name: &'static str) -> Result<Vec<Node<'a>>, Invalid> {
        Ok(self.list(name)?.map(|given| given.value).unwrap_or_default())
    }

    /// Takes the list of messages, of which there is at least one.
    pub fn messages(&mut self) -> Result<Given<Vec<Node<'a>>>, Invalid> {
        let list = self.list("messages")?.filter(|given| !given.value.is_empty());
        list.ok_or_else(|| Invalid::new(self.at.field("messages"), "a list of at least one message"))
    }

    /// Takes an object.
    pub fn object(&mut self, name: &'static str) -> Result<Option<Self>, Invalid> {
        self.take(name).map(|given| Self::new(given.at, given.value)).transpose()
    }

    /// Takes a text or a list of texts.
    pub fn strings(&mut self, name: &'static str) -> Result<Option<Given<Vec<String>>>, Invalid> {
        let text = |value: Node<'a>| value.text().map(Cow::into_owned);
        self.typed(name, "a string or a list of strings", |value| match value.items() {
            Some(items) => items.map(text).collect(),
            None => Some(vec![text(value)?]),
        })
    }

    /// Takes a text that must be there.
    ///
    /// # Errors
    /// It is missing or something else.
    pub fn required(&mut self, name: &'static str) -> Result<String, Invalid> {
        let at = self.at.field(name);
        Ok(self.string(name)?.ok_or_else(|| Invalid::new(at, "a string"))?.value)
    }

    /// Puts back what was taken, so that it is among what nobody took.
    pub(crate) fn put_back(&mut self, name: &'static str, value: Node<'a>) {
        self.left.push((Cow::Borrowed(name), value));
    }

    /// Drops fields that mean nothing to anybody behind the router.
    pub fn forget(&mut self, names: &[&str]) {
        self.left.retain(|(name, _)| !names.contains(&&**name));
    }

    /// Takes back what nobody took from an object inside this one, under its longer name.
    pub fn absorb(&mut self, inner: Self) {
        let left = inner.left.into_iter().filter(|(_, value)| !value.is_null());
        self.left.extend(left.map(|(field, value)| {
            let (outer, place) = (self.at.to_string(), inner.at.to_string());
            let name = place.strip_prefix(&outer).unwrap_or(&place).trim_start_matches('.');
            (format!("{name}.{field}").into(), value)
        }));
    }

    /// Drops lists that are empty: they say nothing.
    pub fn forget_empty(&mut self, name: &str) {
        if self.look(name).and_then(Node::items).is_some_and(|mut items| items.next().is_none()) {
            self.remove(name);
        }
    }

    /// What nobody took from a part that carries no other fields, as a part of its own, so that it is reported.
    pub(crate) fn leftover(self) -> Option<Part> {
        let Rest { at, fields } = self.rest();
        (!fields.is_empty()).then(|| Part::Other(Given::new(Value::Object(fields), at)))
    }

    /// What nobody took; `null` fields say nothing and are left out.
    #[must_use]
    pub fn rest(self) -> Rest {
        let mut fields = Map::new();
        for (name, value) in self.left {
            fields.insert(name.into_owned(), value.value());
        }
        fields.retain(|_, value| !value.is_null());
        Rest { at: self.at, fields }
    }

    /// All that nobody took, as a value without a canonical meaning.
    #[must_use]
    pub fn other(self) -> Value {
        Value::Object(self.rest().fields)
    }

    fn remove(&mut self, name: &str) -> Option<Node<'a>> {
        let found = self.look(name)?;
        self.left.retain(|(field, _)| field != name);
        Some(found)
    }

    fn typed<T>(
        &mut self,
        name: &'static str,
        wanted: &'static str,
        read: impl FnOnce(Node<'a>) -> Option<T>,
    ) -> Result<Option<Given<T>>, Invalid> {
        let Some(Given { value, at }) = self.take(name) else { return Ok(None) };
        match read(value) {
            Some(value) => Ok(Some(Given::new(value, at))),
            None => Err(Invalid::new(at, wanted)),
        }
    }
}

/// A number without a fraction.
fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 9e15)?;
        #[expect(clippy::cast_possible_truncation, reason = "it has no fraction and fits, as just checked")]
        Some(float as i64)
    })
}
