//! Fits the schemas of tools to what Ollama reads: it takes JSON schemas for objects with named fields, and refuses the
//! whole request where one is written otherwise (its type `ToolFunctionParameters`).

use serde_json::{Map, Value, json};

/// The schema of a tool's arguments: an object, and said so by one word.
pub(super) fn arguments(parameters: Option<Value>) -> Value {
    let mut map = match parameters {
        Some(Value::Object(map)) => map,
        None | Some(Value::Null) => return json!({"type": "object", "properties": {}}),
        Some(other) => return other,
    };
    if !map.get("type").is_some_and(Value::is_string) {
        map.insert("type".to_owned(), "object".into());
    }
    fit(&mut map);
    map.into()
}

/// Writes as objects what JSON Schema also allows as `true` and `false`, wherever Ollama looks.
fn fit(schema: &mut Map<String, Value>) {
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.values_mut().for_each(fit_one);
    }
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.iter_mut().for_each(fit_one);
    }
}

fn fit_one(schema: &mut Value) {
    match schema {
        Value::Bool(true) => *schema = json!({}),
        Value::Bool(false) => *schema = json!({"not": {}}),
        Value::Object(map) => fit(map),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn true_and_false_become_objects_at_any_depth_and_the_rest_stays() {
        let plain = json!({
            "type": "object",
            "properties": {"a": {"type": ["string", "null"], "enum": ["x", null], "items": true}},
            "required": ["a"], "additionalProperties": false,
        });
        assert_eq!(arguments(Some(plain.clone())), plain);
        let odd = json!({
            "type": ["object"],
            "properties": {"any": true, "a": {"properties": {"b": {"anyOf": [true, false, {"type": "string"}]}}}},
        });
        let fitted = json!({
            "type": "object",
            "properties": {"any": {}, "a": {"properties": {"b": {"anyOf": [{}, {"not": {}}, {"type": "string"}]}}}},
        });
        assert_eq!(arguments(Some(odd)), fitted);
        assert_eq!(arguments(Some(json!({}))), json!({"type": "object"}));
        assert_eq!(arguments(None), json!({"type": "object", "properties": {}}));
    }
}
