//! Takes the known fields out of a JSON object, and keeps what is left.

use serde_json::{Map, Number, Value};

use super::{
    message::Part,
    place::{Given, Place},
    rest::Rest,
};

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
/// `null` is the same as absent. What nobody took is the [`Rest`].
#[derive(Debug)]
pub struct Fields {
    at: Place,
    map: Map<String, Value>,
}

impl Fields {
    /// The object `value`, which stood at `at`.
    ///
    /// # Errors
    /// It is no object.
    pub fn new(at: Place, value: Value) -> Result<Self, Invalid> {
        match value {
            Value::Object(map) => Ok(Self { at, map }),
            _ => Err(Invalid::new(at, "an object")),
        }
    }

    /// Where the object stood.
    #[must_use]
    pub fn place(&self) -> Place {
        self.at
    }

    /// Takes a field of any type.
    pub fn take(&mut self, name: &'static str) -> Option<Given<Value>> {
        match self.map.shift_remove(name)? {
            Value::Null => None,
            value => Some(Given::new(value, self.at.field(name))),
        }
    }

    /// Looks at a text without taking it.
    #[must_use]
    pub fn peek(&self, name: &str) -> Option<&str> {
        self.map.get(name)?.as_str()
    }

    /// Whether the object `name` in here has inline data of this media type.
    pub(crate) fn holds(&self, name: &str, media_type: &str) -> bool {
        let inner = self.map.get(name);
        inner.is_some_and(|inner| inner["media_type"] == media_type && inner["data"].is_string())
    }

    /// Whether the object `name` in here has fields, and none but these.
    pub(crate) fn has_only(&self, name: &str, fields: &[&str]) -> bool {
        let inner = self.map.get(name).and_then(Value::as_object);
        inner.is_some_and(|inner| !inner.is_empty() && inner.keys().all(|field| fields.contains(&field.as_str())))
    }

    /// Takes a text.
    ///
    /// # Errors
    /// The field is something else. So it is with the other methods, each for its type.
    pub fn string(&mut self, name: &'static str) -> Result<Option<Given<String>>, Invalid> {
        self.typed(name, "a string", |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
    }

    /// Takes a number.
    pub fn number(&mut self, name: &'static str) -> Result<Option<Given<Number>>, Invalid> {
        self.typed(name, "a number", |value| match value {
            Value::Number(number) => Some(number),
            _ => None,
        })
    }

    /// Takes a whole number, also written as `3.0`.
    pub fn integer(&mut self, name: &'static str) -> Result<Option<Given<i64>>, Invalid> {
        self.typed(name, "a whole number", |value| whole(&value))
    }

    /// Takes a limit of tokens, 1 or more.
    pub fn limit(&mut self, name: &'static str) -> Result<Option<Given<i64>>, Invalid> {
        self.typed(name, "a whole number of at least 1", |value| whole(&value).filter(|limit| *limit > 0))
    }

    /// Takes a limit of tokens, 1 or more, or the -1 that stands for none with LM Studio, llama.cpp and their clients.
    pub fn open_limit(&mut self, name: &'static str) -> Result<Option<Given<i64>>, Invalid> {
        let wanted = "a whole number of at least 1, or -1 for no limit";
        self.typed(name, wanted, |value| whole(&value).filter(|limit| *limit > 0 || *limit == -1))
    }

    /// Takes `true` or `false`.
    pub fn boolean(&mut self, name: &'static str) -> Result<Option<Given<bool>>, Invalid> {
        self.typed(name, "true or false", |value| value.as_bool())
    }

    /// Takes a list.
    pub fn list(&mut self, name: &'static str) -> Result<Option<Given<Vec<Value>>>, Invalid> {
        self.typed(name, "a list", |value| match value {
            Value::Array(items) => Some(items),
            _ => None,
        })
    }

    /// Takes the list of messages, of which there is at least one.
    pub fn messages(&mut self) -> Result<Given<Vec<Value>>, Invalid> {
        let list = self.list("messages")?.filter(|given| !given.value.is_empty());
        list.ok_or_else(|| Invalid::new(self.at.field("messages"), "a list of at least one message"))
    }

    /// Takes an object.
    pub fn object(&mut self, name: &'static str) -> Result<Option<Fields>, Invalid> {
        let object = self.typed(name, "an object", |value| match value {
            Value::Object(map) => Some(map),
            _ => None,
        })?;
        Ok(object.map(|given| Fields { at: given.at, map: given.value }))
    }

    /// Takes a text or a list of texts.
    pub fn strings(&mut self, name: &'static str) -> Result<Option<Given<Vec<String>>>, Invalid> {
        self.typed(name, "a string or a list of strings", |value| match value {
            Value::String(text) => Some(vec![text]),
            Value::Array(items) => items
                .into_iter()
                .map(|item| match item {
                    Value::String(text) => Some(text),
                    _ => None,
                })
                .collect(),
            _ => None,
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

    /// Puts a value back into a list among the fields nobody took.
    pub(crate) fn put_back(&mut self, name: &str, value: Value) {
        let list = self.map.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(items) = list {
            items.push(value);
        }
    }

    /// Drops fields that mean nothing to anybody behind the router.
    pub fn forget(&mut self, names: &[&str]) {
        for name in names {
            self.map.shift_remove(*name);
        }
    }

    /// Takes back what nobody took from an object inside this one, under its longer name.
    pub fn absorb(&mut self, inner: Fields) {
        let (outer, place) = (self.at.to_string(), inner.at.to_string());
        let name = place.strip_prefix(&outer).unwrap_or(&place).trim_start_matches('.');
        for (field, value) in inner.rest().fields {
            self.map.insert(format!("{name}.{field}"), value);
        }
    }

    /// Drops lists that are empty: they say nothing.
    pub fn forget_empty(&mut self, name: &str) {
        if self.map.get(name).and_then(Value::as_array).is_some_and(Vec::is_empty) {
            self.map.shift_remove(name);
        }
    }

    /// What nobody took from a part that carries no other fields, as a part of its own, so that it is reported.
    pub(crate) fn leftover(self) -> Option<Part> {
        let Rest { at, fields } = self.rest();
        (!fields.is_empty()).then(|| Part::Other(Given::new(Value::Object(fields), at)))
    }

    /// What nobody took; `null` fields say nothing and are left out.
    #[must_use]
    pub fn rest(mut self) -> Rest {
        self.map.retain(|_, value| !value.is_null());
        Rest { at: self.at, fields: self.map }
    }

    fn typed<T>(
        &mut self,
        name: &'static str,
        wanted: &'static str,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Result<Option<Given<T>>, Invalid> {
        let Some(Given { value, at }) = self.take(name) else { return Ok(None) };
        match read(value) {
            Some(value) => Ok(Some(Given::new(value, at))),
            None => Err(Invalid::new(at, wanted)),
        }
    }
}

/// A number without a fraction.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let float = value.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 9e15)?;
        #[expect(clippy::cast_possible_truncation, reason = "it has no fraction and fits, as just checked")]
        Some(float as i64)
    })
}
