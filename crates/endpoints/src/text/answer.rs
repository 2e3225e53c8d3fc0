//! `generative_answer`: the answer to a question from given texts.

use super::{Arguments, Message, Plan, Prompted, Text};
use crate::endpoint::Registration;

struct Answer;

inventory::submit! { Registration(&Text(Answer)) }

impl Prompted for Answer {
    fn path(&self) -> &'static str {
        "/generative_answer"
    }

    fn plan(&self, arguments: &mut Arguments) -> Plan {
        let question = arguments.text("question_str");
        let documents = arguments.documents("texts");
        let with_names = arguments.boolean("doc_name_in_answer", false);
        let own = arguments.optional_text("system_prompt");
        let postfix = arguments.optional_text("question_prompt");
        Plan::one(vec![Message::user(documents.joined(with_names))])
            .prompt("builtin", "answer-from-context-simple")
            .system(own)
            .fill("QUESTION_STR", question)
            .postfix(postfix)
    }
}
