//! `create_full_article_from_texts`: one article out of several texts, on a reader's request.

use serde_json::json;

use super::{Arguments, Message, Plan, Prompted, Text};
use crate::endpoint::Registration;

struct FullArticle;

inventory::submit! { Registration(&Text(FullArticle)) }

impl Prompted for FullArticle {
    fn path(&self) -> &'static str {
        "/create_full_article_from_texts"
    }

    fn plan(&self, arguments: &mut Arguments) -> Plan {
        let query = arguments.text("user_query");
        let texts = arguments.texts("texts");
        let kind = arguments.optional_text("article_type");
        let texts: Vec<&str> = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).collect();
        Plan::one(vec![Message::user(texts.join("\n\n"))])
            .prompt("builtin", "full-article")
            .fill("USER_Q_STR", query)
            .postfix(kind)
            .shaped(|article| json!({"article_text": article}))
    }
}
