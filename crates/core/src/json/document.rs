//! JSON that is read where it stands: a text looked through once, of which nothing is made before it is asked for.

use std::{borrow::Cow, ops::Range};

use serde::{Deserialize, de::Error as _};
use serde_json::{Error, Number, Value};

use super::{
    escapes::unescaped,
    mend::read_value,
    scan::{Guide, Scanner},
};

/// A JSON text that was checked from end to end, and where each of its values stands.
#[derive(Debug)]
pub struct Document<'a> {
    text: &'a str,
    spots: Vec<Spot>,
}

/// Where a name or a value stands in the text, and which spot follows it and all that is inside it.
#[derive(Debug, Clone, Copy)]
struct Spot {
    start: u32,
    end: u32,
    next: u32,
    /// The first byte, which tells what it is.
    first: u8,
    /// Whether it is a string with escapes.
    escaped: bool,
}

/// A JSON value in a [`Document`].
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    document: &'a Document<'a>,
    spot: u32,
}

/// Why any part of a document can be read.
const CHECKED: &str = "the document was checked from end to end";

impl<'a> Document<'a> {
    /// Looks through a text. A half of a surrogate pair that stands alone becomes U+FFFD, as with
    /// [`read_value`](super::read_value), which takes and refuses the same texts.
    ///
    /// # Errors
    /// It is no JSON even so, or it has 4 GiB.
    pub fn new(body: &'a [u8]) -> Result<Self, Error> {
        if u32::try_from(body.len()).is_err() {
            return Err(Error::custom("the text is too long"));
        }
        let mut scan = Scanner::new(body);
        let mut map = Map { spots: Vec::with_capacity(24 + body.len() / 32), open: NONE };
        let whole = scan.tour(&mut map).and_then(|()| scan.end());
        let text = simdutf8::basic::from_utf8(body).map_err(|_| Error::custom("the text is not valid UTF-8"))?;
        if let Err(fault) = whole {
            // It has the words that everybody knows for what is wrong.
            return Err(read_value(body).err().unwrap_or_else(|| Error::custom(*fault)));
        }
        if scan.extreme {
            read_value(body)?;
        }
        Ok(Self { text, spots: map.spots })
    }

    /// The value that all of it is.
    #[must_use]
    pub fn root(&self) -> Node<'_> {
        Node { document: self, spot: 0 }
    }
}

/// Notes where everything stands.
struct Map {
    spots: Vec<Spot>,
    /// The innermost spot that is open. Its `next` is the one around it, until it is closed.
    open: u32,
}

/// No spot is open.
const NONE: u32 = u32::MAX;

#[expect(clippy::cast_possible_truncation, reason = "the text has less than 4 GiB, and a spot takes a byte of it")]
impl Guide for Map {
    fn open(&mut self, bracket: u8, at: usize) {
        let spot = Spot { start: at as u32, end: 0, next: self.open, first: bracket, escaped: false };
        self.open = self.spots.len() as u32;
        self.spots.push(spot);
    }

    fn close(&mut self, at: usize) {
        let next = self.spots.len() as u32;
        if let Some(spot) = self.spots.get_mut(self.open as usize) {
            spot.end = at as u32;
            self.open = std::mem::replace(&mut spot.next, next);
        }
    }

    fn leaf(&mut self, first: u8, range: Range<usize>, escaped: bool) {
        let next = self.spots.len() as u32 + 1;
        self.spots.push(Spot { start: range.start as u32, end: range.end as u32, next, first, escaped });
    }
}

impl<'a> Node<'a> {
    /// Its JSON, as it was written.
    #[must_use]
    #[inline]
    pub fn json(self) -> &'a str {
        let Spot { start, end, .. } = self.spot();
        &self.document.text[start as usize..end as usize]
    }

    /// Whether it is `null`.
    #[must_use]
    #[inline]
    pub fn is_null(self) -> bool {
        self.first() == b'n'
    }

    /// Whether it is an object.
    #[must_use]
    pub fn is_object(self) -> bool {
        self.first() == b'{'
    }

    /// Whether it is a text.
    #[must_use]
    pub fn is_text(self) -> bool {
        self.first() == b'"'
    }

    /// The text, if it is one; borrowed where it has no escapes.
    #[must_use]
    pub fn text(self) -> Option<Cow<'a, str>> {
        let Spot { start, end, first, escaped, .. } = self.spot();
        (first == b'"').then(|| {
            let raw = &self.document.text[start as usize + 1..end as usize - 1];
            if escaped { Cow::Owned(unescaped(raw)) } else { Cow::Borrowed(raw) }
        })
    }

    /// `true` or `false`, if it is one of them.
    #[must_use]
    pub fn boolean(self) -> Option<bool> {
        match self.first() {
            b't' => Some(true),
            b'f' => Some(false),
            _ => None,
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub fn number(self) -> Option<Number> {
        matches!(self.first(), b'-' | b'0'..=b'9').then(|| serde_json::from_str(self.json()).expect(CHECKED))
    }

    /// The items, if it is a list.
    #[must_use]
    pub fn items(self) -> Option<impl Iterator<Item = Self> + use<'a>> {
        (self.first() == b'[').then(|| self.inside())
    }

    /// Names and values, if it is an object. A name can come twice: the last counts.
    #[must_use]
    pub fn members(self) -> Option<impl Iterator<Item = (Cow<'a, str>, Self)> + use<'a>> {
        let mut inside = self.is_object().then(|| self.inside())?;
        Some(std::iter::from_fn(move || Some((inside.next()?.text()?, inside.next()?))))
    }

    /// The member of this name, if it is an object that has it.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Self> {
        self.members()?.filter(|(key, _)| key == name).last().map(|(_, value)| value)
    }

    /// The value as a tree.
    #[must_use]
    pub fn value(self) -> Value {
        Value::deserialize(self).expect(CHECKED)
    }

    #[inline]
    pub(super) fn first(self) -> u8 {
        self.spot().first
    }

    #[inline]
    fn spot(self) -> Spot {
        self.document.spots[self.spot as usize]
    }

    /// What stands in it, names and values alike.
    #[inline]
    pub(super) fn inside(self) -> Inside<'a> {
        let Self { document, spot } = self;
        Inside { document, at: spot + 1, end: self.spot().next }
    }
}

/// Goes through what stands in a list or an object.
pub(super) struct Inside<'a> {
    document: &'a Document<'a>,
    at: u32,
    end: u32,
}

impl<'a> Iterator for Inside<'a> {
    type Item = Node<'a>;

    #[inline]
    fn next(&mut self) -> Option<Node<'a>> {
        let node = Node { document: self.document, spot: self.at };
        (self.at < self.end).then(|| {
            self.at = self.document.spots[self.at as usize].next;
            node
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::read_value;

    /// The tree again, made of nodes alone.
    fn tree(node: Node<'_>) -> Value {
        if let Some(members) = node.members() {
            return members.map(|(name, value)| (name.into_owned(), tree(value))).collect();
        }
        if let Some(items) = node.items() {
            return items.map(tree).collect();
        }
        let text = node.text().map(|text| Value::from(text.into_owned()));
        text.or(node.boolean().map(Value::from)).or(node.number().map(Value::from)).unwrap_or_default()
    }

    #[test]
    fn nodes_say_what_a_tree_says() {
        let deep = format!("{}1{}", "[".repeat(120), "]".repeat(120));
        for text in [
            " {\"a\" : [ 1 , -2.5e3,true,\tfalse , null, \"\"] , \"b\":{}, \"c\" :[ ],\"\\u0061\":\"x\\ny\"}\n",
            r#"{"a":"\ud83d\ude00 \ud83d","\ude00":0,"a":{"a":[{"b":[[]]}]}}"#,
            "\"ü\u{1f980}\"",
            "1e300",
            "12345678901234567890123",
            &deep,
        ] {
            let checked = Document::new(text.as_bytes()).unwrap();
            let wanted = read_value(text.as_bytes()).unwrap();
            assert_eq!(tree(checked.root()).to_string(), wanted.to_string(), "{text}");
            assert_eq!(checked.root().value(), wanted);
        }
    }

    #[test]
    fn what_one_reader_refuses_the_other_refuses() {
        let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
        let nines = "9".repeat(400);
        for text in ["", "{", "[1,]", "1e999", "-1e999", &nines, &deep, "{\"a\":\"\\ud8\"}", "nul", "\"\n\"", "[] []"] {
            let wanted = read_value(text.as_bytes()).map_err(|error| error.to_string());
            assert_eq!(
                Document::new(text.as_bytes()).map(|_| Value::Null).map_err(|error| error.to_string()),
                wanted,
                "{text}"
            );
        }
        assert!(Document::new(b"\"\xff\"").is_err());
    }

    #[test]
    fn a_member_is_found_by_its_name_and_the_last_counts() {
        let document = Document::new(br#"{"a":1,"b":{"a":2},"\u0061":3}"#).unwrap();
        assert_eq!(document.root().get("a").map(Node::json), Some("3"));
        assert!(document.root().get("c").is_none());
        assert!(Document::new(b"[]").unwrap().root().get("a").is_none());
    }
}
