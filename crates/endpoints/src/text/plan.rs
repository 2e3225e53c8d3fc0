//! What a text endpoint makes of a request: a system prompt, messages, and the shape of the answer.

use llm_router_core::prompts::{Prompt, Prompts};
use serde_json::{Value, json};

use super::message::Message;

type Filling = Box<dyn FnOnce(&str) -> String + Send>;
pub(super) type Shape = Box<dyn Fn(String) -> Value + Send>;
pub(super) type ShapeEach = Box<dyn Fn(String, String) -> Value + Send>;

/// What to ask of the model, and what to make of its answer.
pub struct Plan {
    prompt: Option<(&'static str, &'static str)>,
    system: Option<String>,
    fillings: Vec<(&'static str, Filling)>,
    postfix: Option<String>,
    pub(super) work: Work,
}

/// One question, or one for each of some texts.
pub(super) enum Work {
    One { messages: Vec<Message>, shape: Shape },
    Each { texts: Vec<String>, shape: ShapeEach },
}

impl Plan {
    /// One question. The answer's `response` is the model's text; a request with `stream` gets it as it comes.
    #[must_use]
    pub fn one(messages: Vec<Message>) -> Self {
        Self::new(Work::One { messages, shape: Box::new(|answer| json!(answer)) })
    }

    /// The same question for each text. The answer's `response` is the list of what `shape` makes of a text and
    /// the model's answer to it, in the order of the texts.
    #[must_use]
    pub fn each(texts: Vec<String>, shape: impl Fn(String, String) -> Value + Send + 'static) -> Self {
        Self::new(Work::Each { texts, shape: Box::new(shape) })
    }

    fn new(work: Work) -> Self {
        Self { prompt: None, system: None, fillings: Vec::new(), postfix: None, work }
    }

    /// Makes `response` of the model's text. Without effect where texts are answered one by one.
    #[must_use]
    pub fn shaped(mut self, shape: impl Fn(String) -> Value + Send + 'static) -> Self {
        if let Work::One { shape: own, .. } = &mut self.work {
            *own = Box::new(shape);
        }
        self
    }

    /// The system prompt: this one of the library, in the request's language.
    ///
    /// A crate brings its own with `inventory::submit! { Embedded { … } }`
    /// ([`Embedded`](llm_router_core::prompts::Embedded)). One that is missing is an internal error (500) to the
    /// client; the record of the request names it, and so does the log.
    #[must_use]
    pub fn prompt(mut self, category: &'static str, id: &'static str) -> Self {
        self.prompt = Some((category, id));
        self
    }

    /// The system prompt: this text, unless it is empty. It takes the place of one from the library.
    #[must_use]
    pub fn system(mut self, text: Option<String>) -> Self {
        self.system = text.filter(|text| !text.is_empty());
        self
    }

    /// Fills a placeholder of the system prompt: `"NAME"` for `##NAME##`.
    #[must_use]
    pub fn fill(self, placeholder: &'static str, value: String) -> Self {
        self.fill_in(placeholder, move |_| value)
    }

    /// Fills a placeholder with words that depend on the language of the prompt.
    #[must_use]
    pub fn fill_in(mut self, placeholder: &'static str, value: impl FnOnce(&str) -> String + Send + 'static) -> Self {
        self.fillings.push((placeholder, Box::new(value)));
        self
    }

    /// Appends a text to the system prompt after a blank line.
    #[must_use]
    pub fn postfix(mut self, text: Option<String>) -> Self {
        self.postfix = text.filter(|text| !text.is_empty());
        self
    }

    /// The finished system prompt, and what is left to do; `Err` names a prompt that the library does not have.
    pub(super) fn resolve(self, prompts: &Prompts, language: Option<&str>) -> Result<(String, Work), String> {
        let found = match (&self.system, self.prompt) {
            (None, Some((category, id))) => {
                Some(prompts.find(category, id, language).ok_or_else(|| format!("{category}/{id}"))?)
            }
            _ => None,
        };
        let own = self.system.map(|text| Prompt::parse(&text));
        let (prompt, spoken) = match &found {
            Some(found) => (Some(&*found.prompt), found.language.as_str()),
            None => (own.as_ref(), language.unwrap_or(prompts.default_language())),
        };
        let values: Vec<(&str, String)> =
            self.fillings.into_iter().map(|(name, value)| (name, value(spoken))).collect();
        let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut system = prompt.map(|prompt| prompt.fill(&values)).unwrap_or_default();
        if let Some(postfix) = self.postfix {
            system = format!("{system}\n\n{postfix}").trim().to_owned();
        }
        Ok((system, self.work))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(plan: Plan, language: Option<&str>) -> String {
        plan.resolve(&Prompts::embedded("pl"), language).map(|(system, _)| system).unwrap()
    }

    #[test]
    fn a_library_prompt_is_filled_and_gets_its_postfix() {
        let plan =
            || Plan::one(Vec::new()).prompt("builtin", "full-article").fill("USER_Q_STR", "##USER_Q_STR##?".to_owned());
        let text = system(plan().postfix(Some("a column".to_owned())), Some("en"));
        assert!(text.contains("Request: ##USER_Q_STR##?") && text.ends_with("\n\na column"), "{text}");
        assert!(system(plan().postfix(Some(String::new())), None).contains("Prośba: ##USER_Q_STR##?"));
    }

    #[test]
    fn a_text_takes_the_place_of_the_library_prompt_and_is_filled_too() {
        let plan = Plan::one(Vec::new())
            .prompt("builtin", "no-such")
            .system(Some("Q: ##Q##".to_owned()))
            .fill("Q", "why".to_owned());
        assert_eq!(system(plan, None), "Q: why");
        let plan = Plan::one(Vec::new()).prompt("builtin", "no-such").system(Some(String::new()));
        assert_eq!(plan.resolve(&Prompts::embedded("pl"), None).err().as_deref(), Some("builtin/no-such"));
    }

    #[test]
    fn a_value_may_depend_on_the_language_that_was_found() {
        let plan = || {
            Plan::one(Vec::new())
                .prompt("builtin", "generate-questions")
                .fill_in("QUESTION_NUM_STR", |l| format!("<{l}>"))
        };
        assert!(system(plan(), Some("en")).contains("Write <en> about"));
        assert!(system(plan(), Some("de")).contains("Ułóż <pl> do"));
    }
}
