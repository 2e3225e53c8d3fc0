//! Makes the request to one provider out of the client's: untouched but for the model name where it speaks the same
//! dialect, translated where not.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request};
use llm_router_core::{
    catalogue::Unsupported,
    json::{Peek, Pieces, with_model},
    operation::Operation,
    translate::{
        Answer, Context, Losses, Policy, ReplyTranslator, TranslateError, Translation, ask_usage, translate,
        translate_beside,
    },
};

use crate::{body::Body, headers, images::Pictures, operator::Wishes, target::Target};

/// Below this a changed body is joined: one small write costs less than three pieces.
const JOIN_BELOW: usize = 16 * 1024;

/// A client's request, read and looked at; every attempt is made from it.
pub(crate) struct Source<'a> {
    /// What is asked.
    pub operation: Operation,
    /// The model, as the client calls it.
    pub model: &'a str,
    /// The whole body.
    pub body: &'a Bytes,
    /// Its routing fields.
    pub peek: &'a Peek<'a>,
    /// The client's headers.
    pub headers: &'a HeaderMap,
    /// The name of the request.
    pub id: Option<&'a HeaderValue>,
    /// What to do about fields that a provider cannot carry.
    pub unsupported: Unsupported,
    /// Whether streams are counted that the client does not want counted.
    pub stream_usage: bool,
    /// The pictures it gives by URL.
    pub pictures: &'a Pictures<'a>,
    /// Seconds since 1970.
    pub now: u64,
}

/// What to do to get an answer from one provider.
#[expect(clippy::large_enum_variant, reason = "it lives for one match; a box would cost every request an allocation")]
pub(crate) enum Plan {
    /// Send this.
    Send(Prepared),
    /// Answer this without asking.
    Answer(Answer),
}

/// A request for a provider, and what its answer needs.
pub(crate) struct Prepared {
    pub request: Request<Body>,
    pub needs: Needs,
}

/// What an answer needs; one that is passed on as it comes needs nothing.
#[derive(Default)]
pub(crate) struct Needs {
    /// Turns the answer into the client's dialect, where the provider has another.
    pub translator: Option<Box<ReplyTranslator>>,
    /// What the provider's dialect cannot carry.
    pub losses: Losses,
    /// Whether the client is to get a stream, where the answer is translated.
    pub stream: bool,
    /// Whether the provider is asked for usage numbers that the client does not want.
    pub uncounted: bool,
    /// The client's operation, where the provider is asked by that very one.
    pub own: Option<Operation>,
}

impl Source<'_> {
    /// The request for a provider.
    pub(crate) fn plan(&self, target: &Target) -> Result<Plan, TranslateError> {
        if target.speaks(self.operation) {
            let counted = self.counted(target);
            let uncounted = counted.is_some();
            let body = counted.unwrap_or_else(|| self.body_for(target));
            let request = self.request(target, self.operation, body);
            let needs = Needs { uncounted, own: Some(self.operation), ..Needs::default() };
            return Ok(Plan::Send(Prepared { request, needs }));
        }
        let context = Context {
            public_model: self.model,
            upstream_model: target.upstream_model(),
            now: self.now,
            seed: self.id.and_then(|id| id.to_str().ok()).unwrap_or_default(),
            policy: match self.unsupported {
                Unsupported::Drop => Policy::Drop,
                Unsupported::Reject => Policy::Reject,
            },
            images: self.pictures.fetched(),
        };
        // One that its server lacks is translated like one that its type never has.
        let translate = if target.path(self.operation).is_some() { translate_beside } else { translate };
        Ok(match translate(self.operation, target.api_type(), self.body, &context)? {
            Translation::Answer(answer) => Plan::Answer(answer),
            Translation::Send(translated) => {
                let body = match Wishes::of(target, translated.operation) {
                    Some(wishes) => wishes.put(translated.body),
                    None => translated.body,
                };
                let request = self.request(target, translated.operation, body.into());
                let needs = Needs {
                    translator: Some(Box::new(translated.reply)),
                    losses: translated.losses,
                    stream: translated.stream,
                    ..Needs::default()
                };
                Plan::Send(Prepared { request, needs })
            }
        })
    }

    fn request(&self, target: &Target, operation: Operation, body: Body) -> Request<Body> {
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = target.path(operation).cloned().unwrap_or_default();
        *request.headers_mut() = headers::upstream(target, self.headers, self.id);
        request
    }

    /// The body with the wish for usage numbers put in; `None` where it needs none.
    fn counted(&self, target: &Target) -> Option<Body> {
        let knows = matches!(self.operation, Operation::ChatCompletions | Operation::Completions);
        if !self.stream_usage || !knows || !self.peek.stream().is_ok_and(|stream| stream == Some(true)) {
            return None;
        }
        let body = ask_usage(self.peek)?;
        let changed = with_model(&Peek::new(&body).ok()?, target.upstream_model()).map(|pieces| pieces.join(&body));
        Some(changed.unwrap_or(body).into())
    }

    fn body_for(&self, target: &Target) -> Body {
        let changed = with_model(self.peek, target.upstream_model());
        if let Some(wishes) = Wishes::of(target, self.operation) {
            let body = changed.map_or_else(|| self.body.to_vec(), |pieces| pieces.join(self.body));
            return wishes.put(body).into();
        }
        match changed {
            None => self.body.clone().into(),
            Some(pieces) if self.body.len() < JOIN_BELOW => pieces.join(self.body).into(),
            Some(pieces) => spliced(self.body, pieces),
        }
    }
}

/// The changed body as slices of the original around the new text; nothing large is copied.
fn spliced(body: &Bytes, pieces: Pieces) -> Body {
    if pieces.dropped.is_some() {
        return pieces.join(body).into();
    }
    let parts = [body.slice(pieces.before), pieces.instead.into(), body.slice(pieces.after)];
    Body::Pieces(parts.into_iter())
}
