//! A value that fits a JSON schema: enough of the language for tool arguments and structured answers.

use serde_json::{Map, Value, json};

/// Schemas nested deeper than this end in `null`.
const DEEPEST: usize = 32;

/// The smallest telling value of a schema. Free strings become `word`.
pub(crate) fn instance(schema: &Value, word: &str) -> Value {
    Shaper { root: schema, word }.value(schema, 0)
}

struct Shaper<'s> {
    root: &'s Value,
    word: &'s str,
}

impl Shaper<'_> {
    fn value(&self, schema: &Value, depth: usize) -> Value {
        if depth > DEEPEST {
            return Value::Null;
        }
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        if let Some(value) = schema["enum"].get(0) {
            return value.clone();
        }
        if let Some(target) = schema["$ref"].as_str().and_then(|path| self.root.pointer(path.strip_prefix('#')?)) {
            return self.value(target, depth + 1);
        }
        for choice in ["anyOf", "oneOf", "allOf"] {
            if let Some(first) = schema[choice].get(0) {
                return self.value(first, depth + 1);
            }
        }
        let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
        match kind {
            Some("object") | None if schema["properties"].is_object() || kind.is_some() => self.object(schema, depth),
            Some("array") => self.array(schema, depth),
            Some("integer") => schema["minimum"].as_i64().map_or(json!(42), Value::from),
            Some("number") => schema["minimum"].as_f64().map_or(json!(42.5), Value::from),
            Some("boolean") => json!(true),
            Some("null") => Value::Null,
            _ => Value::from(self.string(schema)),
        }
    }

    fn object(&self, schema: &Value, depth: usize) -> Value {
        let fields = schema["properties"].as_object().into_iter().flatten();
        Value::Object(fields.map(|(name, field)| (name.clone(), self.value(field, depth + 1))).collect::<Map<_, _>>())
    }

    fn array(&self, schema: &Value, depth: usize) -> Value {
        let count = schema["minItems"].as_u64().unwrap_or(1).clamp(1, 100);
        (0..count).map(|_| self.value(&schema["items"], depth + 1)).collect()
    }

    fn string(&self, schema: &Value) -> String {
        match schema["format"].as_str() {
            Some("date-time") => "2026-01-02T03:04:05Z".to_owned(),
            Some("date") => "2026-01-02".to_owned(),
            Some("email") => "mock@example.com".to_owned(),
            Some("uri") => "https://example.com/".to_owned(),
            Some("uuid") => "00000000-0000-4000-8000-000000000000".to_owned(),
            _ => self.word.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_gets_a_value_that_fits() {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"type": "string", "enum": ["celsius", "kelvin"]},
                "days": {"type": "array", "items": {"$ref": "#/$defs/day"}, "minItems": 2},
                "note": {"anyOf": [{"type": "null"}, {"type": "string"}]},
            },
            "$defs": {"day": {"type": ["integer", "null"], "minimum": 1}},
        });
        let expected = json!({"city": "Paris", "unit": "celsius", "days": [1, 1], "note": null});
        assert_eq!(instance(&schema, "Paris"), expected);
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = json!({"type": "object", "properties": {"next": {"$ref": "#"}}});
        assert!(instance(&schema, "x").is_object());
    }
}
