//! `conversation_with_model`: the answer to a statement, with what was said before.

use super::{Arguments, Message, Plan, Prompted, Text};
use crate::endpoint::Registration;

struct Conversation;

inventory::submit! { Registration(&Text(Conversation)) }

impl Prompted for Conversation {
    fn path(&self) -> &'static str {
        "/conversation_with_model"
    }

    fn plan(&self, arguments: &mut Arguments) -> Plan {
        arguments.model();
        let statement = arguments.text("user_last_statement");
        let mut messages = arguments.history("historical_messages");
        messages.push(Message::user(statement));
        Plan::one(messages).prompt("builtin", "chat-conversation-simple")
    }
}
