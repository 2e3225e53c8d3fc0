//! Texts to answer from, with or without names.

use serde_json::Value;

use super::arguments::strings;

/// Texts, each perhaps with the name of the document it comes from.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Documents(Vec<(Option<String>, String)>);

impl Documents {
    /// A list of texts, or an object from names to a text or a list of texts.
    pub(super) fn read(value: Value) -> Option<Self> {
        match value {
            Value::Array(items) => Some(Self(strings(items)?.into_iter().map(|text| (None, text)).collect())),
            Value::Object(entries) => {
                let mut documents = Vec::new();
                for (name, value) in entries {
                    let texts = match value {
                        Value::String(text) => vec![text],
                        Value::Array(items) => strings(items)?,
                        _ => return None,
                    };
                    documents.extend(texts.into_iter().map(|text| (Some(name.clone()), text)));
                }
                Some(Self(documents))
            }
            _ => None,
        }
    }

    /// All texts, separated by blank lines; `with_names` puts each one's document name before it.
    #[must_use]
    pub fn joined(&self, with_names: bool) -> String {
        let told = |(name, text): &(Option<String>, String)| match name {
            Some(name) if with_names => format!("Document name: {name}\nDocument context: {text}"),
            _ => text.clone(),
        };
        self.0.iter().map(told).collect::<Vec<_>>().join("\n\n").trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_told_only_when_asked_for_and_there() {
        let named = Documents::read(json!({"b.txt": ["one", "two"], "a.txt": "three"})).unwrap();
        assert_eq!(named.joined(false), "one\n\ntwo\n\nthree");
        assert_eq!(
            named.joined(true),
            "Document name: b.txt\nDocument context: one\n\nDocument name: b.txt\nDocument context: two\n\n\
             Document name: a.txt\nDocument context: three"
        );
        assert_eq!(Documents::read(json!([" one", "two "])).unwrap().joined(true), "one\n\ntwo");
        assert_eq!(Documents::read(json!([])).unwrap().joined(true), "");
    }

    #[test]
    fn other_shapes_are_no_documents() {
        for value in [json!("x"), json!([1]), json!({"a": 1}), json!({"a": [1]}), json!(null)] {
            assert_eq!(Documents::read(value), None);
        }
    }
}
