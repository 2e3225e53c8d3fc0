//! The arguments of a text endpoint, read from the request's JSON object by name.
//!
//! The forms are as lax as those of the Python version: a number may be a text, a yes or no may be a word.
//! Everything that is missing or wrong is collected, so that the client is told all of it at once.

use serde_json::{Map, Value, json};

use super::{documents::Documents, message::Message};

/// Reads arguments. A reader that asked for something absent or wrong gets an empty value and goes on;
/// the request is refused afterwards.
#[derive(Debug)]
pub struct Arguments {
    fields: Map<String, Value>,
    missing: Vec<&'static str>,
    wrong: Vec<String>,
    model: Option<String>,
}

/// Why the arguments are not accepted, as the `body` of the answer.
#[derive(Debug, PartialEq)]
pub struct Rejected(pub Value);

impl Arguments {
    /// The arguments of a request whose body was this object.
    #[must_use]
    pub fn new(fields: Map<String, Value>) -> Self {
        Self { fields, missing: Vec::new(), wrong: Vec::new(), model: None }
    }

    /// `model_name`, or else `model`: required. The runner asks for it too, so an endpoint need not.
    pub fn model(&mut self) -> String {
        if let Some(model) = &self.model {
            return model.clone();
        }
        let name = if self.is_given("model_name") || !self.is_given("model") { "model_name" } else { "model" };
        let model = self.text(name);
        self.model = Some(model.clone());
        model
    }

    /// A text that must be there.
    pub fn text(&mut self, name: &'static str) -> String {
        match self.required(name) {
            Some(Value::String(text)) => text,
            Some(_) => self.reject(name, "a string"),
            None => String::new(),
        }
    }

    /// A text that may be absent or null.
    pub fn optional_text(&mut self, name: &'static str) -> Option<String> {
        match self.take(name)? {
            Value::Null => None,
            Value::String(text) => Some(text),
            _ => Some(self.reject(name, "a string or null")),
        }
    }

    /// A list of texts that must be there.
    pub fn texts(&mut self, name: &'static str) -> Vec<String> {
        let texts = match self.required(name) {
            None => return Vec::new(),
            Some(Value::Array(items)) => strings(items),
            Some(_) => None,
        };
        texts.unwrap_or_else(|| self.reject(name, "a list of strings"))
    }

    /// Texts to answer from: a list, or an object from document names to texts.
    pub fn documents(&mut self, name: &'static str) -> Documents {
        let Some(value) = self.required(name) else { return Documents::default() };
        let wanted = "a list of strings, or an object of names and lists of strings";
        Documents::read(value).unwrap_or_else(|| self.reject(name, wanted))
    }

    /// What was said before, as messages; absent means nothing.
    ///
    /// An item is `{"user": …, "assistant": …}`, either of which may be missing, or a message
    /// `{"role": …, "content": …}`.
    pub fn history(&mut self, name: &'static str) -> Vec<Message> {
        let messages = match self.take(name) {
            None => return Vec::new(),
            Some(Value::Array(items)) => Message::history(&items),
            Some(_) => None,
        };
        messages.unwrap_or_else(|| self.reject(name, "a list of objects whose values are strings"))
    }

    /// A number: also as a text, and yes and no count as 1 and 0.
    pub fn number(&mut self, name: &'static str, default: f64) -> f64 {
        let number = match self.take(name) {
            None => return default,
            Some(Value::Number(number)) => number.as_f64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(Value::Bool(yes)) => Some(f64::from(u8::from(yes))),
            Some(_) => None,
        };
        number.filter(|number| number.is_finite()).unwrap_or_else(|| self.reject(name, "a number"))
    }

    /// A whole number: also as a text or with a fraction of zero, and yes and no count as 1 and 0.
    pub fn whole(&mut self, name: &'static str, default: i64) -> i64 {
        let whole = match self.take(name) {
            None => return default,
            Some(Value::Number(number)) => number.as_i64().or_else(|| number.as_f64().and_then(integral)),
            Some(Value::String(text)) => {
                let text = text.trim();
                text.parse().ok().or_else(|| text.parse().ok().and_then(integral))
            }
            Some(Value::Bool(yes)) => Some(i64::from(yes)),
            Some(_) => None,
        };
        whole.unwrap_or_else(|| self.reject(name, "a whole number"))
    }

    /// Yes or no: `true`, `yes`, `on`, `1`, `t`, `y` and their opposites, in any letter case.
    pub fn boolean(&mut self, name: &'static str, default: bool) -> bool {
        let boolean = match self.take(name) {
            None => return default,
            Some(Value::Bool(yes)) => Some(yes),
            Some(Value::Number(number)) => match number.as_f64() {
                Some(0.0) => Some(false),
                Some(1.0) => Some(true),
                _ => None,
            },
            Some(Value::String(text)) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" | "t" | "y" => Some(true),
                "false" | "no" | "off" | "0" | "f" | "n" => Some(false),
                _ => None,
            },
            Some(_) => None,
        };
        boolean.unwrap_or_else(|| self.reject(name, "true or false"))
    }

    /// Whether the request names an argument, with any value but null.
    #[must_use]
    pub fn is_given(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(|value| !value.is_null())
    }

    /// Refuses an argument for a reason of the endpoint's own, which goes on where its name ends: `"must be at most
    /// 5"`.
    pub fn refuse(&mut self, name: &'static str, reason: &str) {
        self.wrong.push(format!("{name} {reason}"));
    }

    /// What was found wrong, if anything; `endpoint` is the endpoint's name.
    ///
    /// # Errors
    /// All missing arguments, or else all wrong ones.
    pub fn finish(self, endpoint: &str) -> Result<(), Rejected> {
        if !self.missing.is_empty() {
            let names: Vec<String> = self.missing.iter().map(|name| format!("'{name}'")).collect();
            let message = format!("Missing required argument(s) [{}] for endpoint {endpoint}", names.join(", "));
            return Err(Rejected(json!({"error": "No required parameters!", "message": message})));
        }
        if self.wrong.is_empty() { Ok(()) } else { Err(Rejected(json!(self.wrong.join("; ")))) }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name)
    }

    fn required(&mut self, name: &'static str) -> Option<Value> {
        let value = self.take(name);
        if value.is_none() {
            self.missing.push(name);
        }
        value
    }

    fn reject<T: Default>(&mut self, name: &'static str, wanted: &str) -> T {
        self.wrong.push(format!("{name} must be {wanted}"));
        T::default()
    }
}

pub(super) fn strings(items: Vec<Value>) -> Option<Vec<String>> {
    let text = |item| if let Value::String(text) = item { Some(text) } else { None };
    items.into_iter().map(text).collect()
}

/// A float that is a whole number.
fn integral(value: f64) -> Option<i64> {
    // Up to 2^53 every whole number is a float.
    (value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0).then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arguments(value: Value) -> Arguments {
        match value {
            Value::Object(fields) => Arguments::new(fields),
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn numbers_and_words_are_taken_in_the_forms_of_the_python_version() {
        let mut a = arguments(
            json!({"a": "0.5", "b": true, "c": 2, "d": "7", "e": 3.0, "f": false, "g": "ON", "h": 0, "i": " 4.0 "}),
        );
        assert_eq!(
            (a.number("a", 9.0), a.number("b", 9.0), a.number("c", 9.0), a.number("none", 9.0)),
            (0.5, 1.0, 2.0, 9.0)
        );
        assert_eq!(
            (a.whole("d", 9), a.whole("e", 9), a.whole("f", 9), a.whole("i", 9), a.whole("none", 9)),
            (7, 3, 0, 4, 9)
        );
        assert_eq!((a.boolean("g", false), a.boolean("h", true), a.boolean("none", true)), (true, false, true));
        assert_eq!(a.finish("x"), Ok(()));
    }

    #[test]
    fn every_wrong_argument_is_named() {
        let mut a = arguments(
            json!({"a": "x", "b": 1.5, "c": "maybe", "d": 5, "e": [1], "f": null, "g": {"a": 1}, "h": "nan"}),
        );
        a.number("a", 0.0);
        a.whole("b", 0);
        a.boolean("c", false);
        a.text("d");
        a.texts("e");
        a.whole("f", 0);
        a.history("g");
        a.number("h", 0.0);
        let wanted = "a must be a number; b must be a whole number; c must be true or false; d must be a string; \
                      e must be a list of strings; f must be a whole number; \
                      g must be a list of objects whose values are strings; h must be a number";
        assert_eq!(a.finish("x"), Err(Rejected(json!(wanted))));
    }

    #[test]
    fn missing_arguments_are_told_in_the_words_of_the_python_version() {
        let mut a = arguments(json!({}));
        a.texts("texts");
        a.model();
        let message = "Missing required argument(s) ['texts', 'model_name'] for endpoint translate";
        let body = json!({"error": "No required parameters!", "message": message});
        assert_eq!(a.finish("translate"), Err(Rejected(body)));
    }

    #[test]
    fn model_name_beats_model_and_model_is_taken_too() {
        assert_eq!(arguments(json!({"model_name": "a", "model": "b"})).model(), "a");
        assert_eq!(arguments(json!({"model_name": null, "model": "b"})).model(), "b");
        assert_eq!(arguments(json!({"model": "b"})).model(), "b");
    }

    proptest! {
        #[test]
        fn no_value_panics(text in ".*", number in any::<f64>()) {
            for value in [json!(text), json!(number), json!([text]), json!({"user": text})] {
                let mut a = arguments(json!({"x": value, "y": value, "z": value, "w": value}));
                let _ = (a.number("x", 0.0), a.whole("y", 0), a.boolean("z", true), a.history("w"));
                let _ = a.finish("e");
            }
        }
    }
}
