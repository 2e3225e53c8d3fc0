//! Captured bodies on their way to a file: one JSON object a line.

use std::sync::{Mutex, PoisonError};

use llm_router_core::settings::Settings;
use llm_router_endpoints::{Captured, CapturedBody, Facts};
use serde_json::{Value, json};

use crate::{
    log::{Log, Writer},
    stamp,
};

/// The file, once one is wanted.
#[derive(Default)]
pub(crate) struct Bodies(Mutex<Option<(Log, Writer)>>);

impl Bodies {
    /// Opens the file when the settings want one; opens it anew when it has been moved away.
    pub(crate) fn follow(&self, settings: &Settings) {
        let Some(capture) = &settings.capture else { return };
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let file = capture.file.display();
        match &*open {
            Some((log, _)) => log.reopen(),
            None => match Log::bounded(capture.file.clone(), capture.file_size) {
                Ok(new) => *open = Some(new),
                Err(error) => tracing::error!(%error, %file, "no bodies are written down (setting capture_file)"),
            },
        }
        tracing::warn!(share = capture.share, %file, "bodies of requests are written down (setting capture_share)");
    }

    /// Writes the bodies of a request.
    pub(crate) fn write(&self, facts: &Facts, captured: &Captured) {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((log, _)) = &*open else { return };
        let line = json!({
            "timestamp": stamp::rfc3339(facts.at),
            "id": facts.id,
            "key": facts.key.map(|key| key.to_string()),
            "route": facts.route,
            "model": facts.model,
            "provider": facts.provider,
            "status": facts.status,
            "outcome": facts.outcome.name(),
            "request": body(&captured.request),
            "answer": body(&captured.answer),
        });
        log.line(|out| out.extend_from_slice(format!("{line}\n").as_bytes()));
    }
}

/// One body, in the file and on the operators' pages.
pub(crate) fn body(body: &CapturedBody) -> Value {
    json!({"bytes": body.size, "cut": body.cut, "text": body.text})
}
