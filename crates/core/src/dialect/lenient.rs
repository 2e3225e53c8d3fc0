//! Reads fields that an answer can do without: an odd number among them is no reason to lose its words.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

/// A count. Some servers write it as `3.0`; what is no number at all is not there.
pub(crate) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let value = Option::<Value>::deserialize(deserializer)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float stays in range")]
    Ok(value.and_then(|value| value.as_u64().or_else(|| value.as_f64().map(|number| number as u64))))
}

/// A value of any type; one of another type is not there.
pub(crate) fn any<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let value = Option::<Value>::deserialize(deserializer)?;
    Ok(value.and_then(|value| serde_json::from_value(value).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize, Debug, PartialEq)]
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
            ("{}", None, None),
        ] {
            let wire: Wire = serde_json::from_str(text).unwrap();
            assert_eq!(wire, Wire { count, word: word.map(str::to_owned) }, "{text}");
        }
    }
}
