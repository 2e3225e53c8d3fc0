//! models-config.json, written for a test.

use serde_json::{Value, json};

/// One provider of a model.
pub struct Provider {
    value: Value,
}

impl Provider {
    /// A provider of a type at a URL.
    #[must_use]
    pub fn new(id: &str, api_type: &str, url: &str) -> Self {
        Self { value: json!({"id": id, "api_type": api_type, "api_host": url}) }
    }

    /// With another field.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.value[field] = value.into();
        self
    }
}

/// A models file with these models, all active.
pub fn models<'a>(models: impl IntoIterator<Item = (&'a str, Vec<Provider>)>) -> Value {
    let mut group = serde_json::Map::new();
    for (name, providers) in models {
        let providers: Vec<Value> = providers.into_iter().map(|provider| provider.value).collect();
        group.insert(name.to_owned(), json!({"providers": providers}));
    }
    let names: Vec<&String> = group.keys().collect();
    json!({"active_models": {"tests": names}, "tests": group})
}
