//! The bodies of one request and its answer, where an operator asked for a share of them: bounded, without headers,
//! and with what looks like a secret taken out before anyone sees them.

use std::sync::Arc;

use llm_router_core::settings;

use crate::{joined::joined, redact::redact};

/// Behind a cut a part of a secret would not be known as one, so as much of a last token goes with it.
const LONGEST_TOKEN: usize = 512;

/// The bodies as they pass.
#[derive(Debug)]
pub(crate) struct Capture {
    settings: Arc<settings::Capture>,
    request: Piece,
    answer: Piece,
}

#[derive(Debug, Default)]
struct Piece {
    kept: Vec<u8>,
    size: u64,
}

/// The bodies of a request that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// What the client sent.
    pub request: CapturedBody,
    /// What the client got.
    pub answer: CapturedBody,
}

/// One body, or its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturedBody {
    /// Its text, redacted. Of a stream: a JSON object with the number of `events`, and their pieces `joined`.
    pub text: String,
    /// Its whole size, in bytes.
    pub size: u64,
    /// Whether the text is only its beginning.
    pub cut: bool,
}

impl Capture {
    /// Begins with a request's body, if it is one of those that are wanted.
    pub(crate) fn begin(settings: &Arc<settings::Capture>, request: &[u8]) -> Option<Box<Self>> {
        if fastrand::u8(..100) >= settings.share {
            return None;
        }
        let (settings, answer) = (Arc::clone(settings), Piece::default());
        let mut capture = Box::new(Self { settings, request: Piece::default(), answer });
        capture.request.add(request, capture.settings.size);
        Some(capture)
    }

    /// Adds to the answer.
    pub(crate) fn answer(&mut self, data: &[u8]) {
        self.answer.add(data, self.settings.size);
    }

    /// What there is to be seen; `None` where only other models are wanted.
    pub(crate) fn finish(self, model: Option<&str>) -> Option<Captured> {
        let models = &self.settings.models;
        let wanted = models.is_empty() || models.iter().any(|wanted| Some(&**wanted) == model);
        wanted.then(|| Captured { request: self.request.finish(), answer: self.answer.finish() })
    }
}

impl Piece {
    fn add(&mut self, data: &[u8], most: usize) {
        self.size += data.len() as u64;
        let room = most.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&data[..data.len().min(room)]);
    }

    fn finish(mut self) -> CapturedBody {
        let cut = self.size > self.kept.len() as u64;
        if cut {
            let token = self.kept.iter().rev().take_while(|byte| byte.is_ascii_graphic()).take(LONGEST_TOKEN).count();
            self.kept.truncate(self.kept.len() - token);
        }
        let text = String::from_utf8_lossy(&self.kept);
        let text = match joined(&text) {
            Some(joined) => redact(&joined.to_string()),
            None => redact(&text),
        };
        CapturedBody { text, size: self.size, cut }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(share: u8, models: &[&str], size: usize) -> Arc<settings::Capture> {
        let models = models.iter().map(|&name| name.to_owned()).collect();
        Arc::new(settings::Capture { share, models, size, file: "x".into(), file_size: 1 << 20 })
    }

    #[test]
    fn a_body_is_kept_up_to_its_bound_and_never_ends_inside_a_token() {
        let mut capture = Capture::begin(&settings(100, &[], 12), b"one two three four").expect("all are wanted");
        capture.answer(b"five ");
        capture.answer(b"six");
        let captured = capture.finish(None).expect("of all models");
        assert_eq!(captured.request, CapturedBody { text: "one two ".to_owned(), size: 18, cut: true });
        assert_eq!(captured.answer, CapturedBody { text: "five six".to_owned(), size: 8, cut: false });
    }

    #[test]
    fn only_the_wanted_are_kept() {
        assert!(Capture::begin(&settings(0, &[], 10), b"x").is_none());
        let of = |model: Option<&str>| Capture::begin(&settings(100, &["m"], 10), b"x")?.finish(model);
        assert!(of(Some("m")).is_some() && of(Some("n")).is_none() && of(None).is_none());
        let some = (0..4000).filter(|_| Capture::begin(&settings(25, &[], 1), b"").is_some()).count();
        assert!((700..1300).contains(&some), "{some}");
    }
}
