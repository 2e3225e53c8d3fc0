//! A validating pass over JSON text (RFC 8259) that allocates nothing and never recurses.

use std::ops::Range;

use super::escapes::{beyond_ascii, plain_of};

/// How deep arrays and objects may nest.
pub const MAX_DEPTH: usize = 512;

/// Why a text is not the JSON it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {offset}")]
pub struct Fault {
    /// What was found, or missing.
    pub what: &'static str,
    /// Where, in bytes from the start of the body.
    pub offset: usize,
}

/// Words of a string looked at before its end is searched for.
const FEW_WORDS: usize = 4;

/// A fault is boxed: what all the steps of a pass hand on is then no larger than a register or two.
type Scan<T> = Result<T, Box<Fault>>;

/// A cursor over JSON text. Strings, the bulk of an LLM request, are passed many bytes at a time.
pub(super) struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    non_ascii: bool,
    /// Whether there was what `serde_json` may refuse: a number with an exponent or many digits, or much nesting.
    pub(super) extreme: bool,
}

/// Where a text begins to be [`extreme`](Scanner::extreme): digits of a number, brackets open at a time.
const MANY: usize = 100;

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, non_ascii: false, extreme: false }
    }

    pub(super) fn fault<T>(&self, what: &'static str) -> Scan<T> {
        Err(Box::new(Fault { what, offset: self.at }))
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next significant byte, not consumed.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        match self.text.get(self.at) {
            Some(&byte) if byte > b' ' => Some(byte),
            _ => self.peek_past_space(),
        }
    }

    fn peek_past_space(&mut self) -> Option<u8> {
        while let Some(&byte) = self.text.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    #[inline]
    pub(super) fn eat(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    /// After the last value: nothing but white space, and valid UTF-8 throughout.
    pub(super) fn end(&mut self) -> Scan<()> {
        if self.peek().is_some() {
            return self.fault("unexpected text after the JSON value");
        }
        if self.non_ascii
            && simdutf8::basic::from_utf8(self.text).is_err()
            && let Err(error) = std::str::from_utf8(self.text)
        {
            return Err(Box::new(Fault { what: "invalid UTF-8", offset: error.valid_up_to() }));
        }
        Ok(())
    }

    /// A string with its quotes; `true` when it holds a backslash.
    pub(super) fn string(&mut self) -> Scan<bool> {
        if !self.eat(b'"') {
            return self.fault("expected a string");
        }
        let mut escaped = false;
        loop {
            self.plain_run();
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return self.fault("control character in a string (escape it)"),
                None => return self.fault("unterminated string"),
            }
        }
    }

    /// Passes everything up to a quote, a backslash, a control character or the end.
    #[inline]
    fn plain_run(&mut self) {
        // Short strings and text full of escapes stop within a few words.
        if self.plain_words() {
            return;
        }
        let rest = &self.text[self.at..];
        let run = &rest[..memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len())];
        // In a form the compiler turns into vector instructions.
        let (least, all) = run.iter().fold((u8::MAX, 0), |(least, all), &byte| (byte.min(least), byte | all));
        self.non_ascii |= all >= 0x80;
        self.at += if least < 0x20 { run.iter().position(|&byte| byte < 0x20).unwrap_or_default() } else { run.len() };
    }

    /// Passes a few words of eight bytes; `true` when one of them held the end of the plain text.
    #[inline]
    fn plain_words(&mut self) -> bool {
        for _ in 0..FEW_WORDS {
            let Some(chunk) = self.text.get(self.at..).and_then(<[u8]>::first_chunk) else { return false };
            let word = u64::from_le_bytes(*chunk);
            let plain = plain_of(word);
            let passed = plain.unwrap_or(8);
            self.non_ascii |= beyond_ascii(word, passed);
            self.at += passed;
            if plain.is_some() {
                return true;
            }
        }
        false
    }

    fn escape(&mut self) -> Scan<()> {
        let hex = |byte: &u8| byte.is_ascii_hexdigit();
        match self.text.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') if self.text.get(self.at + 2..self.at + 6).is_some_and(|h| h.iter().all(hex)) => self.at += 6,
            _ => return self.fault("invalid escape in a string"),
        }
        Ok(())
    }

    fn number(&mut self) -> Scan<()> {
        self.at += usize::from(self.text[self.at] == b'-');
        let integer = self.at;
        let digits = self.digits()?;
        if digits > 1 && self.text[integer] == b'0' {
            self.at = integer;
            return self.fault("number with a leading zero");
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        self.extreme |= digits > MANY;
        if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            self.extreme = true;
            self.at += 1;
            self.at += usize::from(matches!(self.text.get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Scan<usize> {
        let start = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == start { self.fault("invalid number") } else { Ok(self.at - start) }
    }

    fn word(&mut self, word: &'static str) -> Scan<()> {
        if self.text[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        self.fault("invalid literal (true, false and null are written in lower case)")
    }

    /// A string, number or literal; `first` is the byte under the cursor. `true` when it holds a backslash.
    fn scalar(&mut self, first: u8) -> Scan<bool> {
        match first {
            b'"' => return self.string(),
            b'-' | b'0'..=b'9' => self.number()?,
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            b'n' => self.word("null")?,
            _ => return self.fault("expected a JSON value"),
        }
        Ok(false)
    }

    /// Passes one whole value.
    pub(super) fn value(&mut self) -> Scan<()> {
        self.tour(&mut ())
    }

    /// Passes one whole value and tells of every part of it.
    pub(super) fn tour(&mut self, guide: &mut impl Guide) -> Scan<()> {
        let mut open = Nesting::default();
        loop {
            match self.peek() {
                Some(bracket @ (b'{' | b'[')) => {
                    guide.open(bracket, self.at);
                    self.at += 1;
                    if self.eat(bracket + 2) {
                        // An empty one is complete at once: `}` and `]` are two after `{` and `[`.
                        guide.close(self.at);
                    } else {
                        if !open.push(bracket == b'{') {
                            return self.fault("nested too deep");
                        }
                        self.extreme |= open.depth > MANY;
                        self.key_if(bracket == b'{', guide)?;
                        continue;
                    }
                }
                Some(byte) => {
                    let start = self.at;
                    let escaped = self.scalar(byte)?;
                    guide.leaf(byte, start..self.at, escaped);
                }
                None => return self.fault("unexpected end of the JSON text"),
            }
            if !self.close(&mut open, guide)? {
                return Ok(());
            }
        }
    }

    /// After a value: closes what ends here. `true` when another value follows.
    fn close(&mut self, open: &mut Nesting, guide: &mut impl Guide) -> Scan<bool> {
        while let Some(object) = open.top() {
            match (self.peek(), object) {
                (Some(b','), _) => {
                    self.at += 1;
                    self.key_if(object, guide)?;
                    return Ok(true);
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    self.at += 1;
                    guide.close(self.at);
                    open.pop();
                }
                (_, true) => return self.fault("expected ',' or '}'"),
                (_, false) => return self.fault("expected ',' or ']'"),
            }
        }
        Ok(false)
    }

    fn key_if(&mut self, object: bool, guide: &mut impl Guide) -> Scan<()> {
        if object {
            self.peek();
            let start = self.at;
            let escaped = self.string()?;
            guide.leaf(b'"', start..self.at, escaped);
            if !self.eat(b':') {
                return self.fault("expected ':'");
            }
        }
        Ok(())
    }
}

/// Is told of every part of a value, in order.
pub(super) trait Guide {
    /// A list or an object begins here, with this bracket.
    fn open(&mut self, bracket: u8, at: usize);
    /// The innermost open one has ended before here.
    fn close(&mut self, at: usize);
    /// A name or a value without parts, which begins with this byte; `escaped` where it holds a backslash.
    fn leaf(&mut self, first: u8, range: Range<usize>, escaped: bool);
}

impl Guide for () {
    fn open(&mut self, _: u8, _: usize) {}
    fn close(&mut self, _: usize) {}
    fn leaf(&mut self, _: u8, _: Range<usize>, _: bool) {}
}

/// Which brackets are open, one bit each: set for an object.
#[derive(Default)]
struct Nesting {
    bits: [u64; MAX_DEPTH / 64],
    depth: usize,
}

impl Nesting {
    fn push(&mut self, object: bool) -> bool {
        // One level is the object that the caller walks itself.
        if self.depth + 1 >= MAX_DEPTH {
            return false;
        }
        let (word, bit) = (self.depth / 64, self.depth % 64);
        self.bits[word] = self.bits[word] & !(1 << bit) | u64::from(object) << bit;
        self.depth += 1;
        true
    }

    fn top(&self) -> Option<bool> {
        let last = self.depth.checked_sub(1)?;
        Some(self.bits[last / 64] >> (last % 64) & 1 == 1)
    }

    fn pop(&mut self) {
        self.depth -= 1;
    }
}
