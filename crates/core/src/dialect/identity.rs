//! What an answer is called: ids, model and time, the same in every piece of it.

/// The names an answer goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The model, as the client asked for it.
    pub model: String,
    /// What makes the answer's ids its own: ASCII letters and digits.
    pub seed: String,
    /// When it was asked for, in seconds since 1970.
    pub created: u64,
}

impl Identity {
    /// The answer's id.
    #[must_use]
    pub fn id(&self, prefix: &str) -> String {
        [prefix, &self.seed].concat()
    }

    /// The id of a tool call that the provider gave none.
    #[must_use]
    pub fn call_id(&self, prefix: &str, choice: u32, call: usize) -> String {
        match choice {
            0 => format!("{prefix}{}{call:02}", self.seed),
            choice => format!("{prefix}{}{choice:02}{call:02}", self.seed),
        }
    }

    /// The time as Ollama writes it (RFC 3339, UTC).
    #[must_use]
    pub fn created_at(&self) -> String {
        let seconds = i64::try_from(self.created).unwrap_or_default();
        jiff::Timestamp::from_second(seconds).unwrap_or_default().to_string()
    }
}
