//! OpenAI's API, and any server that offers the same.

use super::{ApiType, Registration, openai_path};
use crate::operation::Operation;

struct OpenAi;

inventory::submit! { Registration(&OpenAi) }

impl ApiType for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn path(&self, operation: Operation) -> Option<&'static str> {
        openai_path(operation)
    }
}
