//! `simplify_text`: each text in plain words.

use serde_json::json;

use super::{Arguments, Plan, Prompted, Text};
use crate::endpoint::Registration;

struct Simplify;

inventory::submit! { Registration(&Text(Simplify)) }

impl Prompted for Simplify {
    fn path(&self) -> &'static str {
        "/simplify_text"
    }

    fn plan(&self, arguments: &mut Arguments) -> Plan {
        let texts = arguments.texts("texts");
        Plan::each(texts, |_, simple| json!(simple)).prompt("builtin", "simplify-text")
    }
}
