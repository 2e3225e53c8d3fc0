//! Writes JSON trees. Text is most of a translated body, and most of it needs no escapes: it is looked through many bytes
//! at a time and copied as it is. Everything else is `serde_json`'s.

use serde_json::Value;

/// Appends a tree as JSON.
pub(crate) fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write(item, out);
            }
            out.push(b']');
        }
        Value::Object(members) => {
            out.push(b'{');
            for (at, (key, member)) in members.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_text(key, out);
                out.push(b':');
                write(member, out);
            }
            out.push(b'}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => plain(value, out),
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    if is_plain(text.as_bytes()) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        plain(text, out);
    }
}

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

/// An object of these members, in this order. Unlike `json!`, it takes what it is given and copies nothing.
macro_rules! object {
    ($($key:literal: $value:expr),+ $(,)?) => {{
        let mut members = serde_json::Map::new();
        $(members.insert($key.to_owned(), serde_json::Value::from($value));)+
        serde_json::Value::Object(members)
    }};
}
pub(crate) use object;

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
        write(&tree, &mut written);
        assert_eq!(String::from_utf8(written).unwrap(), tree.to_string());
    }

    #[test]
    fn an_object_has_its_members_in_order() {
        let inner = object! {"b": 1_u32, "a": None::<String>};
        let made = object! {"z": "text", "inner": inner, "list": vec![json!(1)]};
        assert_eq!(made.to_string(), r#"{"z":"text","inner":{"b":1,"a":null},"list":[1]}"#);
    }
}
