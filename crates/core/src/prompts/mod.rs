//! The prompt library: system prompts by name and language, built in or on disk.
//!
//! A prompt's key is `<category>/system/<language>/<id>`: its path below the prompts folder without `.prompt`.
//! A file on disk takes the place of the built-in prompt with the same key.

mod builtin;
mod folder;
mod prompt;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

pub use self::prompt::Prompt;
use crate::problem::{Findings, Problem, Problems};

/// A prompt that is part of the program; made by `inventory::submit!`, so that a crate can bring its own.
pub struct Embedded {
    /// `<category>/system/<language>/<id>`.
    pub key: &'static str,
    /// The prompt.
    pub text: &'static str,
}

inventory::collect!(Embedded);

/// All prompts there are.
#[derive(Debug, Default)]
pub struct Prompts {
    by_key: BTreeMap<String, Arc<Prompt>>,
    default_language: String,
}

/// A prompt that was looked up.
#[derive(Debug, Clone)]
pub struct Found {
    /// The prompt.
    pub prompt: Arc<Prompt>,
    /// Its language: the one asked for, or the default one.
    pub language: String,
}

impl Prompts {
    /// Takes the built-in prompts and lays the files of a folder over them; also returns warnings.
    ///
    /// The folder need not exist. A file whose placeholders differ from those of the built-in prompt with the same
    /// category and id is warned about: a placeholder nobody fills would reach the model as it stands.
    ///
    /// # Errors
    ///
    /// All problems at once: files that cannot be read or are not UTF-8, and a default language without prompts.
    pub fn load(folder: &Path, default_language: &str) -> Result<(Self, Vec<Problem>), Problems> {
        let mut findings = Findings::default();
        let mut prompts = Self::embedded(default_language);
        let known = prompts.placeholders();
        for file in folder::read(folder, &mut findings) {
            let prompt = Prompt::parse(&file.text);
            check(&file.key, &prompt, &file.place, &known, &mut findings);
            prompts.by_key.insert(file.key, Arc::new(prompt));
        }
        let languages = prompts.languages();
        if !languages.contains(default_language) {
            let spoken: Vec<&str> = languages.iter().map(String::as_str).collect();
            let message = format!("there is no prompt in the default language; there are: {}", spoken.join(", "));
            findings.problem(Problem::new("default_ep_language", message).value(default_language));
        }
        findings.finish(prompts)
    }

    /// The built-in prompts alone.
    #[must_use]
    pub fn embedded(default_language: &str) -> Self {
        let all = inventory::iter::<Embedded>();
        let by_key = all.map(|e| (e.key.to_owned(), Arc::new(Prompt::parse(e.text)))).collect();
        Self { by_key, default_language: default_language.to_owned() }
    }

    /// Finds a prompt in a language, or else in the default one, or else in the first language it comes in.
    /// No language means the default one.
    #[must_use]
    pub fn find(&self, category: &str, id: &str, language: Option<&str>) -> Option<Found> {
        let in_language = |language: &str| {
            let prompt = self.by_key.get(&format!("{category}/system/{language}/{id}"))?;
            Some(Found { prompt: Arc::clone(prompt), language: language.to_owned() })
        };
        let any = || {
            let known = self.keys().filter_map(Parts::of);
            known
                .filter(|parts| parts.category == category && parts.id == id)
                .find_map(|parts| in_language(parts.language))
        };
        in_language(language.unwrap_or(&self.default_language))
            .or_else(|| in_language(&self.default_language))
            .or_else(any)
    }

    /// The language of requests that name none.
    #[must_use]
    pub fn default_language(&self) -> &str {
        &self.default_language
    }

    /// The keys of all prompts, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.by_key.keys().map(String::as_str)
    }

    /// The languages there is any prompt in.
    #[must_use]
    pub fn languages(&self) -> BTreeSet<String> {
        self.keys().filter_map(|key| Some(Parts::of(key)?.language.to_owned())).collect()
    }

    /// Category and id, and the placeholders its prompts have in any language.
    fn placeholders(&self) -> BTreeMap<(String, String), BTreeSet<String>> {
        let mut known: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        for (key, prompt) in &self.by_key {
            if let Some(parts) = Parts::of(key) {
                let names = known.entry((parts.category.to_owned(), parts.id.to_owned())).or_default();
                names.extend(prompt.placeholders().map(str::to_owned));
            }
        }
        known
    }
}

/// The parts of a key.
struct Parts<'a> {
    category: &'a str,
    language: &'a str,
    id: &'a str,
}

impl<'a> Parts<'a> {
    fn of(key: &'a str) -> Option<Self> {
        let (category, rest) = key.split_once("/system/")?;
        let (language, id) = rest.split_once('/')?;
        Some(Self { category, language, id })
    }
}

fn check(
    key: &str,
    prompt: &Prompt,
    place: &str,
    known: &BTreeMap<(String, String), BTreeSet<String>>,
    findings: &mut Findings,
) {
    if prompt.is_empty() {
        findings.warning(Problem::new(place, "is empty"));
    }
    let Some(parts) = Parts::of(key) else {
        findings.warning(Problem::new(place, "is not at <category>/system/<language>/<id>.prompt, so nothing uses it"));
        return;
    };
    let Some(expected) = known.get(&(parts.category.to_owned(), parts.id.to_owned())) else { return };
    let present: BTreeSet<&str> = prompt.placeholders().collect();
    for name in present.iter().filter(|name| !expected.contains(**name)) {
        let warning = Problem::new(place, format!("nothing fills the placeholder ##{name}##"));
        findings.warning(warning.did_you_mean(name, expected.iter().map(String::as_str)));
    }
    for name in expected.iter().filter(|name| !present.contains(name.as_str())) {
        findings.warning(Problem::new(
            place,
            format!("lacks the placeholder ##{name}##, so the model never sees its value"),
        ));
    }
}

#[cfg(test)]
mod tests;
