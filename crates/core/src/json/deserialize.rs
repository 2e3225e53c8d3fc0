//! Reads types that describe themselves to serde from the nodes of a document: of what such a type leaves out,
//! nothing is looked at, and texts are borrowed where they have no escapes.

use std::borrow::Cow;

use serde::{
    Deserializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor},
    forward_to_deserialize_any,
};
use serde_json::Error;

use super::document::{Inside, Node};

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.first() {
            b'{' => visitor.visit_map(Walk { inside: self.inside() }),
            b'[' => visitor.visit_seq(Walk { inside: self.inside() }),
            b'"' => match self.text().unwrap_or_default() {
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            },
            b't' | b'f' => visitor.visit_bool(self.first() == b't'),
            b'n' => visitor.visit_unit(),
            _ => match self.json().parse() {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => self.number().unwrap_or_else(|| 0.into()).deserialize_any(visitor),
            },
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier
    }
}

/// Goes through a list or an object.
struct Walk<'de> {
    inside: Inside<'de>,
}

impl<'de> SeqAccess<'de> for Walk<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.inside.next().map(|node| seed.deserialize(node)).transpose()
    }
}

impl<'de> MapAccess<'de> for Walk<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.inside.next().map(|name| seed.deserialize(name)).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let value = self.inside.next().ok_or_else(|| serde::de::Error::custom("a name without a value"))?;
        seed.deserialize(value)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::Value;

    use crate::json::Document;

    #[test]
    fn a_type_is_read_as_serde_json_reads_it() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Wire<'a> {
            #[serde(borrow)]
            plain: &'a str,
            escaped: String,
            #[serde(default)]
            absent: Option<u32>,
            null: Option<Vec<bool>>,
            numbers: (u8, i64, f64, f64, f64, f64),
            pairs: Vec<[Option<char>; 2]>,
            #[serde(flatten)]
            rest: serde_json::Map<String, Value>,
        }
        let text = r#"{"plain":"ü","escaped":"a\n\ud83e\udd80","null":null,
            "numbers":[1,-2,3,0.1,-1e-9,12345678901234567890123],
            "pairs":[["a",null],["\"","b"]],"more":{"a":[{},[],true,"\u00e9",-0,1.50]},"m\u006fre":null}"#;
        let document = Document::new(text.as_bytes()).unwrap();
        let read = Wire::deserialize(document.root()).unwrap();
        assert_eq!(read, serde_json::from_str(text).unwrap());
        assert_eq!(Value::deserialize(document.root()).unwrap(), serde_json::from_str::<Value>(text).unwrap());
        for odd in [r#"{"plain":1}"#, r#"{"escaped":""}"#, "[]", "null", r#"{"plain":"a","plain":"b"}"#] {
            let document = Document::new(odd.as_bytes()).unwrap();
            let error = Wire::deserialize(document.root()).unwrap_err().to_string();
            let wanted = serde_json::from_str::<Wire<'_>>(odd).unwrap_err().to_string();
            assert!(wanted.starts_with(&error), "{error}: {wanted}");
        }
    }
}
