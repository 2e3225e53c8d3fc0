//! Asks a model for one text: the way upstream, the reading of the answer, and one more try where that helps.

use std::{future::poll_fn, pin::Pin, time::Instant};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body::Body as _;
use llm_router_balancer::Failure;
use llm_router_core::{
    dialect::ErrorInfo,
    operation::Operation,
    translate::{TranslateError, words},
};
use tokio::time::timeout;

use super::{
    outcome::Lost,
    request::{self, Question},
};
use crate::{
    attempts::{Attempts, Note, Outcome},
    body::Body,
    error::Error,
    headers, judge,
    judge::Answer,
    operator::Wishes,
    prepare::{Needs, Plan, Prepared},
    state::Pool,
    target::Target,
    upstream::Upstream,
    wish::Wish,
};

/// Is told of every attempt.
pub(super) type Noting<'a> = &'a mut (dyn FnMut(Note<'_>) + Send);

/// Everything that asking needs, the same for all texts of a batch.
pub(super) struct Asker<'a> {
    pub(super) upstream: &'a dyn Upstream,
    pub(super) pool: &'a Pool,
    /// What is asked of the balancer.
    pub(super) wish: &'a Wish,
    /// The client's headers.
    pub(super) headers: &'a HeaderMap,
    /// The name of the request.
    pub(super) id: &'a str,
    /// Whether many texts are asked for.
    pub(super) in_batch: bool,
}

impl Asker<'_> {
    /// The model's text.
    pub(super) async fn text(&self, question: &Question, note: Noting<'_>) -> Result<String, Lost> {
        match self.text_once(question, note).await {
            Ok(text) => Ok(text),
            Err(lost) => match lost.again(self.in_batch) {
                None => Err(lost),
                Some(wait) => {
                    tokio::time::sleep(wait).await;
                    self.text_once(question, note).await
                }
            },
        }
    }

    /// The beginning of an answer from whichever provider gives one, in that provider's own API.
    pub(super) async fn answer(&self, question: &Question, note: Noting<'_>) -> Result<Box<Answer>, Lost> {
        let plan = |target: &Target| self.plan(target, question);
        let started = Instant::now();
        let Self { upstream, pool, wish, .. } = *self;
        match (Attempts { upstream, pool, plan: &plan, wish, pictures: None, started, note }).run().await? {
            Outcome::Answer(answer) => Ok(answer),
            Outcome::Unasked(_) => Err(Lost::Error(Error::Internal)),
        }
    }

    async fn text_once(&self, question: &Question, note: Noting<'_>) -> Result<String, Lost> {
        let mut answer = self.answer(question, note).await?;
        let operation = self.operation(&answer)?;
        whole(&mut answer, operation, self.pool.memory.largest_answer()).await
    }

    /// How to read an answer: by what its provider speaks.
    pub(super) fn operation(&self, answer: &Answer) -> Result<Operation, Lost> {
        request::chat(answer.provider.api_type).ok_or(Lost::Error(Error::Internal))
    }

    fn plan(&self, target: &Target, question: &Question) -> Result<Plan, TranslateError> {
        let none = TranslateError::NoSuchOperation { wanted: "chat", target: target.api_type().name() };
        let request = self.request(target, question).ok_or(none)?;
        Ok(Plan::Send(Prepared { request, needs: Needs::default() }))
    }

    fn request(&self, target: &Target, question: &Question) -> Option<Request<Body>> {
        let operation = request::chat(target.api_type())?;
        let mut body = question.body(target.api_type(), operation, target.upstream_model());
        if let Some(wishes) = Wishes::of(target, operation) {
            body = wishes.put(body);
        }
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = target.path(operation)?.clone();
        *request.headers_mut() = headers::upstream(target, self.headers, HeaderValue::from_str(self.id).ok().as_ref());
        // The client's own `accept` is about this route's answer, not about the provider's.
        request.headers_mut().remove(http::header::ACCEPT);
        Some(request)
    }
}

/// Reads an answer to its end and settles its lease: the words of it. A refusal becomes an error.
pub(super) async fn whole(answer: &mut Answer, operation: Operation, most: usize) -> Result<String, Lost> {
    let read = collect(answer, most).await;
    let lease = answer.lease.take();
    let (told, blame) = match read {
        // No fault of the provider: the lease is given up.
        Err(lost @ Lost::Error(Error::MemoryFull(_))) => return Err(lost),
        Err(lost) => (Err(lost), Some(Failure::Truncated)),
        Ok(body) if answer.head.status.is_success() => match words(operation, &body) {
            Ok(text) => (Ok(text), None),
            Err(fault) => (Err(fault.into()), Some(Failure::Server)),
        },
        Ok(body) => {
            let mut info = ErrorInfo::read(answer.head.status.as_u16(), &body);
            info.retry_after = judge::retry_after(&answer.head.headers);
            (Err(Lost::Refused(info)), None)
        }
    };
    if let Some(lease) = lease {
        match blame {
            None => lease.succeed(),
            Some(failure) => lease.fail(failure),
        }
    }
    told
}

async fn collect(answer: &mut Answer, most: usize) -> Result<Bytes, Lost> {
    let mut joined = BytesMut::new();
    let mut data = std::mem::take(&mut answer.first);
    loop {
        if joined.len() + data.len() > most {
            return Err(Lost::broken(format!("the provider's answer is longer than {most} bytes")));
        }
        answer.held.grow(data.len()).map_err(|full| Lost::Error(full.into()))?;
        joined.extend_from_slice(&data);
        let body = &mut answer.rest;
        let frame = timeout(answer.idle, poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx))).await;
        let frame = frame.map_err(|_| Lost::broken(format!("the provider was silent for {:?}", answer.idle)))?;
        data = match frame {
            None => return Ok(joined.freeze()),
            Some(Err(_)) => return Err(Lost::broken("the provider's answer broke off")),
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
    }
}
