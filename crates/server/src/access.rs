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
    // Room for most lines at once.
    out.reserve(ROOM);
    match format {
        LogFormat::Json => {
            out.extend_from_slice(b"{\"timestamp\":\"");
            out.extend_from_slice(now);
            out.extend_from_slice(b"\",\"level\":\"");
            out.extend_from_slice(level.as_bytes());
            out.extend_from_slice(b"\",\"target\":\"access\"");
            facts_of(&mut Line::<true> { out }, facts);
            out.extend_from_slice(b"}\n");
        }
        LogFormat::Text => {
            out.extend_from_slice(now);
            out.extend_from_slice(if level.len() < 5 { b"  " } else { b" " });
            out.extend_from_slice(level.as_bytes());
            out.extend_from_slice(b" access:");
            facts_of(&mut Line::<false> { out }, facts);
            out.push(b'\n');
        }
    }
}

/// What a line takes with names of ordinary length, in bytes.
const ROOM: usize = 768;

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

fn facts_of<const JSON: bool>(line: &mut Line<'_, JSON>, facts: &Facts) {
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

/// A line under construction, as JSON or as text. What is not known is left out.
struct Line<'a, const JSON: bool> {
    out: &'a mut Vec<u8>,
}

/// Which bytes stand for themselves, in JSON between quotes and in a line of text without any.
const PLAIN: [u8; 256] = {
    let mut plain = [0; 256];
    let mut byte = 0x20_u8;
    while byte < 0x7f {
        if byte != b'"' && byte != b'\\' {
            plain[byte as usize] = if byte == b' ' || byte == b'=' { QUOTED } else { QUOTED | BARE };
        }
        byte += 1;
    }
    plain
};
const QUOTED: u8 = 1;
const BARE: u8 = 2;

impl<const JSON: bool> Line<'_, JSON> {
    // Inlined, so that each name is a constant to copy.
    #[inline(always)]
    fn name(&mut self, name: Name) {
        self.out.extend_from_slice(if JSON { name.json } else { name.text }.as_bytes());
    }

    #[inline(always)]
    fn text(&mut self, name: Name, value: Option<&str>) {
        let Some(value) = value else { return };
        self.name(name);
        self.value(value);
    }

    fn value(&mut self, value: &str) {
        let plain = value.bytes().fold(QUOTED | BARE, |plain, byte| plain & PLAIN[usize::from(byte)]);
        if !JSON && plain & BARE != 0 && !value.is_empty() {
            self.out.extend_from_slice(value.as_bytes());
        } else if plain & QUOTED != 0 {
            self.out.push(b'"');
            self.out.extend_from_slice(value.as_bytes());
            self.out.push(b'"');
        } else {
            // JSON's escapes keep any text on one line, in both forms.
            drop(serde_json::to_writer(&mut *self.out, value));
        }
    }

    #[inline(always)]
    fn number(&mut self, name: Name, value: Option<u64>) {
        let Some(value) = value else { return };
        self.name(name);
        self.digits(value);
    }

    fn digits(&mut self, value: u64) {
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    #[inline(always)]
    fn word(&mut self, name: Name, value: bool) {
        self.name(name);
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// Milliseconds with three decimals.
    #[inline(always)]
    fn millis(&mut self, name: Name, value: Option<Duration>) {
        let Some(value) = value else { return };
        self.name(name);
        self.thousandths(value.as_secs().saturating_mul(1_000_000).saturating_add(value.subsec_micros().into()));
    }

    fn thousandths(&mut self, micros: u64) {
        let mut text = *b"00000000000000000000.000";
        stamp::write(&mut text[21..], micros);
        let (mut whole, mut first) = (micros / 1000, 19);
        text[first] += (whole % 10) as u8;
        while whole >= 10 {
            (whole, first) = (whole / 10, first - 1);
            text[first] += (whole % 10) as u8;
        }
        self.out.extend_from_slice(&text[first..]);
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
        for (micros, shown) in
            [(0, "0.000"), (7, "0.007"), (9_999, "9.999"), (10_000, "10.000"), (1_234_567, "1234.567")]
        {
            let mut out = Vec::new();
            Line::<true> { out: &mut out }.thousandths(micros);
            assert_eq!(String::from_utf8(out).unwrap(), shown);
        }
        Line::<true> { out: &mut Vec::new() }.thousandths(u64::MAX);
        assert!(
            lines[1].starts_with("now  INFO access: id=\"a\\nb\" key=2bb80d53 method=GET route=/x status=502 "),
            "{}",
            lines[1]
        );
        assert_eq!(lines[1].matches('\n').count(), 1);
    }
}
