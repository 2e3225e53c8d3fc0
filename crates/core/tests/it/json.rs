//! Peek and splice against serde_json, which builds the tree they avoid.

use llm_router_core::json::{Peek, PeekError, with_model};
use proptest::prelude::*;
use serde_json::{Value, json};

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z\"\\\\\u{0}-\u{1f}é漢]{0,24}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_body() -> impl Strategy<Value = Value> {
    (prop::collection::btree_map("[a-z_]{0,8}", any_json(), 0..6), any::<Option<String>>(), any::<Option<bool>>())
        .prop_map(|(map, model, stream)| {
            let mut map: serde_json::Map<_, _> = map.into_iter().collect();
            for field in ["model", "model_name", "stream"] {
                map.shift_remove(field);
            }
            model.into_iter().for_each(|m| drop(map.insert("model".into(), m.into())));
            stream.into_iter().for_each(|s| drop(map.insert("stream".into(), s.into())));
            Value::Object(map)
        })
}

proptest! {
    #[test]
    fn any_field_is_found_as_a_full_parse_finds_it(body in any_body(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_vec_pretty(&body).unwrap() } else { serde_json::to_vec(&body).unwrap() };
        let peek = Peek::new(&text).unwrap();
        let fields = body.as_object().unwrap();
        for (name, value) in fields {
            let [found, none] = peek.fields([name, "no such field"]);
            let found = found.map(|raw| serde_json::from_slice::<Value>(raw).unwrap());
            prop_assert_eq!(found.as_ref(), Some(value).filter(|value| !value.is_null()));
            prop_assert_eq!(none, None);
        }
    }

    #[test]
    fn a_peek_sees_what_a_full_parse_sees(body in any_body(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_vec_pretty(&body) } else { serde_json::to_vec(&body) }.unwrap();
        let peek = Peek::new(&text).unwrap();
        let model = peek.model().ok();
        prop_assert_eq!(model.as_deref(), body["model"].as_str());
        prop_assert_eq!(peek.stream().unwrap(), body["stream"].as_bool());
    }

    #[test]
    fn arbitrary_bytes_are_judged_as_serde_judges_them(text in prop::collection::vec(any::<u8>(), 0..64)) {
        prop_assert_eq!(Peek::new(&text).is_ok(), is_object(&text));
    }

    #[test]
    fn damaged_json_is_judged_as_serde_judges_it(body in any_body(), at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let mut text = serde_json::to_vec(&body).unwrap();
        let at = at.index(text.len());
        text[at] = with;
        let verdict = Peek::new(&text);
        // Two fields of one name, huge numbers and lone surrogates are serde's own limits, not JSON's.
        if !matches!(verdict, Err(PeekError::Duplicate(_))) && !serde_only_fault(&text) {
            prop_assert_eq!(verdict.is_ok(), is_object(&text));
        }
    }

    #[test]
    fn a_splice_changes_the_model_and_nothing_else(body in any_body(), model in any::<String>(), own in any::<bool>()) {
        let mut body = body;
        if own {
            body["model_name"] = json!("alias");
        }
        let text = serde_json::to_vec_pretty(&body).unwrap();
        let peek = Peek::new(&text).unwrap();
        let spliced = with_model(&peek, &model).map_or_else(|| text.clone(), |pieces| pieces.join(&text));
        let seen: Value = serde_json::from_slice(&spliced).unwrap();
        let object = body.as_object_mut().unwrap();
        object.shift_remove("model_name");
        object.insert("model".into(), model.into());
        prop_assert_eq!(seen, body);
    }
}

fn is_object(text: &[u8]) -> bool {
    serde_json::from_slice::<Value>(text).is_ok_and(|v| v.is_object())
}

fn serde_only_fault(text: &[u8]) -> bool {
    serde_json::from_slice::<Value>(text)
        .is_err_and(|e| ["number out of range", "surrogate", "hex escape"].iter().any(|w| e.to_string().contains(w)))
}

#[test]
fn bytes_around_the_model_name_stay_as_they_were() {
    let body = br#"{ "seed":1e2, "model" : "alias" ,"b":[1.0, 2]}"#;
    let peek = Peek::new(body).unwrap();
    let spliced = with_model(&peek, "org/real").unwrap().join(body);
    assert_eq!(spliced, br#"{ "seed":1e2, "model" : "org/real" ,"b":[1.0, 2]}"#);
    assert!(with_model(&peek, "alias").is_none());
}

#[test]
fn model_name_wins_over_model_and_does_not_travel() {
    for (body, want) in [
        (r#"{"model_name":"a","model":"b","x":1}"#, r#"{"model":"c","x":1}"#),
        (r#"{"model":"b","x":1,"model_name":"a"}"#, r#"{"model":"c","x":1}"#),
        (r#"{"model_name":"a","x":1}"#, r#"{"model":"c","x":1}"#),
        (r#"{"model_name":"a"}"#, r#"{"model":"c"}"#),
    ] {
        let peek = Peek::new(body.as_bytes()).unwrap();
        assert_eq!(peek.model().unwrap(), "a", "{body}");
        assert_eq!(String::from_utf8(with_model(&peek, "c").unwrap().join(body.as_bytes())).unwrap(), want);
    }
}

#[test]
fn faults_name_the_field_or_the_place() {
    for (body, want) in [
        ("", "the request body is not valid JSON: the body is empty at byte 0"),
        ("[1]", "the request body must be a JSON object"),
        (r#"{"a":1,}"#, "the request body is not valid JSON: expected a string at byte 7"),
        (
            r#"{"a":tru}"#,
            "the request body is not valid JSON: invalid literal (true, false and null are written in lower case) at byte 5",
        ),
        (r#"{"model":"a","mod\u0065l":"b"}"#, "the field 'model' stands twice in the request body"),
        (
            "{\"a\":\"\u{1}\"}",
            "the request body is not valid JSON: control character in a string (escape it) at byte 6",
        ),
    ] {
        assert_eq!(Peek::new(body.as_bytes()).unwrap_err().to_string(), want, "{body}");
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Peek::new(deep.as_bytes()).unwrap_err().to_string().contains("nested too deep"));
    let typed = Peek::new(br#"{"model":7,"stream":"false"}"#).unwrap();
    assert_eq!(typed.model().unwrap_err().to_string(), "the field 'model' must be a string");
    assert_eq!(typed.stream().unwrap_err().to_string(), "the field 'stream' must be true or false");
    assert_eq!(Peek::new(b"{}").unwrap().model().unwrap_err(), PeekError::NoModel);
    assert_eq!(Peek::new(br#"{"model":null}"#).unwrap().model().unwrap_err(), PeekError::NoModel);
}
