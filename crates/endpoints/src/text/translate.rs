//! `translate`: each text in Polish.

use serde_json::json;

use super::{Arguments, Plan, Prompted, Text};
use crate::endpoint::Registration;

struct Translate;

inventory::submit! { Registration(&Text(Translate)) }

impl Prompted for Translate {
    fn path(&self) -> &'static str {
        "/translate"
    }

    fn plan(&self, arguments: &mut Arguments) -> Plan {
        let texts = arguments.texts("texts");
        let shape = |original, translated| json!({"original": original, "translated": translated});
        Plan::each(texts, shape).prompt("builtin", "translate-to-pl")
    }
}
