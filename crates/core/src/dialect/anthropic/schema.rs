//! Fits JSON schemas to what Anthropic's API holds a model to ("Structured outputs", JSON Schema limitations).

use serde_json::{Map, Value, json};

/// Keywords that the API refuses in a schema that is to be followed exactly.
const REFUSED: &[&str] = &[
    "contains",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "patternProperties",
    "propertyNames",
    "uniqueItems",
];

/// The formats of texts that it knows.
const FORMATS: &[&str] = &["date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid"];

/// The schema of a tool's arguments: the API wants an object, and wants that said.
pub(super) fn arguments(parameters: Option<Value>) -> Value {
    match parameters {
        None => json!({"type": "object", "properties": {}}),
        Some(Value::Object(mut map)) if !map.contains_key("type") => {
            map.insert("type".to_owned(), "object".into());
            map.into()
        }
        Some(schema) => schema,
    }
}

/// Makes a schema one that the API takes. What it cannot hold a model to is told to the model in the description of its
/// place, as Anthropic's own clients do. Returns whether there was such a thing.
pub(super) fn fit(schema: &mut Value) -> bool {
    match schema {
        Value::Object(map) => fit_object(map),
        // No short circuit: all of them are to be fitted.
        Value::Array(items) => items.iter_mut().fold(false, |lost, item| fit(item) | lost),
        _ => false,
    }
}

fn fit_object(map: &mut Map<String, Value>) -> bool {
    // They say which language this is, and nothing of the answer.
    map.retain(|name, _| !matches!(name.as_str(), "$schema" | "$id" | "$comment"));
    let mut lost = Vec::new();
    for name in REFUSED {
        lost.extend(map.shift_remove(*name).map(|value| format!("{name}: {value}")));
    }
    if let Some(few) = map.get("minItems").filter(|few| !matches!(few.as_u64(), Some(0 | 1))) {
        lost.push(format!("minItems: {few}"));
        map.shift_remove("minItems");
    }
    if let Some(Value::String(format)) = map.get("format").filter(|_| map.get("properties").is_none())
        && !FORMATS.contains(&format.as_str())
    {
        lost.push(format!("format: {format}"));
        map.shift_remove("format");
    }
    // "One of" is no language for choosing words either; "any of" comes nearest.
    if let Some(choices) = map.shift_remove("oneOf") {
        map.insert("anyOf".to_owned(), choices);
    }
    let object = map.get("type").is_some_and(|kind| kind == "object") || map.contains_key("properties");
    if object
        && let Some(open) = map.insert("additionalProperties".to_owned(), false.into()).filter(|open| *open != false)
    {
        lost.push(format!("additionalProperties: {open}"));
    }
    if !lost.is_empty() {
        let hint = format!("{{{}}}", lost.join(", "));
        let text = match map.get("description").and_then(Value::as_str) {
            Some(text) if !text.is_empty() => format!("{text}\n\n{hint}"),
            _ => hint,
        };
        map.insert("description".to_owned(), text.into());
    }
    let mut deeper = false;
    for (name, value) in map.iter_mut() {
        match (name.as_str(), value) {
            ("properties" | "$defs" | "definitions", Value::Object(inner)) => {
                deeper = inner.values_mut().fold(deeper, |lost, inner| fit(inner) | lost);
            }
            ("items" | "anyOf" | "allOf" | "prefixItems", inner) => deeper |= fit(inner),
            _ => {}
        }
    }
    deeper || !lost.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_held_to_is_told_in_words() {
        let mut schema = json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {
                "age": {"type": "integer", "description": "In years.", "minimum": 0, "maximum": 150},
                "names": {"type": "array", "minItems": 2, "items": {"type": "string", "minLength": 1, "format": "phone"}},
                // A property may have the name of a keyword.
                "format": {"type": "string", "format": "date"},
                "more": {"type": "object", "additionalProperties": {"type": "string"}},
                "either": {"oneOf": [{"type": "null"}, {"type": "object", "properties": {"minimum": {"type": "number"}}}]},
            },
            "required": ["age"],
        });
        assert!(fit(&mut schema));
        assert_eq!(
            schema,
            json!({
                "type": "object",
                "properties": {
                    "age": {"type": "integer", "description": "In years.\n\n{maximum: 150, minimum: 0}"},
                    "names": {"type": "array", "description": "{minItems: 2}",
                        "items": {"type": "string", "description": "{minLength: 1, format: phone}"}},
                    "format": {"type": "string", "format": "date"},
                    "more": {"type": "object", "additionalProperties": false,
                        "description": "{additionalProperties: {\"type\":\"string\"}}"},
                    "either": {"anyOf": [{"type": "null"}, {"type": "object", "additionalProperties": false,
                        "properties": {"minimum": {"type": "number"}}}]},
                },
                "required": ["age"],
                "additionalProperties": false,
            })
        );
        let fitted = schema.clone();
        assert!(!fit(&mut schema), "nothing is left to do");
        assert_eq!(schema, fitted);
    }

    #[test]
    fn arguments_are_an_object_that_says_so() {
        assert_eq!(arguments(Some(json!({}))), json!({"type": "object"}));
        assert_eq!(arguments(None)["type"], "object");
        let given = json!({"type": "object", "properties": {"a": {"minimum": 1}}});
        assert_eq!(arguments(Some(given.clone())), given);
    }
}
