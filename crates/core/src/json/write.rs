//! Writes JSON straight into bytes, member by member. Text is most of a translated body, and most of it needs no
//! escapes: it is looked through many bytes at a time and copied as it is. Numbers are `serde_json`'s.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::escapes::write_escaped;

/// What can be written as JSON.
pub(crate) trait Json {
    /// Appends it.
    fn write(&self, out: &mut Vec<u8>);
}

/// An object that is being written.
pub(crate) struct Object<'a> {
    out: &'a mut Vec<u8>,
}

/// Appends an object with the members that `fill` writes.
pub(crate) fn object(out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
    out.push(b'{');
    fill(&mut Object { out });
    out.push(b'}');
}

/// A list that is being written.
pub(crate) struct List<'a> {
    out: &'a mut Vec<u8>,
}

/// Appends a list with the items that `fill` writes.
pub(crate) fn list(out: &mut Vec<u8>, fill: impl FnOnce(&mut List<'_>)) {
    out.push(b'[');
    fill(&mut List { out });
    out.push(b']');
}

impl List<'_> {
    /// Whether it has no items so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.out.last() == Some(&b'[')
    }

    /// Leaves it to the caller to append the next item.
    pub(crate) fn item(&mut self) -> &mut Vec<u8> {
        comma(self.out, b'[');
        self.out
    }

    /// Appends an object.
    pub(crate) fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        object(self.item(), fill);
    }
}

/// Appends a comma, unless what is open has only just begun: nothing that is written ends in a bracket that opens.
#[inline]
fn comma(out: &mut Vec<u8>, open: u8) {
    if out.last() != Some(&open) {
        out.push(b',');
    }
}

impl Object<'_> {
    /// Appends a name and leaves it to the caller to append its value. A name of the program's own needs no escapes.
    pub(crate) fn name(&mut self, name: &'static str) -> &mut Vec<u8> {
        comma(self.out, b'{');
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// Appends a member.
    pub(crate) fn put(&mut self, name: &'static str, value: impl Json) {
        value.write(self.name(name));
    }

    /// Appends a member, where there is a value.
    pub(crate) fn some(&mut self, name: &'static str, value: Option<impl Json>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    /// Appends a member that is `null`.
    pub(crate) fn null(&mut self, name: &'static str) {
        self.put(name, None::<bool>);
    }

    /// Appends a member that is an object.
    pub(crate) fn object(&mut self, name: &'static str, fill: impl FnOnce(&mut Object<'_>)) {
        object(self.name(name), fill);
    }

    /// Appends a member that is a list.
    pub(crate) fn list(&mut self, name: &'static str, fill: impl FnOnce(&mut List<'_>)) {
        list(self.name(name), fill);
    }

    /// Appends a member that is a list of objects, one for each of `items`.
    pub(crate) fn objects<T>(
        &mut self,
        name: &'static str,
        items: impl IntoIterator<Item = T>,
        mut fill: impl FnMut(T, &mut Object<'_>),
    ) {
        self.list(name, |list| items.into_iter().for_each(|item| list.object(|out| fill(item, out))));
    }

    /// Appends a member whose name is not the program's own.
    pub(crate) fn other(&mut self, name: &str, value: impl Json) {
        comma(self.out, b'{');
        name.write(self.out);
        self.out.push(b':');
        value.write(self.out);
    }

    /// Appends the members of a map, but for those with a name among `but`, which are written already.
    pub(crate) fn others(&mut self, members: &Map<String, Value>, but: &[&str]) {
        for (name, value) in members.iter().filter(|(name, _)| !but.contains(&name.as_str())) {
            self.other(name, value);
        }
    }
}

impl Json for Value {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::String(text) => text.write(out),
            Self::Array(items) => items.write(out),
            Self::Object(members) => members.write(out),
            Self::Number(number) => number.write(out),
            Self::Bool(truth) => truth.write(out),
            Self::Null => out.extend_from_slice(b"null"),
        }
    }
}

impl Json for Map<String, Value> {
    fn write(&self, out: &mut Vec<u8>) {
        object(out, |out| out.others(self, &[]));
    }
}

impl<T: Json> Json for [T] {
    fn write(&self, out: &mut Vec<u8>) {
        list(out, |list| self.iter().for_each(|item| item.write(list.item())));
    }
}

impl<T: Json> Json for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.as_slice().write(out);
    }
}

impl<T: Json> Json for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Some(value) => value.write(out),
            None => out.extend_from_slice(b"null"),
        }
    }
}

impl<T: Json + ?Sized> Json for &T {
    fn write(&self, out: &mut Vec<u8>) {
        (**self).write(out);
    }
}

impl Json for String {
    fn write(&self, out: &mut Vec<u8>) {
        self.as_str().write(out);
    }
}

impl Json for Cow<'_, str> {
    fn write(&self, out: &mut Vec<u8>) {
        (**self).write(out);
    }
}

impl Json for bool {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

impl Json for str {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        if is_plain(self.as_bytes()) {
            out.extend_from_slice(self.as_bytes());
        } else {
            write_escaped(self, out);
        }
        out.push(b'"');
    }
}

/// Types that `serde_json` writes well enough.
macro_rules! by_serde {
    ($($number:ty),+) => {$(
        impl Json for $number {
            fn write(&self, out: &mut Vec<u8>) {
                plain(self, out);
            }
        }
    )+};
}
by_serde!(u32, u64, usize, i64, f64, Number);

/// Whether nothing has to be escaped (RFC 8259, 7), in a form the compiler turns into vector instructions.
fn is_plain(text: &[u8]) -> bool {
    let fold =
        |bytes: &[u8]| bytes.iter().fold(false, |odd, &byte| odd | (byte < 0x20) | (byte == b'"') | (byte == b'\\'));
    let (blocks, rest) = text.as_chunks::<64>();
    !blocks.iter().any(|block| fold(block)) && !fold(rest)
}

fn plain<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("a JSON tree can be written to memory");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tree_is_written_as_serde_json_writes_it() {
        let long = "as plain as it can be, and longer than one block of sixty-four bytes. ".repeat(3);
        let mut texts = vec![String::new(), "plain".to_owned(), "ümläut 🦀".to_owned(), long.clone()];
        for odd in ['"', '\\', '\n', '\u{0}', '\u{1f}', '\u{7f}', '\u{2028}'] {
            for at in [0, 1, 63, 64, 65, long.len() - 1] {
                let mut text = long.clone();
                text.insert(at, odd);
                texts.push(text);
            }
        }
        let tree = json!({
            "texts": texts, "a \"key\"": [], "b": {}, "n": [0, -1, 1.5, 1e300, u64::MAX, i64::MIN], "t": [true, false, null],
        });
        let mut written = Vec::new();
        tree.write(&mut written);
        assert_eq!(String::from_utf8(written).unwrap(), tree.to_string());
    }

    #[test]
    fn an_object_has_its_members_in_order() {
        let mut out = Vec::new();
        object(&mut out, |out| {
            out.put("z", "a \"text\"");
            out.object("none", |_| {});
            out.object("inner", |out| {
                out.put("b", 1_u32);
                out.null("a");
            });
            out.some("left out", None::<&str>);
            out.some("f", Some(0.1));
            out.list("one", |list| list.object(|out| out.put("a", true)));
            out.objects("list", [1_u64, 2], |number, out| out.put("n", number));
            out.objects("empty", Vec::<u64>::new(), |number, out| out.put("n", number));
            let others = json!({"z": 0, "\n": [[], "["], "last": "{"});
            out.others(others.as_object().expect("an object"), &["z"]);
        });
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"z":"a \"text\"","none":{},"inner":{"b":1,"a":null},"f":0.1,"one":[{"a":true}],"list":[{"n":1},{"n":2}],"empty":[],"\n":[[],"["],"last":"{"}"#
        );
    }
}
