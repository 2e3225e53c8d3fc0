//! Asks the providers of a model, one after another, while nothing has reached the client.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::{Response, StatusCode};
use llm_router_balancer::{AcquireError, PickError, Tried};
use llm_router_core::{
    operation::Operation,
    translate::{self, TranslateError},
};

use crate::{
    body::Body,
    detour,
    error::Error,
    images::Pictures,
    judge::{Answer, Attempt, Opened, judge, open},
    memory::Memory,
    moment,
    phases::Trouble,
    prepare::{Plan, Prepared},
    state::{Lease, Pool},
    target::Target,
    upstream::{Connected, Upstream, UpstreamError},
    wish::Wish,
};

/// When to come back, if nobody knows better.
const COME_BACK: Duration = Duration::from_secs(1);

/// The most providers one request is tried on.
const MOST_ATTEMPTS: u32 = Tried::CAPACITY as u32;

/// Makes the request for a provider, or says why it cannot be asked.
pub(crate) type Planner<'a> = &'a (dyn Fn(&Target) -> Result<Plan, TranslateError> + Send + Sync);

/// One request to be made of a model.
pub(crate) struct Attempts<'a> {
    /// The way to providers.
    pub(crate) upstream: &'a dyn Upstream,
    /// The model and its balancer.
    pub(crate) pool: &'a Pool,
    /// Makes the request for a provider.
    pub(crate) plan: Planner<'a>,
    /// What is asked of the balancer.
    pub(crate) wish: &'a Wish,
    /// The pictures that the request may give by URL.
    pub(crate) pictures: Option<&'a Pictures<'a>>,
    /// When the client's request arrived.
    pub(crate) started: Instant,
    /// Is told of every attempt.
    pub(crate) note: &'a mut (dyn FnMut(Note<'_>) + Send),
}

/// What happens while providers are asked.
pub(crate) enum Note<'a> {
    /// A provider was chosen, after this time in line.
    Chosen(&'a Lease, Duration),
    /// Pictures that the client gave by URL were fetched, or could not be, and it took this long.
    Fetched(Duration),
    /// A provider is about to be asked.
    Asking(&'a Target),
    /// The head of its answer came.
    Head(Heard),
    /// It refused with this status; another one may not.
    Refused(StatusCode),
    /// It gave no answer.
    Failed(&'a UpstreamError),
    /// The budget allows no further attempt.
    OverBudget,
    /// The first provider is slow, and a second one is about to be asked as well.
    Hedging(&'a Lease),
    /// The second one failed; the first goes on.
    HedgeFailed(Trouble),
    /// The second one takes the place of the first, which had failed or is given up.
    HedgeWon {
        /// Whether it had failed.
        first_failed: bool,
    },
}

/// The head of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    /// How long connecting took, where that was needed.
    pub(crate) connected: Option<Connected>,
    /// When it came.
    pub(crate) at: Instant,
}

/// What asking came to.
pub(crate) enum Outcome {
    /// A provider's answer, or its refusal that no other improved on.
    Answer(Box<Answer>),
    /// An answer that needed no provider.
    Unasked(translate::Answer),
}

/// What went wrong so far.
#[derive(Default)]
struct Troubles {
    refusal: Option<Box<Answer>>,
    failure: Option<UpstreamError>,
    /// Boxed, as it is rare.
    untranslatable: Option<Box<Error>>,
    none: Option<AcquireError>,
}

impl Troubles {
    /// Whether a provider found the request at fault, which another one would too.
    fn are_the_clients(&self) -> bool {
        self.failure.as_ref().is_some_and(UpstreamError::is_the_clients)
    }
}

impl Attempts<'_> {
    /// Asks until one answers: each provider once, and not beyond the budget for what is sent again.
    ///
    /// # Errors
    /// Whatever kept every provider from answering.
    pub(crate) async fn run(mut self) -> Result<Outcome, Error> {
        let mut tried = Tried::default();
        let mut asked = 0;
        let mut failed = false;
        let mut troubles = Troubles::default();
        while asked < MOST_ATTEMPTS && !troubles.are_the_clients() {
            if std::mem::take(&mut failed) && !self.pool.may_retry(tried) {
                (self.note)(Note::OverBudget);
                break;
            }
            let began = moment::now();
            let lease = match self.pool.acquire(&self.wish.demand(self.pool, tried)).await {
                Ok(lease) => lease,
                Err(error) => {
                    troubles.none = Some(error);
                    break;
                }
            };
            (self.note)(Note::Chosen(&lease, moment::now() - began));
            let prepared = match (self.plan)(lease.target()) {
                Ok(Plan::Send(prepared)) => prepared,
                Ok(Plan::Answer(answer)) => return Ok(Outcome::Unasked(answer)),
                Err(error) => {
                    // Its place is free for others while pictures are fetched.
                    let key = lease.key();
                    drop(lease);
                    // Boxed, since it is rare.
                    if Box::pin(self.completed(error, &mut troubles)).await {
                        continue;
                    }
                    tried.insert(key);
                    continue;
                }
            };
            tried.insert(lease.key());
            asked += 1;
            (self.note)(Note::Asking(lease.target()));
            troubles.refusal = None;
            let slow = if asked == 1 && self.pool.hedges() { self.slow_after(&lease) } else { None };
            let attempt = match slow {
                // Boxed: it would make every request's future twice as large.
                Some(after) => Box::pin(self.race(lease, prepared, after, &mut tried, &mut asked)).await,
                None => {
                    let (note, memory) = (&mut self.note, &self.pool.memory);
                    let heard = |heard| note(Note::Head(heard));
                    let asked = ask(self.upstream, self.plan, memory, lease.target(), prepared, heard).await;
                    judge(asked, lease, self.started, memory.largest_answer()).await
                }
            };
            self.note_failure(&attempt);
            failed = true;
            match attempt {
                Attempt::Answer(answer) => return Ok(Outcome::Answer(answer)),
                Attempt::Refusal(answer) => troubles.refusal = Some(answer),
                Attempt::NoRoom(full) => return Err(full.into()),
                Attempt::Failed(error) => troubles.failure = Some(error),
            }
        }
        match troubles.refusal.take() {
            Some(answer) => Ok(Outcome::Answer(answer)),
            None => Err(exhausted(self.pool, asked, troubles)),
        }
    }

    /// Gets what a translation lacked, pictures by URL: now the same provider can be asked. Else keeps why it cannot.
    async fn completed(&mut self, error: TranslateError, troubles: &mut Troubles) -> bool {
        let pictures = self.pictures.filter(|pictures| pictures.may_fetch());
        let (TranslateError::Images { urls, .. }, Some(pictures)) = (&error, pictures) else {
            troubles.untranslatable.get_or_insert_with(|| Box::new(error.into()));
            return false;
        };
        let began = Instant::now();
        let fetched = pictures.fetch(self.upstream, &self.pool.memory, urls).await;
        (self.note)(Note::Fetched(began.elapsed()));
        if let Err(error) = fetched {
            troubles.untranslatable = Some(Box::new(error));
            return false;
        }
        true
    }

    /// Tells of an attempt that failed; nothing of one that did not.
    pub(crate) fn note_failure(&mut self, attempt: &Attempt) {
        match attempt {
            Attempt::Answer(_) | Attempt::NoRoom(_) => {}
            Attempt::Refusal(answer) => (self.note)(Note::Refused(answer.head.status)),
            Attempt::Failed(error) => (self.note)(Note::Failed(error)),
        }
    }
}

/// Asks one provider and judges what comes.
pub(crate) async fn exchange(
    upstream: &dyn Upstream,
    plan: Planner<'_>,
    (started, memory): (Instant, &Memory),
    lease: Lease,
    prepared: Prepared,
    heard: impl FnOnce(Heard) + Send,
) -> Attempt {
    let asked = ask(upstream, plan, memory, lease.target(), prepared, heard).await;
    judge(asked, lease, started, memory.largest_answer()).await
}

/// Asks one provider and waits for the head of its answer.
fn ask<'a>(
    upstream: &'a dyn Upstream,
    plan: Planner<'a>,
    memory: &'a Memory,
    target: &'a Target,
    prepared: Prepared,
    heard: impl FnOnce(Heard) + Send + 'a,
) -> impl Future<Output = Opened> + Send + 'a {
    let Prepared { request, needs } = prepared;
    // Outside of what waits, which need not hold the request.
    let sending = upstream.send(target, request);
    async move {
        let response = match sending.await {
            // A pooled connection turned out to be closed: not a byte of an answer had come. Boxed, since it is rare.
            Err(UpstreamError::Stale(cause)) => {
                Box::pin(send_again(upstream, plan, target, (needs.own, cause))).await?
            }
            sent => sent?,
        };
        heard(Heard { connected: response.extensions().get().copied(), at: moment::now().into_std() });
        let Some(own) = needs.own.filter(|own| detour::may_help(&response, *own, target)) else {
            return open(response, target, needs, memory);
        };
        // Boxed, since it is rare.
        let (response, needs) = Box::pin(detour::around(response, (own, needs), upstream, plan, target)).await?;
        open(response, target, needs, memory)
    }
}

/// Sends once more.
async fn send_again(
    upstream: &dyn Upstream,
    plan: Planner<'_>,
    target: &Target,
    (own, cause): (Option<Operation>, Box<dyn std::error::Error + Send + Sync>),
) -> Result<Response<Body>, UpstreamError> {
    match plan(target) {
        // Meanwhile the server may have been found to lack the operation; then the answer would be read wrongly.
        Ok(Plan::Send(prepared)) if prepared.needs.own == own => upstream.send(target, prepared.request).await,
        _ => Err(UpstreamError::Broken(cause)),
    }
}

/// Nobody answered: says why.
fn exhausted(pool: &Pool, asked: u32, troubles: Troubles) -> Error {
    let model = Arc::clone(&pool.model.name);
    if let Some(last) = troubles.failure {
        return Error::Upstream { model, attempts: asked, last };
    }
    if let Some(error) = troubles.untranslatable {
        return *error;
    }
    let (reason, retry_after) = match troubles.none {
        Some(AcquireError::Pick(PickError::Busy { retry_after })) => ("all of its providers are busy", retry_after),
        Some(AcquireError::LineFull { retry_after }) => ("too many requests wait for it already", retry_after),
        Some(AcquireError::TooLate { retry_after }) => ("the wait would be too long", Some(retry_after)),
        Some(AcquireError::Timeout { retry_after }) => ("no provider became free in time", retry_after),
        Some(AcquireError::Pick(PickError::Unavailable { retry_after })) => {
            ("all of its providers are down", retry_after)
        }
        _ => ("all of its providers are down or busy", None),
    };
    Error::Unavailable { model, reason, retry_after: retry_after.unwrap_or(COME_BACK) }
}
