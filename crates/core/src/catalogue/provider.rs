//! A provider: one server that answers for a model.

use std::{
    num::{NonZeroU32, NonZeroU64},
    sync::Arc,
    time::Duration,
};

use super::{
    BaseUrl, Context, Extra, Simulated, TimeoutOverrides, simulated, token,
    tree::{Node, Object, Place},
};
use crate::{
    api_type::{self, ApiType},
    problem::{Findings, Problem},
    secret::Secret,
    settings::word,
};

/// One server behind a model.
#[derive(Debug)]
pub struct Provider {
    /// `id`: its identity in leases, logs and metrics; unique within the model.
    pub id: Arc<str>,
    /// `api_host`.
    pub base: BaseUrl,
    /// `api_type`: what it speaks.
    pub api_type: &'static dyn ApiType,
    /// `api_token`.
    pub token: Option<Secret>,
    /// `input_size`: its context length in tokens; 0 when not given.
    pub input_size: u64,
    /// `model_path`: the model's name there; `None` means the public name.
    pub model_path: Option<Arc<str>>,
    /// `weight`: its share of the requests relative to the others; finite, not negative.
    pub weight: f64,
    /// `max_concurrency`: requests it takes at the same time; `None` is no limit.
    pub max_concurrency: Option<NonZeroU32>,
    /// 0, or 1 for those of `providers_sleep`: a tier is used when all before it are out.
    pub tier: u8,
    /// `tags`: words a request may select by.
    pub tags: Vec<Arc<str>>,
    /// `timeouts`: limits instead of the model's and the general ones.
    pub timeouts: TimeoutOverrides,
    /// `keep_alive`: how long an Ollama server should keep the model loaded after a request.
    pub keep_alive: Option<Duration>,
    /// `num_ctx`: how many tokens an Ollama server should give the model for prompt and answer, where a request does
    /// not say.
    pub num_ctx: Option<u64>,
    /// `tool_calling`: whether the model takes tools; `None` when not given.
    pub tool_calling: Option<bool>,
    /// `simulate`: what `llm-router simulate` takes it for.
    pub simulated: Simulated,
    /// `is_embedding`: whether it is a model for embeddings.
    pub is_embedding: bool,
    /// Keys that mean nothing here.
    pub extra: Extra,
}

const KEYS: [&str; 15] = [
    "id",
    "api_host",
    "api_type",
    "api_token",
    "input_size",
    "model_path",
    "weight",
    "max_concurrency",
    "tags",
    "timeouts",
    "keep_alive",
    "num_ctx",
    "tool_calling",
    "is_embedding",
    "simulate",
];

impl Provider {
    /// The name the model is sent under: `model_path`, or else its public name.
    #[must_use]
    pub fn model_name<'a>(&'a self, public: &'a str) -> &'a str {
        self.model_path.as_deref().unwrap_or(public)
    }

    /// Reads a provider object; `None` when a field it cannot be without is missing or bad.
    pub(super) fn read(
        node: &Node,
        place: &Place,
        tier: u8,
        context: Context<'_>,
        findings: &mut Findings,
    ) -> Option<Self> {
        let object = Object::of(node, place, findings)?;
        let mut fields = Fields { object: &object, findings };
        let id = fields.required("id").map(Arc::from);
        let base = fields.base();
        let api_type = fields.api_type();
        let fields = &mut fields;
        Some(Self {
            input_size: fields.number("input_size", 0, u64::MAX).unwrap_or(0),
            model_path: fields.text("model_path").filter(|path| !path.is_empty()).map(Arc::from),
            weight: fields.weight(),
            max_concurrency: fields.max_concurrency(),
            tier,
            tags: fields.tags(),
            keep_alive: fields.keep_alive(api_type),
            num_ctx: fields.num_ctx(api_type),
            tool_calling: fields.boolean("tool_calling"),
            is_embedding: fields.boolean("is_embedding").unwrap_or(false),
            timeouts: TimeoutOverrides::read(&object, fields.findings),
            simulated: simulated::read(&object, fields.findings),
            token: token::read(&object, context.secrets, fields.findings),
            extra: object.rest(&KEYS, fields.findings),
            id: id?,
            base: base?,
            api_type: api_type?,
        })
    }
}

/// Reads the fields of one provider.
struct Fields<'a> {
    object: &'a Object<'a>,
    findings: &'a mut Findings,
}

impl<'a> Fields<'a> {
    fn refuse(&mut self, key: &str, message: impl Into<String>) {
        let mut problem = Problem::new(self.object.place.key(key).to_string(), message);
        if let Some(node) = self.object.get(key) {
            problem = problem.value(node.shown());
        }
        self.findings.problem(problem);
    }

    fn text(&mut self, key: &str) -> Option<&'a str> {
        match self.object.get(key)? {
            Node::Text(text) => Some(text),
            other => {
                self.refuse(key, format!("is {}; a text is wanted", other.kind()));
                None
            }
        }
    }

    fn required(&mut self, key: &str) -> Option<&'a str> {
        if self.object.get(key).is_none() {
            self.refuse(key, "is missing");
            return None;
        }
        let text = self.text(key)?;
        if text.trim().is_empty() {
            self.refuse(key, "is empty");
            return None;
        }
        Some(text)
    }

    fn base(&mut self) -> Option<BaseUrl> {
        let text = self.required("api_host")?;
        BaseUrl::parse(text).map_err(|message| self.refuse("api_host", message)).ok()
    }

    fn api_type(&mut self) -> Option<&'static dyn ApiType> {
        let name = self.required("api_type")?;
        if let Some(found) = api_type::find(name) {
            return Some(found);
        }
        if ["llama.cpp", "llamacpp", "llama_cpp"].iter().any(|word| word.eq_ignore_ascii_case(name)) {
            let place = self.object.place.key("api_type").to_string();
            self.findings.warning(Problem::new(place, "is served as openai, whose API llama.cpp offers").value(name));
            return api_type::find("openai");
        }
        let names = api_type::names();
        let message = format!("is not a provider type; allowed: {}", names.join(", "));
        let problem = Problem::new(self.object.place.key("api_type").to_string(), message).value(name);
        self.findings.problem(problem.did_you_mean(name, names));
        None
    }

    /// A whole number, or a text that is one: the Python version took both.
    fn number(&mut self, key: &str, least: u64, most: u64) -> Option<u64> {
        let value = match self.object.get(key)? {
            Node::Number(number) => number.as_u64().or_else(|| number.as_f64().and_then(integral)),
            Node::Text(text) => word::whole(text).and_then(|value| u64::try_from(value).ok()),
            _ => None,
        };
        let value = value.filter(|value| (least..=most).contains(value));
        if value.is_none() {
            let bound =
                if most == u64::MAX { format!("of {least} or more") } else { format!("from {least} to {most}") };
            self.refuse(key, format!("is not a whole number {bound}"));
        }
        value
    }

    fn max_concurrency(&mut self) -> Option<NonZeroU32> {
        let value = NonZeroU64::new(self.number("max_concurrency", 1, u64::from(u32::MAX))?)?;
        NonZeroU32::try_from(value).ok()
    }

    fn weight(&mut self) -> f64 {
        let value = match self.object.get("weight") {
            None => return 1.0,
            Some(Node::Number(number)) => number.as_f64(),
            Some(Node::Text(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        value.filter(|value| value.is_finite() && *value >= 0.0).unwrap_or_else(|| {
            self.refuse("weight", "is not a number of 0 or more");
            1.0
        })
    }

    fn boolean(&mut self, key: &str) -> Option<bool> {
        let value = match self.object.get(key)? {
            Node::Bool(value) => Some(*value),
            Node::Number(number) => word::boolean(&number.to_string()),
            Node::Text(text) => word::boolean(text),
            _ => None,
        };
        if value.is_none() {
            self.refuse(key, "is neither true nor false");
        }
        value
    }

    /// `30s`, `5m`, `1h`; what cannot be read switches it off with a warning, as in the Python version.
    fn keep_alive(&mut self, api_type: Option<&'static dyn ApiType>) -> Option<Duration> {
        let node = self.object.get("keep_alive")?;
        let value = match node {
            Node::Text(text) if text.is_empty() => return None,
            Node::Text(text) => word::duration(&text.to_ascii_lowercase()),
            Node::Number(number) => word::duration(&number.to_string()),
            _ => None,
        };
        if value.is_none() {
            let place = self.object.place.key("keep_alive").to_string();
            let message = "is not a duration such as 30s, 5m or 1h and has no effect";
            self.findings.warning(Problem::new(place, message).value(node.shown()));
        }
        let value = value.filter(|value| !value.is_zero())?;
        self.is_for_ollama("keep_alive", api_type);
        Some(value)
    }

    fn num_ctx(&mut self, api_type: Option<&'static dyn ApiType>) -> Option<u64> {
        let value = self.number("num_ctx", 1, u64::from(u32::MAX))?;
        self.is_for_ollama("num_ctx", api_type);
        Some(value)
    }

    fn is_for_ollama(&mut self, key: &str, api_type: Option<&'static dyn ApiType>) {
        if api_type.is_some_and(|api_type| api_type.name() != "ollama") {
            let place = self.object.place.key(key).to_string();
            self.findings.warning(Problem::new(place, "has no effect: of all servers only Ollama's can be told"));
        }
    }

    fn tags(&mut self) -> Vec<Arc<str>> {
        let Some(node) = self.object.get("tags") else { return Vec::new() };
        let Node::List(items) = node else {
            self.refuse("tags", format!("is {}; a list of texts is wanted", node.kind()));
            return Vec::new();
        };
        let texts: Option<Vec<Arc<str>>> = items
            .iter()
            .map(|item| if let Node::Text(text) = item { Some(Arc::from(text.as_str())) } else { None })
            .collect();
        let Some(tags) = texts else {
            self.refuse("tags", "has an entry that is not a text");
            return Vec::new();
        };
        // Requests name them in a header, with commas between.
        if tags.iter().any(|tag| tag.is_empty() || tag.contains(',') || tag.trim() != &**tag) {
            self.refuse("tags", "has an entry that nobody could ask for; a tag is a word without commas");
        }
        tags
    }
}

/// A float that is a whole number, such as 8192.0.
fn integral(value: f64) -> Option<u64> {
    // 2^53: above it a float no longer tells whole numbers apart.
    (value >= 0.0 && value.fract() == 0.0 && value <= 9_007_199_254_740_992.0).then_some(value as u64)
}
