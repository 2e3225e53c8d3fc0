//! Reads fields that an answer can do without: an odd number among them is no reason to lose its words.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserializer,
    de::{
        DeserializeOwned, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};
use serde_json::Number;

/// A count. Some servers write it as `3.0`; what is no number at all is not there.
pub(crate) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let number = any::<_, Number>(deserializer)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float stays in range")]
    Ok(number.and_then(|number| number.as_u64().or_else(|| number.as_f64().map(|number| number as u64))))
}

/// A value of any type; one of another type is not there.
pub(crate) fn any<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(Any(PhantomData))
}

/// Reads a `T` out of whatever comes.
struct Any<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for Any<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Option<T>, E> {
        read(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Option<T>, E> {
        read(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Option<T>, E> {
        read(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Option<T>, E> {
        read(value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Option<T>, E> {
        read(value)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
        Ok(T::deserialize(MapAccessDeserializer::new(map)).ok())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Option<T>, A::Error> {
        Ok(T::deserialize(SeqAccessDeserializer::new(list)).ok())
    }
}

fn read<'de, T: DeserializeOwned, E: Error>(value: impl IntoDeserializer<'de, E>) -> Result<Option<T>, E> {
    Ok(T::deserialize(value.into_deserializer()).ok())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize as _;

    use super::*;
    use crate::json::Document;

    #[derive(serde::Deserialize, Debug, PartialEq)]
    struct Wire {
        #[serde(default, deserialize_with = "count")]
        count: Option<u64>,
        #[serde(default, deserialize_with = "any")]
        word: Option<String>,
    }

    #[test]
    fn odd_values_are_as_good_as_absent() {
        for (text, count, word) in [
            (r#"{"count":3,"word":"a"}"#, Some(3), Some("a")),
            (r#"{"count":3.0,"word":null}"#, Some(3), None),
            (r#"{"count":-1,"word":7}"#, Some(0), None),
            (r#"{"count":"3"}"#, None, None),
            (r#"{"count":null,"word":{}}"#, None, None),
            (r#"{"count":[3],"word":[["a"]]}"#, None, None),
            (r#"{"count":{"a":1},"word":true}"#, None, None),
            ("{}", None, None),
        ] {
            let document = Document::new(text.as_bytes()).unwrap();
            let wire = Wire::deserialize(document.root()).unwrap();
            assert_eq!(wire, Wire { count, word: word.map(str::to_owned) }, "{text}");
        }
    }
}
