//! What the mock answers, before any dialect: reasoning, text, tool calls, the reason it ended and the token counts.

use serde_json::{Value, json};

use crate::{
    ask::{Ask, Choice, Tool},
    script::{Calls, Finish, Script},
    shape, words,
};

/// A tool call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: Value,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) reasoning: Vec<String>,
    pub(crate) text: Vec<String>,
    pub(crate) calls: Vec<Call>,
    pub(crate) finish: Finish,
    pub(crate) stop_sequence: Option<String>,
    pub(crate) prompt_tokens: usize,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        self.text.concat()
    }

    pub(crate) fn reasoning(&self) -> String {
        self.reasoning.concat()
    }

    /// Tokens generated, reasoning and call arguments included.
    pub(crate) fn completion_tokens(&self) -> usize {
        let calls: usize = self.calls.iter().map(|call| words::count(&call.arguments.to_string()) + 4).sum();
        self.reasoning.len() + self.text.len() + calls
    }
}

/// Decides the answer: the script's text if it has one; else tool calls when tools are offered and the last turn is no
/// tool result; else JSON when a schema or JSON is asked for; else an echo:
/// `You said: …`, `The tool said: …`, with `I see N images. ` in front when there are any.
pub(crate) fn compose(ask: &Ask, script: &Script, number: u64) -> Reply {
    let calls = calls(ask, script, number);
    let text = text(ask, script, calls.is_empty());
    let (text, stop_sequence) = stopped(text, &ask.stops);
    let mut tokens: Vec<String> = words::tokens(&text).into_iter().map(str::to_owned).collect();
    if let Some(wanted) = script.answer.tokens {
        if tokens.is_empty() {
            tokens.push("mock".to_owned());
        }
        let base = tokens.len();
        while tokens.len() < wanted {
            let mut token = tokens[tokens.len() % base].clone();
            if !token.starts_with(char::is_whitespace) {
                token.insert(0, ' ');
            }
            tokens.push(token);
        }
        tokens.truncate(wanted);
    }
    let mut finish = if calls.is_empty() { Finish::Stop } else { Finish::Tools };
    if let Some(most) = ask.max_tokens.filter(|most| *most < tokens.len()) {
        tokens.truncate(most);
        finish = Finish::Length;
    }
    Reply {
        reasoning: reasoning(ask, script),
        text: tokens,
        calls,
        finish: script.answer.finish.unwrap_or(finish),
        stop_sequence,
        prompt_tokens: ask.prompt_tokens,
    }
}

fn text(ask: &Ask, script: &Script, no_calls: bool) -> String {
    let mut text = match &script.answer.text {
        Some(text) => text.to_string(),
        None if !no_calls => String::new(),
        None => echo(ask),
    };
    if let Some(size) = script.answer.size {
        let filler = " The quick brown fox jumps over the lazy dog.";
        text.reserve(size.saturating_sub(text.len()) + filler.len());
        while text.len() < size {
            text.push_str(filler);
        }
    }
    text
}

fn echo(ask: &Ask) -> String {
    if let Some(schema) = &ask.schema {
        return shape::instance(schema, word(ask)).to_string();
    }
    if ask.json {
        return json!({"you_said": ask.said}).to_string();
    }
    let mut text = match ask.images {
        0 => String::new(),
        1 => "I see 1 image. ".to_owned(),
        n => format!("I see {n} images. "),
    };
    if ask.results.is_empty() {
        text.push_str("You said: ");
        text.push_str(&ask.said);
    } else {
        text.push_str("The tool said: ");
        text.push_str(&ask.results.join(" and "));
    }
    text
}

/// The last word the user said, for filling strings.
fn word(ask: &Ask) -> &str {
    let last = ask.said.split_whitespace().next_back().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
    last.filter(|word| !word.is_empty()).unwrap_or("mock")
}

fn calls(ask: &Ask, script: &Script, number: u64) -> Vec<Call> {
    let count = match script.answer.calls {
        Calls::Off => 0,
        Calls::Auto if ask.tools.is_empty() || ask.choice == Choice::None || !ask.results.is_empty() => 0,
        Calls::Auto if ask.serial_calls => 1,
        Calls::Auto => ask.tools.len().min(2),
        Calls::Exactly(n) => n,
    };
    let named = match &ask.choice {
        Choice::Named(name) => ask.tools.iter().find(|tool| tool.name == *name),
        Choice::Auto | Choice::None => None,
    };
    let made_up = Tool { name: "mock_tool".to_owned(), schema: json!({"properties": {"text": {"type": "string"}}}) };
    let count = if named.is_some() { count.min(1) } else { count };
    (0..count)
        .map(|index| {
            let tool = named.or_else(|| ask.tools.get(index % ask.tools.len().max(1))).unwrap_or(&made_up);
            let arguments = match shape::instance(&tool.schema, word(ask)) {
                object @ Value::Object(_) => object,
                _ => json!({}),
            };
            Call { id: format!("{:09}", number % 10_000_000 * 100 + index as u64), name: tool.name.clone(), arguments }
        })
        .collect()
}

fn reasoning(ask: &Ask, script: &Script) -> Vec<String> {
    let count = script.answer.think.unwrap_or(if ask.think { 6 } else { 0 });
    let thought = ["Let", " me", " think", " about", " this", "."];
    (0..count).map(|index| if index < 6 { thought[index].to_owned() } else { " Hmm.".to_owned() }).collect()
}

/// Cuts the text before the first stop sequence in it.
fn stopped(mut text: String, stops: &[String]) -> (String, Option<String>) {
    let found = stops.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| Some((text.find(stop)?, stop))).min();
    let Some((at, stop)) = found else {
        return (text, None);
    };
    text.truncate(at);
    (text, Some(stop.clone()))
}
