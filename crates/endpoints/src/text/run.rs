//! Runs a text endpoint: everything that all of them have in common.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use llm_router_core::{dialect::Surface, json::Peek, translate::WordReader};
use serde_json::{Map, Value, json};
use tokio::time::timeout_at;

use super::{
    Prompted, Text,
    arguments::{Arguments, Rejected},
    ask::{Asker, whole},
    batch::{self, Batch},
    outcome::{self, Lost},
    plan::{Plan, Work},
    request::Question,
    sampling::Sampling,
    stream::{Chunks, Retold},
};
use crate::{
    attempts::Note,
    body::Body,
    call::Call,
    endpoint::Endpoint,
    error::Error,
    headers,
    lists::json as answer_json,
    memory::Held,
    record::{Outcome, Record},
    relay::{Relay, Terms},
    route::Route,
    state::Lease,
    upstream::BoxFuture,
    view::View,
    wish::Wish,
};

impl<P: Prompted> Endpoint for Text<P> {
    fn name(&self) -> &'static str {
        self.0.path().trim_start_matches('/')
    }

    fn routes(&self) -> Vec<Route> {
        vec![Route::client(Method::POST, self.0.path(), Surface::Builtin).prefixed()]
    }

    fn call<'a>(&'a self, call: &'a mut Call) -> BoxFuture<'a, Result<Response<Body>, Error>> {
        Box::pin(run(&self.0, self.name(), call))
    }
}

/// A request whose arguments were accepted.
struct Job {
    plan: Plan,
    model: String,
    language: Option<String>,
    sampling: Sampling,
    stream: bool,
}

async fn run(endpoint: &dyn Prompted, name: &str, call: &mut Call) -> Result<Response<Body>, Error> {
    let body = call.read_body().await?;
    let job = match read(endpoint, name, &body)? {
        Ok(job) => job,
        Err(Rejected(why)) => return Ok(outcome::failure(StatusCode::BAD_REQUEST, &why, None)),
    };
    drop(body);
    let state = Arc::clone(&call.state);
    let pool = state.pool(&job.model)?;
    let stream = job.stream && matches!(job.plan.work, Work::One { .. });
    call.note(|record| {
        record.model = Some(Arc::clone(&pool.model.name));
        record.stream = stream;
    });
    call.limit(pool.model.options.timeouts.total);
    let resolved = job.plan.resolve(&state.prompts, job.language.as_deref());
    let (system, work) = resolved.map_err(|id| {
        call.note(|record| record.error = Some(format!("the prompt {id} does not exist")));
        Error::Internal
    })?;
    let question = Question { system, messages: Vec::new(), sampling: job.sampling, stream };
    let upstream = Arc::clone(&call.upstream);
    let headers = std::mem::take(&mut call.head.headers);
    let id = call.record.as_ref().map(|record| record.id.clone()).unwrap_or_default();
    let in_batch = matches!(work, Work::Each { .. });
    let wish = Wish::of(call.record.as_ref().and_then(|record| record.key), &headers, pool)?;
    let asker = Asker { upstream: &*upstream, pool, wish: &wish, headers: &headers, id: &id, in_batch };
    match call.deadline {
        None => answer(call, &asker, question, work).await,
        Some((at, total)) => {
            timeout_at(at, answer(call, &asker, question, work)).await.unwrap_or(Err(Error::Deadline(total)))
        }
    }
}

/// Reads the body's arguments, those of the endpoint first.
fn read(endpoint: &dyn Prompted, name: &str, body: &Bytes) -> Result<Result<Job, Rejected>, Error> {
    Peek::new(body)?;
    let fields: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|_| Error::Field { field: "body".to_owned(), message: "the body must be a JSON object".to_owned() })?;
    let mut arguments = Arguments::new(fields);
    let plan = endpoint.plan(&mut arguments);
    let job = Job {
        plan,
        model: arguments.model(),
        language: arguments.optional_text("language"),
        sampling: Sampling::read(&mut arguments),
        stream: arguments.is_given("stream") && arguments.boolean("stream", false),
    };
    Ok(arguments.finish(name).map(|()| job))
}

async fn answer(
    call: &mut Call,
    asker: &Asker<'_>,
    mut question: Question,
    work: Work,
) -> Result<Response<Body>, Error> {
    let started = call.record.as_ref().map_or_else(Instant::now, |record| record.started);
    let answered = match work {
        Work::One { messages, .. } if question.stream => {
            question.messages = messages;
            stream(call, asker, &question, started).await
        }
        Work::One { messages, shape } => {
            question.messages = messages;
            let told = asker.text(&question, &mut |told| noted(&mut call.record, &told)).await;
            told.and_then(|text| finished(&shape(text), started).map_err(Lost::Error))
        }
        Work::Each { texts, shape } => {
            let width = batch::width(asker.pool, call.state.settings.models.batch_concurrency);
            let batch = Batch { texts, shape, width };
            let noting = Mutex::new(|told: Note<'_>| noted(&mut call.record, &told));
            match batch.run(asker, &question, &noting).await {
                Ok(list) => return finished(&list, started),
                Err(failed) => return Ok(*failed),
            }
        }
    };
    match answered {
        Ok(response) => Ok(response),
        Err(Lost::Error(error)) => Err(error),
        Err(lost) => Ok(lost.respond()),
    }
}

/// The answer in the shape of the Python version.
fn finished(response: &Value, started: Instant) -> Result<Response<Body>, Error> {
    answer_json(&json!({"response": response, "generation_time": started.elapsed().as_secs_f64()}))
}

/// The answer as it comes. The record and the lease go along with it.
async fn stream(
    call: &mut Call,
    asker: &Asker<'_>,
    question: &Question,
    started: Instant,
) -> Result<Response<Body>, Lost> {
    let mut answer = asker.answer(question, &mut |told| noted(&mut call.record, &told)).await?;
    let operation = asker.operation(&answer)?;
    let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let id = format!("chatcmpl-{}", asker.id);
    let chunks = Chunks { id, created, model: asker.pool.model.name.to_string(), started };
    let mut told = HeaderMap::new();
    if call.state.settings.metrics.details {
        // What becomes a stream takes the record along.
        call.note(|record| record.tell(&mut told));
    }
    let head = &answer.head;
    let body = if head.status.is_success() && headers::is_stream(&head.headers) {
        let (first, rest) =
            Retold::new(&answer.first, (answer.rest, answer.framed), WordReader::new(operation), chunks);
        Body::stream(relay(call, first, Body::stream(rest), answer.lease, answer.idle))
    } else {
        Body::from(chunks.all(&whole(&mut answer, operation, asker.pool.memory.largest_answer()).await?))
    };
    let mut response = Response::new(body);
    *response.headers_mut() = told;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

fn relay(call: &mut Call, first: Bytes, rest: Body, lease: Option<Lease>, idle: Duration) -> Relay {
    call.note(|record| {
        record.status = StatusCode::OK.as_u16();
        record.outcome = Outcome::Cancelled;
    });
    let every = call.state.settings.server.stream_keepalive;
    let terms = Terms {
        events: Some(Surface::Builtin),
        framed: true,
        idle,
        keepalive: (!every.is_zero()).then_some(every),
        deadline: call.deadline,
        life: call.life.clone(),
        held: Held::default(),
    };
    Relay::new(rest, first, View::Plain, lease, call.record.take(), terms)
}

fn noted(record: &mut Option<Box<Record>>, told: &Note<'_>) {
    if let Some(record) = record {
        record.attempt(told);
    }
}
