//! `generate_questions`: questions that each text answers.

use serde_json::json;

use super::{Arguments, Plan, Prompted, Text};
use crate::endpoint::Registration;

struct Questions;

inventory::submit! { Registration(&Text(Questions)) }

impl Prompted for Questions {
    fn path(&self) -> &'static str {
        "/generate_questions"
    }

    fn plan(&self, arguments: &mut Arguments) -> Plan {
        let texts = arguments.texts("texts");
        arguments.model();
        let count = arguments.whole("number_of_questions", 1);
        if count < 1 {
            arguments.refuse("number_of_questions", "must be 1 or more");
        }
        Plan::each(texts, |text, answer| json!({"text": text, "questions": list(&answer)}))
            .prompt("builtin", "generate-questions")
            .fill_in("QUESTION_NUM_STR", move |language| phrase(count, language))
    }
}

/// "3 questions", in the language of the prompt; English where it is another than the two there are.
fn phrase(count: i64, language: &str) -> String {
    let word = match (language, count) {
        ("pl", 1) => "pytanie",
        ("pl", _) if (2..=4).contains(&(count % 10)) && !(12..=14).contains(&(count % 100)) => "pytania",
        ("pl", _) => "pytań",
        (_, 1) => "question",
        _ => "questions",
    };
    format!("{count} {word}")
}

/// The questions in a model's answer: its numbered lines, or, where none is numbered, the lines after the last
/// blank one, since models like to begin with a remark.
fn list(answer: &str) -> Vec<&str> {
    let numbered: Vec<&str> = answer.lines().filter_map(without_number).collect();
    if !numbered.is_empty() {
        return numbered;
    }
    let answer = answer.trim();
    let last = answer.rsplit("\n\n").next().unwrap_or(answer);
    last.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

/// The line after `12.` or `12)`; `None` when it does not begin like that, or nothing follows.
fn without_number(line: &str) -> Option<&str> {
    let line = line.trim();
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    if rest.len() == line.len() {
        return None;
    }
    let question = rest.strip_prefix(['.', ')'])?.trim();
    (!question.is_empty()).then_some(question)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_told_in_the_language_of_the_prompt() {
        let told = |count| (phrase(count, "en"), phrase(count, "pl"));
        for (count, en, pl) in [
            (1, "1 question", "1 pytanie"),
            (3, "3 questions", "3 pytania"),
            (5, "5 questions", "5 pytań"),
            (12, "12 questions", "12 pytań"),
            (22, "22 questions", "22 pytania"),
        ] {
            assert_eq!(told(count), (en.to_owned(), pl.to_owned()));
        }
    }

    #[test]
    fn questions_are_found_in_what_models_write() {
        assert_eq!(list("Here they are:\n\n1. Who?\n2. Why 3.5?\n"), ["Who?", "Why 3.5?"]);
        assert_eq!(list("1) Who?\n\n 2) Why?\n\nHope this helps."), ["Who?", "Why?"]);
        assert_eq!(list("Sure.\n\nWho?\n  Why?  "), ["Who?", "Why?"]);
        assert_eq!(list("Who?\n\n"), ["Who?"]);
        assert_eq!(list(" \n"), [""; 0]);
        assert_eq!(list("12.\n"), ["12."]);
    }
}
