//! models-config.json as operators write it.

use std::{io, path::Path};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::settings::SHIPPED;

struct Fixed;

impl Secrets for Fixed {
    fn variable(&self, name: &str) -> Option<String> {
        (name == "KEY").then(|| "from-variable".to_owned())
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        match path.to_str() {
            Some("key.txt") => Ok("from-file\n".to_owned()),
            _ => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    }
}

const CONTEXT: Context<'static> = Context { secrets: &Fixed, strategies: &["balanced", "weighted"] };

fn load(config: &Value) -> Result<(Catalogue, Vec<Problem>), Problems> {
    Catalogue::load(&config.to_string(), "models.json", CONTEXT)
}

/// A file with one active model `m` of group `g`, whose providers are given.
fn with_providers(providers: Value) -> Value {
    json!({"g": {"m": {"providers": providers}}, "active_models": {"g": ["m"]}})
}

fn one(mut fields: Value) -> Value {
    let mut provider = json!({"id": "a", "api_host": "http://h:1", "api_type": "openai"});
    provider.as_object_mut().unwrap().append(fields.as_object_mut().unwrap());
    with_providers(json!([provider]))
}

fn provider(fields: Value) -> Arc<Provider> {
    let (catalogue, _) = load(&one(fields)).unwrap();
    Arc::clone(&catalogue.models()[0].providers[0])
}

fn refusal(config: &Value) -> String {
    load(config).unwrap_err().to_string()
}

#[test]
fn a_file_of_the_python_version_is_read_as_it_stands() {
    let text = r#"{
      "active_models": {"openai_models": ["gpt-4"], "ollama_models": ["llama2"]},
      "openai_models": {
        "gpt-4": {"providers": [
          {"id": "x1", "api_host": "https://api.openai.com/v1", "api_token": "sk-abc", "api_type": "openai", "input_size": 8192, "model_path": ""},
          {"id": "x2", "api_host": "http://10.0.0.1:8000/", "api_token": null, "api_type": "vLLM", "input_size": "4_096", "model_path": null, "weight": 5}
        ], "providers_sleep": [{"id": "x3", "api_host": "http://h", "api_type": "vllm"}, {"broken": true}]},
        "inactive": {"anything": 1}
      },
      "ollama_models": {"llama2": {"providers": [{"id": "o", "api_host": "http://h:11434", "api_type": "ollama", "model_path": "llama2:7b"}]}}
    }"#;
    let (catalogue, warnings) = Catalogue::load(text, "models.json", CONTEXT).unwrap();
    let names: Vec<&str> = catalogue.models().iter().map(|m| &*m.name).collect();
    assert_eq!(names, ["gpt-4", "llama2"]);
    let gpt = catalogue.get("gpt-4").unwrap();
    let tiers: Vec<(&str, u8)> = gpt.providers.iter().map(|p| (&*p.id, p.tier)).collect();
    assert_eq!(tiers, [("x1", 0), ("x2", 0), ("x3", 1)]);
    assert_eq!(gpt.providers[0].token.as_ref().unwrap().expose(), "sk-abc");
    assert!(!format!("{gpt:?}").contains("sk-abc"));
    let second = &gpt.providers[1];
    assert_eq!((second.input_size, second.weight, second.api_type.name()), (4096, 5.0, "vllm"));
    assert!(second.token.is_none() && second.model_path.is_none());
    assert_eq!(second.model_name("gpt-4"), "gpt-4");
    assert_eq!(catalogue.get("llama2").unwrap().providers[0].model_name("llama2"), "llama2:7b");
    assert!(catalogue.get("inactive").is_none());
    assert!(warnings.iter().all(|w| w.place.contains("providers_sleep[1]")), "{warnings:?}");
}

#[test]
fn the_demo_is_valid_once_its_address_is_filled_in() {
    let text = DEMO.replace(DEMO_HOST, "http://127.0.0.1:1");
    let (catalogue, warnings) = Catalogue::load(&text, "demo", CONTEXT).unwrap();
    assert_eq!((catalogue.models().len(), warnings.len()), (1, 0));
    assert!(catalogue.get("demo").is_some());
    assert!(SHIPPED.contains("configs/models-config.json"));
}

#[test]
fn all_problems_are_reported_at_once_with_their_places() {
    let config = json!({
        "g": {"m": {"providers": [
            {"api_host": "h:1", "api_type": "opnai", "input_size": "big", "weight": -1},
            {"id": "a", "api_host": "http://h", "api_type": "openai", "api_token": "env:NOPE"},
            {"id": "a", "api_host": "http://h", "api_type": "openai"}
        ]}, "n": {}},
        "active_models": {"g": ["m", "n", "mm"], "h": ["x"]}
    });
    let text = refusal(&config);
    for part in [
        "10 problems:",
        "models.json: g.m.providers[0].id: is missing",
        "models.json: g.m.providers[0].api_host = \"h:1\": has no scheme; did you mean \"http://h:1\"?",
        "models.json: g.m.providers[0].api_type = \"opnai\": is not a provider type; allowed: anthropic, lmstudio, ollama, openai, vllm; did you mean \"openai\"?",
        "models.json: g.m.providers[0].input_size = \"big\": is not a whole number of 0 or more",
        "models.json: g.m.providers[0].weight = \"-1\": is not a number of 0 or more",
        "models.json: g.m.providers[1].api_token: the environment variable \"NOPE\" is not set",
        "models.json: g.m.providers[2].id = \"a\": is the id of an earlier provider of this model",
        "models.json: g.n.providers: is missing",
        "models.json: active_models.g[2] = \"mm\": there is no such model in group \"g\"; did you mean \"m\"?",
        "models.json: active_models.h[0] = \"x\": there is no group \"h\" in the file",
    ] {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}

#[test]
fn null_means_absent_everywhere() {
    let nulls = json!({"api_token": null, "input_size": null, "model_path": null, "weight": null, "max_concurrency": null,
        "tags": null, "timeouts": null, "keep_alive": null, "tool_calling": null, "is_embedding": null});
    let found = provider(nulls);
    assert_eq!((found.input_size, found.weight, found.max_concurrency), (0, 1.0, None));
    assert!(refusal(&one(json!({"id": null}))).contains("id: is missing"));
}

#[test]
fn a_token_may_stand_in_a_variable_or_a_file_and_is_never_shown() {
    let token = |text: &str| provider(json!({"api_token": text})).token.as_ref().map(|t| t.expose().to_owned());
    assert_eq!(token("literal").as_deref(), Some("literal"));
    assert_eq!(token("env:KEY").as_deref(), Some("from-variable"));
    assert_eq!(token("file:key.txt").as_deref(), Some("from-file"));
    assert_eq!(token(""), None);
    assert!(refusal(&one(json!({"api_token": "file:no.txt"}))).contains("the file \"no.txt\" cannot be read"));
    let refused = refusal(&one(json!({"api_token": "sk-s3cret\r\nX: y"})));
    assert!(refused.contains("cannot be sent in a header") && !refused.contains("s3cret"), "{refused}");
    assert!(!refusal(&one(json!({"api_token": 12345}))).contains("12345"));
}

#[test]
fn what_a_provider_is_simulated_as_is_typed_and_checked() {
    let own = json!({"slots": 8, "prefill": 4000.0, "decode": 50, "load_time": 2.5, "per_minute": 60, "cache": 1000,
        "troubles": [{"what": "down", "from": 1, "to": 2}, {"what": "slow", "from": 0, "to": 5, "every": 10, "speed": 0.1},
                     {"what": "refuses", "to": 3}]});
    let (catalogue, warnings) = load(&one(json!({"simulate": own}))).unwrap();
    assert_eq!(warnings, []);
    let found = &catalogue.get("m").unwrap().providers[0].simulated;
    assert_eq!(
        (found.slots.map(std::num::NonZero::get), found.prefill, found.decode),
        (Some(8), Some(4000.0), Some(50.0))
    );
    assert_eq!((found.load_time, found.per_minute.map(std::num::NonZero::get), found.cache), (2.5, Some(60), 1000));
    let troubles: Vec<_> = found.troubles.iter().map(|t| (t.what, t.from, t.to, t.every)).collect();
    let (down, slow, refuses) = (TroubleKind::Down, TroubleKind::Slow(0.1), TroubleKind::Refuses);
    assert_eq!(troubles, [(down, 1.0, 2.0, 1000.0), (slow, 0.0, 5.0, 10.0), (refuses, 0.0, 3.0, 1000.0)]);
    for (own, said) in [
        (json!(7), "an object is wanted"),
        (json!({"slots": 1.5}), "is not a whole number of 1 or more"),
        (json!({"prefill": 0}), "must be above 0"),
        (json!({"decode": "fast"}), "is not a number from 0"),
        (json!({"troubles": {}}), "is no list of troubles"),
        (json!({"troubles": [{"what": "bored", "to": 1}]}), "allowed: down, refuses, slow"),
        (json!({"troubles": [{"what": "slow", "to": 1}]}), "between 0 and 1"),
        (json!({"troubles": [{"what": "down", "from": 2, "to": 1}]}), "must be after `from`"),
        (json!({"troubles": [{"what": "down", "to": 2000}]}), "within `every`"),
    ] {
        let refused = refusal(&one(json!({"simulate": own})));
        assert!(refused.contains(said) && refused.contains("simulate"), "{refused}");
    }
}

#[test]
fn options_that_cannot_be_are_named_with_what_can() {
    for (key, value, said) in [
        ("sticky_key", json!("prefx"), "allowed: conversation, prefix"),
        ("sticky_key", json!(1), "allowed: conversation, prefix"),
        ("unsupported", json!(true), "allowed: drop, reject"),
        ("hedge", json!("sometimes"), "is neither true nor false"),
        ("hedge", json!([]), "is neither true nor false"),
    ] {
        let mut config = one(json!({}));
        config["g"]["m"][key] = value;
        let refused = refusal(&config);
        assert!(refused.contains(said) && refused.contains(key), "{refused}");
    }
    for tags in [json!([""]), json!(["eu,us"]), json!([" eu"])] {
        let refused = refusal(&one(json!({"tags": tags})));
        assert!(refused.contains("a tag is a word without commas"), "{refused}");
    }
}

#[test]
fn options_of_models_and_providers_are_typed() {
    let mut config = one(
        json!({"max_concurrency": 4, "tags": ["eu"], "keep_alive": "5M", "num_ctx": 8192, "tool_calling": false, "api_type": "ollama",
        "is_embedding": true, "timeouts": {"idle": 2.5}, "input_size": 8192.0}),
    );
    config["g"]["m"]["strategy"] = json!("weighted");
    config["g"]["m"]["unsupported"] = json!("reject");
    config["g"]["m"]["on_disconnect"] = json!("drain");
    config["g"]["m"]["sticky_key"] = json!("prefix");
    config["g"]["m"]["hedge"] = json!(true);
    config["g"]["m"]["timeouts"] = json!({"connect": "250ms", "total": 60});
    let (catalogue, warnings) = load(&config).unwrap();
    assert_eq!(warnings, []);
    let model = catalogue.get("m").unwrap();
    assert_eq!(
        (model.options.strategy.as_deref(), model.options.unsupported),
        (Some("weighted"), Some(Unsupported::Reject))
    );
    assert_eq!(model.options.on_disconnect, Some(OnDisconnect::Drain));
    assert_eq!((model.options.sticky_key, model.options.hedge), (Some(StickyKey::Prefix), Some(true)));
    assert_eq!(model.options.timeouts.connect, Some(std::time::Duration::from_millis(250)));
    let found = &model.providers[0];
    assert_eq!((found.max_concurrency.map(std::num::NonZero::get), found.input_size), (Some(4), 8192));
    assert_eq!((&*found.tags[0], found.tool_calling, found.is_embedding), ("eu", Some(false), true));
    assert_eq!((found.keep_alive, found.num_ctx), (Some(std::time::Duration::from_secs(300)), Some(8192)));
    assert_eq!(found.timeouts.idle, Some(std::time::Duration::from_millis(2500)));
}

#[test]
fn bad_options_are_problems_except_a_bad_keep_alive() {
    for fields in [
        json!({"max_concurrency": 0}),
        json!({"tags": "eu"}),
        json!({"tags": [1]}),
        json!({"timeouts": {"idle": 0}}),
        json!({"timeouts": 5}),
        json!({"tool_calling": "maybe"}),
        json!({"input_size": 1.5}),
        json!({"num_ctx": 0}),
        json!({"input_size": true}),
        json!({"weight": "heavy"}),
        json!({"model_path": 5}),
        json!({"id": ""}),
        json!({"id": 7}),
    ] {
        assert!(load(&one(fields.clone())).is_err(), "{fields}");
    }
    for odd in [json!({"keep_alive": "a while"}), json!({"keep_alive": "5m"}), json!({"num_ctx": 4096})] {
        let (_, warnings) = load(&one(odd)).unwrap();
        assert!(warnings[0].to_string().contains("has no effect"), "{warnings:?}");
    }
}

#[test]
fn unknown_keys_are_kept_with_a_warning() {
    let (catalogue, warnings) = load(&one(json!({"wieght": 37}))).unwrap();
    let extra = &catalogue.models()[0].providers[0].extra;
    assert_eq!(extra.get("wieght"), Some(&json!(37)));
    assert!(!format!("{extra:?}").contains("37"));
    assert_eq!(
        warnings[0].to_string(),
        "models.json: g.m.providers[0].wieght: is not known here and has no effect; did you mean \"weight\"?"
    );
}

#[test]
fn what_is_odd_but_started_before_is_a_warning() {
    let good = json!([{"id": "a", "api_host": "http://h", "api_type": "llama.cpp"}]);
    let config = json!({
        "g": {"m": {"providers": good}, "empty": {"providers": []}}, "h": {"m": {"providers": good}, "n": {"providers": good}},
        "active_models": {"g": ["m", "m", "empty"], "h": ["m", "n"]}
    });
    let (catalogue, warnings) = load(&config).unwrap();
    assert_eq!(&*catalogue.get("m").unwrap().group, "h");
    assert!(catalogue.get("empty").is_none());
    let text: String = warnings.iter().map(|w| format!("{w}\n")).collect();
    for part in [
        "stands twice in this list",
        "no providers and is not served",
        "is active twice",
        "served as openai",
        "several models: m, n",
    ] {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
    let doubled = r#"{"g": {}, "g": {"m": {"providers": []}}, "active_models": {"g": ["m"]}}"#;
    let (_, warnings) = Catalogue::load(doubled, "models.json", CONTEXT).unwrap();
    assert!(warnings[0].to_string().contains("models.json: g: stands twice in this object"));
}

#[test]
fn an_id_of_a_thousand_models_is_one_short_warning() {
    let names: Vec<String> = (0..1_000).map(|n| format!("model-{n}")).collect();
    let provider = json!({"id": "shared", "api_host": "http://h:1", "api_type": "openai"});
    let group: serde_json::Map<_, _> =
        names.iter().map(|name| (name.clone(), json!({"providers": [provider]}))).collect();
    let (_, warnings) = load(&json!({"g": group, "active_models": {"g": names}})).unwrap();
    assert_eq!(warnings.len(), 1);
    let text = warnings[0].to_string();
    assert!(text.ends_with("model-6, model-7 and 992 more"), "{text}");
}

#[test]
fn the_frame_of_the_file_must_stand() {
    assert!(refusal(&json!({})).contains("\"active_models\" is missing"));
    assert!(refusal(&json!({"active_model": {"g": ["m"]}})).contains("is \"active_model\" a misspelling of it?"));
    assert!(refusal(&json!([])).contains("is a list; an object is wanted"));
    assert!(refusal(&json!({"active_models": {"g": "m"}})).contains("a list of model names is wanted"));
    assert!(
        Catalogue::load("{", "models.json", CONTEXT).unwrap_err().to_string().contains("models.json: is not JSON: EOF")
    );
    assert!(load(&json!({"g": {}, "h": {}})).unwrap().0.models().is_empty());
    assert!(load(&json!({"active_models": {}})).unwrap().0.models().is_empty());
    let deep = "[".repeat(100_000);
    assert!(Catalogue::load(&deep, "models.json", CONTEXT).is_err());
}

/// JSON of the right words in the wrong places.
fn nearly_a_config() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "active_models",
        "g",
        "m",
        "providers",
        "providers_sleep",
        "id",
        "api_host",
        "api_type",
        "api_token",
        "weight",
        "input_size",
        "model_path",
        "timeouts",
        "idle",
        "tags",
        "strategy",
        "unsupported",
        "on_disconnect",
        "drain",
        "sticky_key",
        "hedge",
        "keep_alive",
        "http://h",
        "openai",
        "env:KEY",
        "",
        "ż",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(7, 60, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_panics(config in nearly_a_config(), inner in nearly_a_config()) {
        let _ = load(&config);
        let _ = load(&with_providers(json!([inner])));
        let _ = load(&json!({"g": {"m": config}, "active_models": {"g": ["m"]}}));
    }

    #[test]
    fn no_text_panics(text in ".*") {
        let _ = Catalogue::load(&text, "models.json", CONTEXT);
    }
}
