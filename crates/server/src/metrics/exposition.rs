//! The text that Prometheus reads: format version 0.0.4.

use std::fmt::{Display, Write as _};

use super::histogram::Reading;

/// The `content-type` of the text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A label and its value.
pub(crate) type Label<'a> = (&'static str, &'a str);

/// A page of metrics under construction: one family after another, each written whole.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
    name: &'static str,
}

impl Page {
    /// Begins a family.
    pub(crate) fn family(&mut self, name: &'static str, kind: Kind, help: &str) {
        self.name = name;
        let kind = kind.name();
        // Writing to a text cannot fail, here and below.
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// A sample of the present family.
    pub(crate) fn sample(&mut self, labels: &[Label<'_>], value: impl Display) {
        self.line("", labels, None, value);
    }

    /// A histogram of the present family; one without values is left out.
    pub(crate) fn histogram(&mut self, labels: &[Label<'_>], reading: &Reading) {
        if reading.count() == 0 {
            return;
        }
        for (bound, up_to) in reading.buckets() {
            self.line("_bucket", labels, Some(&bound.to_string()), up_to);
        }
        self.line("_bucket", labels, Some("+Inf"), reading.count());
        self.line("_sum", labels, None, reading.sum);
        self.line("_count", labels, None, reading.count());
    }

    /// The whole text.
    pub(crate) fn finish(self) -> String {
        self.text
    }

    fn line(&mut self, suffix: &str, labels: &[Label<'_>], bound: Option<&str>, value: impl Display) {
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        let all = labels.iter().copied().chain(bound.map(|bound| ("le", bound)));
        let mut between = '{';
        for (name, value) in all {
            self.text.push(between);
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(&mut self.text, value);
            self.text.push('"');
            between = ',';
        }
        if between == ',' {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

/// What a family is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size.
    Histogram,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

fn escape(text: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_are_escaped_and_families_are_whole() {
        let mut page = Page::default();
        page.family("things_total", Kind::Counter, "Things.");
        page.sample(&[], 3);
        page.sample(&[("name", "a\"b\\c\nd"), ("other", "x")], 1.5);
        let want = "# HELP things_total Things.\n# TYPE things_total counter\nthings_total 3\n\
                    things_total{name=\"a\\\"b\\\\c\\nd\",other=\"x\"} 1.5\n";
        assert_eq!(page.finish(), want);
    }
}
