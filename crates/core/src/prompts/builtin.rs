//! The prompts of the built-in text endpoints, in every language they come in.

use super::Embedded;

macro_rules! embed {
    ($($id:literal in $($language:literal),+;)+) => {
        $($(inventory::submit! {
            Embedded {
                key: concat!("builtin/system/", $language, "/", $id),
                text: include_str!(concat!("../../../../resources/prompts/builtin/system/", $language, "/", $id, ".prompt")),
            }
        })+)+
    };
}

embed! {
    "answer-from-context-simple" in "en", "pl";
    "chat-conversation-simple" in "en", "pl";
    "full-article" in "en", "pl";
    "generate-questions" in "en", "pl";
    "news-on-sm" in "en", "pl";
    "simplify-text" in "en", "pl";
    "translate-to-pl" in "en", "pl";
}
