//! `extended_conversation_with_model`: a conversation under the client's own system prompt.

use super::{Arguments, Message, Plan, Prompted, Text};
use crate::endpoint::Registration;

struct ExtendedConversation;

inventory::submit! { Registration(&Text(ExtendedConversation)) }

impl Prompted for ExtendedConversation {
    fn path(&self) -> &'static str {
        "/extended_conversation_with_model"
    }

    fn plan(&self, arguments: &mut Arguments) -> Plan {
        arguments.model();
        let statement = arguments.text("user_last_statement");
        let system = arguments.text("system_prompt");
        let mut messages = arguments.history("historical_messages");
        messages.push(Message::user(statement));
        Plan::one(messages).system(Some(system))
    }
}
