//! Messages of a conversation.

use serde::Serialize;
use serde_json::Value;

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The operator.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: String,
}

impl Message {
    /// A message of the person.
    #[must_use]
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: Role::User, content: content.into() }
    }

    /// The messages of a history; `None` when an item is no object of strings.
    ///
    /// An item with `role` and `content` is that message. Any other gives a user message for `user`,
    /// then an assistant message for `assistant`; its other keys mean nothing.
    pub(super) fn history(items: &[Value]) -> Option<Vec<Self>> {
        let mut messages = Vec::new();
        for item in items {
            let item = item.as_object()?;
            if !item.values().all(Value::is_string) {
                return None;
            }
            let text = |key: &str| item.get(key).and_then(Value::as_str);
            if let (Some(role), Some(content)) = (text("role").and_then(Role::named), text("content")) {
                messages.push(Self { role, content: content.to_owned() });
                continue;
            }
            for (key, role) in [("user", Role::User), ("assistant", Role::Assistant)] {
                messages.extend(text(key).map(|content| Self { role, content: content.to_owned() }));
            }
        }
        Some(messages)
    }
}

impl Role {
    fn named(word: &str) -> Option<Self> {
        match word {
            "system" => Some(Self::System),
            "user" => Some(Self::User),
            "assistant" => Some(Self::Assistant),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_history_item_gives_the_users_words_before_the_assistants() {
        let items = [
            json!({"assistant": "b", "user": "a", "mood": "good"}),
            json!({"user": "c"}),
            json!({"role": "assistant", "content": "d"}),
            json!({}),
        ];
        let said: Vec<(Role, String)> =
            Message::history(&items).unwrap().into_iter().map(|m| (m.role, m.content)).collect();
        let words = |role, text: &str| (role, text.to_owned());
        assert_eq!(
            said,
            [words(Role::User, "a"), words(Role::Assistant, "b"), words(Role::User, "c"), words(Role::Assistant, "d")]
        );
    }

    #[test]
    fn an_item_that_is_no_object_of_strings_is_refused() {
        assert_eq!(Message::history(&[json!({"user": 1})]), None);
        assert_eq!(Message::history(&[json!("x")]), None);
    }
}
