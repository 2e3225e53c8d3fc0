//! `generate_article_from_text`: a short article for social media.

use serde_json::json;

use super::{Arguments, Message, Plan, Prompted, Text};
use crate::endpoint::Registration;

struct Article;

inventory::submit! { Registration(&Text(Article)) }

impl Prompted for Article {
    fn path(&self) -> &'static str {
        "/generate_article_from_text"
    }

    fn plan(&self, arguments: &mut Arguments) -> Plan {
        let text = arguments.text("text");
        Plan::one(vec![Message::user(text)])
            .prompt("builtin", "news-on-sm")
            .shaped(|article| json!({"article_text": article}))
    }
}
