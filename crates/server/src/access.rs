//! The access log: one line a request, when it is over.

use std::{sync::Arc, time::Duration};

use llm_router_core::settings::{Log as Settings, LogFormat, LogLevel};
use llm_router_endpoints::{ClientKey, Facts, Observer, Outcome};

use crate::{log::Log, stamp};

/// Writes each finished request to the log, under the target `access`.
pub struct AccessLog {
    log: Log,
    level: LogLevel,
    format: LogFormat,
}

impl AccessLog {
    /// Writes in the form and from the level that the settings say.
    #[must_use]
    pub fn new(log: Log, settings: &Settings) -> Self {
        Self { log, level: settings.level, format: settings.format }
    }
}

impl Observer for AccessLog {
    fn finished(&self, facts: &Arc<Facts>) {
        let bad = facts.outcome == Outcome::Truncated || facts.status >= 500;
        let (level, word) = if bad { (LogLevel::Warn, "WARN") } else { (LogLevel::Info, "INFO") };
        if self.level < level {
            return;
        }
        let now = stamp::digits(facts.at);
        self.log.line(|out| write(out, self.format, &now, word, facts));
    }
}

/// The line of a request, its end included.
pub(crate) fn write(out: &mut Vec<u8>, format: LogFormat, now: &[u8], level: &str, facts: &Facts) {
    let json = format == LogFormat::Json;
    if json {
        out.extend_from_slice(b"{\"timestamp\":\"");
        out.extend_from_slice(now);
        out.extend_from_slice(b"\",\"level\":\"");
        out.extend_from_slice(level.as_bytes());
        out.extend_from_slice(b"\",\"target\":\"access\"");
    } else {
        out.extend_from_slice(now);
        out.extend_from_slice(if level.len() < 5 { b"  " } else { b" " });
        out.extend_from_slice(level.as_bytes());
        out.extend_from_slice(b" access:");
    }
    let mut line = Line { out, json };
    facts_of(&mut line, facts);
    out.extend_from_slice(if json { b"}\n" } else { b"\n" });
}

/// A field's name with what stands around it: one piece to write, not three.
#[derive(Clone, Copy)]
struct Name {
    json: &'static str,
    text: &'static str,
}

macro_rules! name {
    ($name:literal) => {
        Name { json: concat!(",\"", $name, "\":"), text: concat!(" ", $name, "=") }
    };
}

fn facts_of(line: &mut Line<'_>, facts: &Facts) {
    line.text(name!("id"), Some(&facts.id));
    if let Some(trace) = &facts.trace {
        line.text(name!("trace_id"), Some(&format!("{:032x}", trace.id)));
    }
    let key = facts.key.map(ClientKey::digits);
    line.text(name!("key"), key.as_ref().and_then(|digits| str::from_utf8(digits).ok()));
    line.text(name!("method"), Some(facts.method.as_str()));
    line.text(name!("route"), Some(&facts.route));
    line.number(name!("status"), Some(u64::from(facts.status)));
    line.text(name!("outcome"), Some(facts.outcome.name()));
    line.text(name!("reason"), facts.reason);
    line.text(name!("model"), facts.model.as_deref());
    line.text(name!("provider"), facts.provider.as_deref());
    line.number(name!("attempts"), Some(u64::from(facts.attempts)));
    line.word(name!("stream"), facts.stream);
    line.number(name!("bytes_in"), Some(facts.received));
    line.number(name!("bytes_out"), Some(facts.sent));
    let usage = facts.usage.as_ref();
    line.number(name!("tokens_in"), usage.map(|usage| usage.input));
    line.number(name!("tokens_out"), usage.map(|usage| usage.output));
    line.number(name!("tokens_cached"), usage.and_then(|usage| usage.cached));
    let asked = facts.forwarded.is_some();
    let phases = &facts.phases;
    line.millis(name!("body_ms"), asked.then_some(phases.body));
    line.millis(name!("queue_ms"), asked.then_some(phases.queued));
    let fetched = Some(phases.fetched).filter(|fetched| !fetched.is_zero());
    line.millis(name!("images_ms"), fetched);
    line.millis(name!("pick_ms"), facts.overhead());
    line.millis(name!("connect_ms"), asked.then_some(phases.connect));
    line.millis(name!("head_ms"), phases.head);
    line.millis(name!("first_byte_ms"), facts.first_byte);
    line.millis(name!("took_ms"), Some(facts.took));
    line.text(name!("error"), facts.error.as_deref());
}

/// A line under construction. What is not known is left out.
struct Line<'a> {
    out: &'a mut Vec<u8>,
    json: bool,
}

impl Line<'_> {
    fn name(&mut self, name: Name) {
        self.out.extend_from_slice(if self.json { name.json } else { name.text }.as_bytes());
    }

    fn text(&mut self, name: Name, value: Option<&str>) {
        let Some(value) = value else { return };
        self.name(name);
        let plain = value.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\');
        if plain && !self.json && !value.contains([' ', '=']) && !value.is_empty() {
            self.out.extend_from_slice(value.as_bytes());
        } else if plain {
            self.out.push(b'"');
            self.out.extend_from_slice(value.as_bytes());
            self.out.push(b'"');
        } else {
            // JSON's escapes keep any text on one line, in both forms.
            drop(serde_json::to_writer(&mut *self.out, value));
        }
    }

    fn number(&mut self, name: Name, value: Option<u64>) {
        let Some(mut value) = value else { return };
        self.name(name);
        let mut digits = [0_u8; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + u8::try_from(value % 10).unwrap_or_default();
            value /= 10;
            if value == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&digits[at..]);
    }

    fn word(&mut self, name: Name, value: bool) {
        self.name(name);
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// Milliseconds with three decimals.
    fn millis(&mut self, name: Name, value: Option<Duration>) {
        let Some(value) = value else { return };
        let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
        self.number(name, Some(micros / 1000));
        let rest = micros % 1000;
        let digit = |value: u64| b'0' + u8::try_from(value % 10).unwrap_or_default();
        self.out.extend_from_slice(&[b'.', digit(rest / 100), digit(rest / 10), digit(rest)]);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use llm_router_endpoints::{Body, Record};

    use super::*;

    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);

    impl Observer for Lines {
        fn finished(&self, facts: &Arc<Facts>) {
            for format in [LogFormat::Json, LogFormat::Text] {
                let mut out = Vec::new();
                write(&mut out, format, b"now", "INFO", facts);
                self.0.lock().unwrap().push(String::from_utf8(out).unwrap());
            }
        }
    }

    #[test]
    fn a_line_is_one_line_whatever_stands_in_it() {
        let lines = Arc::new(Lines::default());
        let observer = Arc::clone(&lines) as Arc<dyn Observer>;
        let mut record = Record::new("a\nb".to_owned(), http::Method::GET, "/x".into(), observer);
        record.error = Some("said \"no\" = gone\r\n".to_owned());
        record.forwarded = Some(Duration::from_micros(1_234));
        record.key = Some(ClientKey::of_key(b"secret"));
        record.answered(502, &Body::from("seventeen letters"));
        let lines = lines.0.lock().unwrap();
        let value: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(value["id"], "a\nb");
        assert_eq!(value["pick_ms"], 1.234);
        assert_eq!((&value["bytes_out"], &value["status"], &value["stream"]), (&17.into(), &502.into(), &false.into()));
        assert_eq!(value["key"], "2bb80d53");
        assert!(
            lines[1].starts_with("now  INFO access: id=\"a\\nb\" key=2bb80d53 method=GET route=/x status=502 "),
            "{}",
            lines[1]
        );
        assert_eq!(lines[1].matches('\n').count(), 1);
    }
}
