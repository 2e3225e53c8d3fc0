//! What is wrong with something an operator wrote, and where.

use std::fmt;

/// One finding: a mistake that stops the start, or a warning that does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: an environment variable, a flag, `file:line`, or a file and a path inside it.
    pub place: String,
    /// The value found there; `None` when there is none or it must not be shown.
    pub value: Option<String>,
    /// What is wrong with it.
    pub message: String,
    /// What to write instead, as a full phrase.
    pub hint: Option<String>,
}

impl Problem {
    /// A finding without value and hint.
    pub fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), value: None, message: message.into(), hint: None }
    }

    /// Adds the value that was found.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds `did you mean "x"?` when one of the allowed words is close to the one found.
    #[must_use]
    pub fn did_you_mean<'a>(self, word: &str, allowed: impl IntoIterator<Item = &'a str>) -> Self {
        match similar(word, allowed) {
            Some(close) => self.hint(format!("did you mean {close:?}?")),
            None => self,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)?;
        if let Some(value) = &self.value {
            write!(f, " = {:?}", shortened(value))?;
        }
        write!(f, ": {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// Everything that was found; at least one problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// The mistakes, in the order of the text they stand in.
    pub problems: Vec<Problem>,
    /// What would have been a warning had there been no mistake.
    pub warnings: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() {
            1 => write!(f, "1 problem:")?,
            n => write!(f, "{n} problems:")?,
        }
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        for warning in &self.warnings {
            write!(f, "\n  warning: {warning}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Collects findings while something is checked.
#[derive(Debug, Default)]
pub struct Findings {
    /// The mistakes.
    pub problems: Vec<Problem>,
    /// The warnings.
    pub warnings: Vec<Problem>,
}

impl Findings {
    /// Notes a mistake.
    pub fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Notes what does no harm.
    pub fn warning(&mut self, warning: Problem) {
        self.warnings.push(warning);
    }

    /// Takes a value out of what was read, and notes what was found.
    pub fn take<T>(&mut self, read: Result<(T, Vec<Problem>), Problems>) -> Option<T> {
        match read {
            Ok((value, warnings)) => {
                self.warnings.extend(warnings);
                Some(value)
            }
            Err(found) => {
                self.problems.extend(found.problems);
                self.warnings.extend(found.warnings);
                None
            }
        }
    }

    /// The value with its warnings, or all problems.
    ///
    /// # Errors
    /// Whatever mistakes were noted.
    pub fn finish<T>(self, value: T) -> Result<(T, Vec<Problem>), Problems> {
        if self.problems.is_empty() { Ok((value, self.warnings)) } else { Err(self.into()) }
    }
}

impl From<Findings> for Problems {
    fn from(findings: Findings) -> Self {
        Self { problems: findings.problems, warnings: findings.warnings }
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem], warnings: Vec::new() }
    }
}

/// The nearest of some words, however far it is; `None` only when there are none or the word is absurdly long.
#[must_use]
pub fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    ranked(word, words).map(|(_, word)| word)
}

/// The nearest of some words when it is close enough to be what was meant. Of very many that might be, only the first
/// are compared: clients write the word, too, when it is the name of a model.
#[must_use]
pub fn similar<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let tolerance = |word: &str| 1 + word.len() / 4;
    let length = word.chars().count();
    let might_be = words.into_iter().filter(|other| other.chars().count().abs_diff(length) <= tolerance(other));
    let (distance, close) = ranked(word, might_be.take(MOST_COMPARED))?;
    (distance <= tolerance(close)).then_some(close)
}

/// How many words are compared for one that is similar.
const MOST_COMPARED: usize = 200;

/// Longer words are not compared: the comparison takes time and memory by the product of both lengths.
const LONGEST_COMPARED: usize = 100;

fn ranked<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<(usize, &'a str)> {
    if word.len() > LONGEST_COMPARED {
        return None;
    }
    let word = word.to_lowercase();
    words
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST_COMPARED)
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .min_by_key(|(distance, _)| *distance)
}

fn shortened(value: &str) -> String {
    const SHOWN: usize = 80;
    match value.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_reads_as_one_line_with_place_value_and_hint() {
        let problem = Problem::new("LLM_ROUTER_LOG_FORMAT", "not a log format; allowed: text, json")
            .value("jsn\n")
            .did_you_mean("jsn", ["text", "json"]);
        assert_eq!(
            problem.to_string(),
            r#"LLM_ROUTER_LOG_FORMAT = "jsn\n": not a log format; allowed: text, json; did you mean "json"?"#
        );
    }

    #[test]
    fn a_far_word_gets_no_suggestion_but_has_a_nearest() {
        assert_eq!(similar("zebra", ["text", "json"]), None);
        assert_eq!(nearest("zebra", ["text", "json"]), Some("text"));
        assert_eq!(nearest(&"x".repeat(10_000), ["text"]), None);
    }

    #[test]
    fn of_very_many_words_the_first_are_compared() {
        let words: Vec<String> = (0..100_000).map(|n| format!("model-{n:05}")).collect();
        let looked_at = std::cell::Cell::new(0);
        let all = || words.iter().map(String::as_str).inspect(|_| looked_at.set(looked_at.get() + 1));
        assert_eq!(similar("modle-00007", all()), Some("model-00007"));
        assert!(looked_at.get() <= MOST_COMPARED, "{looked_at:?}");
        // What is too long or too short to be meant does not count.
        let others = (0..1_000).map(|_| "m").chain(["the-one"]).chain((0..1_000).map(|_| "much-longer-than-it"));
        assert_eq!(similar("te-one", others), Some("the-one"));
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let shown = Problem::new("x", "bad").value("ł".repeat(500)).to_string();
        assert_eq!(shown.chars().filter(|c| *c == 'ł').count(), 80);
    }
}
