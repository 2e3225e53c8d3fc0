//! From a request's head to its answer: id, route, call, and errors in the dialect of the route.

use std::{
    future::ready,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Version, header};
use llm_router_core::dialect::Surface;
use llm_router_endpoints::{
    Body, BoxFuture, Call, ClientKey, Endpoint, Error, Held, Life, Observer, Phase, REQUEST_ID, Record, State,
    Upstream,
    route::{Match, Scope},
};
use percent_encoding::percent_decode_str;

use crate::{
    conduit::{Clock, InFlight, OneMore, Tracked},
    cors,
    metrics::{METRICS, UNMATCHED},
    request_id, trace,
    witness::Witness,
    worker::Worker,
};

/// What every client of Anthropic's API sends.
const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
/// Where it looks for the name of its request.
const ANTHROPIC_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// Answers one request of a connection. What can be said at once is said before the future is made, which is as small as
/// the call that it carries.
pub(crate) fn answer(
    worker: &Worker,
    clock: &Arc<Clock>,
    request: Request<Body>,
) -> BoxFuture<'static, Response<Tracked>> {
    let in_flight = Arc::clone(clock).begin(request.version());
    let (one, under_way) = OneMore::begin(&worker.shared.requests);
    let state = worker.shared.state();
    let seen = Seen::of(request.headers());
    let id = request_id::of(seen.id);
    let envelope = Envelope {
        id: HeaderValue::from_str(&id).ok(),
        anthropic: seen.anthropic,
        allowed: cors::allowed(&state.settings.server.cors_origins, seen.origin),
        http1: request.version() < Version::HTTP_2,
        life: worker.shared.life.clone(),
        in_flight,
        one,
    };
    let hosts = seen.hosts;
    match route(worker, &state, (id, hosts, under_way), request) {
        Err(response) => Box::pin(ready(envelope.close(response))),
        Ok((endpoint, mut call)) => Box::pin(async move {
            let response = perform(endpoint, &mut call, &envelope.life).await;
            envelope.close(finish(call.record.take(), response))
        }),
    }
}

/// What is looked for in every request's headers: one pass is cheaper than asking for each name.
struct Seen<'a> {
    hosts: usize,
    id: Option<&'a HeaderValue>,
    origin: Option<&'a HeaderValue>,
    anthropic: bool,
}

impl<'a> Seen<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        let mut seen = Self { hosts: 0, id: None, origin: None, anthropic: false };
        for (name, value) in headers {
            match name.as_str() {
                "host" => seen.hosts += 1,
                "x-request-id" => seen.id = seen.id.or(Some(value)),
                "origin" => seen.origin = seen.origin.or(Some(value)),
                "anthropic-version" => seen.anthropic = true,
                _ => {}
            }
        }
        seen
    }
}

/// What every answer gets, whoever makes it.
struct Envelope {
    id: Option<HeaderValue>,
    /// Whether the client is Anthropic's.
    anthropic: bool,
    /// The origin whose pages may read the answer.
    allowed: Option<HeaderValue>,
    http1: bool,
    life: Life,
    in_flight: InFlight,
    one: OneMore,
}

impl Envelope {
    fn close(self, mut response: Response<Body>) -> Response<Tracked> {
        let headers = response.headers_mut();
        if let Some(id) = self.id {
            if self.anthropic {
                headers.entry(ANTHROPIC_REQUEST_ID).or_insert_with(|| id.clone());
            }
            headers.insert(REQUEST_ID, id);
        }
        if self.life.has_reached(Phase::Draining) && self.http1 {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(origin) = self.allowed {
            cors::permit(headers, origin);
        }
        response.map(|body| Tracked::new(body, self.in_flight, self.one))
    }
}

/// The endpoint of a request and its call; the answer where no endpoint is asked.
#[expect(clippy::result_large_err, reason = "both are large, and both are taken at once")]
fn route(
    worker: &Worker,
    state: &Arc<State>,
    (id, hosts, under_way): (String, usize, usize),
    request: Request<Body>,
) -> Result<(&'static dyn Endpoint, Call), Response<Body>> {
    let (mut head, body) = request.into_parts();
    let trace = trace::enter(&mut head.headers, state.settings.metrics.traces.as_ref().map(|traces| traces.share));
    let observer = Arc::clone(&worker.shared.witness) as Arc<dyn Observer>;
    let (method, key) = (head.method.clone(), ClientKey::of(&head.headers));
    let begin = |route: Arc<str>| {
        let mut record = Record::new(id, method, route, observer);
        (record.key, record.trace) = (key, trace);
        record
    };
    if let Some(error) = bad_host(head.version, hosts) {
        return Err(refuse(begin(UNMATCHED.into()), &error, Surface::OpenAi));
    }
    let (placed, rest) = match state.route(&head.method, head.uri.path()) {
        Match::Found { placed, rest } => (placed, rest),
        Match::OtherMethods { allow, surface } => {
            let record = begin(UNMATCHED.into());
            let response = other_method(&head, allow, dialect(&head, surface), &record.id);
            return Err(finish(Some(record), response));
        }
        Match::Unknown { .. } if Witness::is_metrics(state, head.uri.path()) => {
            let record = begin(METRICS.into());
            return Err(finish(Some(record), Witness::exposition(&head, || worker.shared.exposition())));
        }
        Match::Unknown { surface } => {
            let path: String = head.uri.path().chars().take(200).collect();
            return Err(refuse(begin(UNMATCHED.into()), &Error::NoRoute(path), dialect(&head, surface)));
        }
    };
    let most = state.settings.server.max_requests.get();
    if under_way > most && placed.route.scope == Scope::Client {
        return Err(refuse(begin(Arc::clone(&placed.pattern)), &Error::Busy(most), placed.route.surface));
    }
    let call = Call {
        // Most routes have none.
        rest: if rest.is_empty() { String::new() } else { percent_decode_str(rest).decode_utf8_lossy().into_owned() },
        surface: placed.route.surface,
        record: Some(begin(Arc::clone(&placed.pattern))),
        upstream: Arc::clone(&worker.upstream) as Arc<dyn Upstream>,
        state: Arc::clone(state),
        deadline: None,
        life: worker.shared.life.clone(),
        held: Held::default(),
        head,
        body,
    };
    Ok((state.endpoint(placed), call))
}

/// The dialect for a path that leads nowhere: Anthropic's clients name themselves, others are told by the path.
fn dialect(head: &http::request::Parts, guessed: Surface) -> Surface {
    if head.headers.contains_key(ANTHROPIC_VERSION) { Surface::Anthropic } else { guessed }
}

/// HTTP/1.1 wants one `Host`, no more and no less (RFC 9112, 3.2): with two, two readers may see two different requests.
fn bad_host(version: Version, hosts: usize) -> Option<Error> {
    let wrong = if version == Version::HTTP_11 { hosts != 1 } else { hosts > 1 };
    wrong.then(|| Error::Field {
        field: "host".to_owned(),
        message: format!("a request has one Host header, this one has {hosts}"),
    })
}

/// Has the endpoint answer: a panic is this one request's error, and so is the end of the process.
async fn perform(endpoint: &dyn Endpoint, call: &mut Call, life: &Life) -> Response<Body> {
    let answer = life.unless_ending(pin!(Guarded(AssertUnwindSafe(endpoint.call(call))))).await;
    let mut response = match answer.unwrap_or(Err(Error::Stopping)) {
        Ok(response) => response,
        Err(error) => {
            call.note(|record| record.refused(&error));
            error.respond(call.surface, call.record.as_ref().map_or("", |record| &record.id))
        }
    };
    if let (Some(record), true) = (&call.record, call.state.settings.metrics.details) {
        record.tell(response.headers_mut());
    }
    response
}

/// Answers a request that no endpoint sees.
fn refuse(mut record: Box<Record>, error: &Error, surface: Surface) -> Response<Body> {
    record.refused(error);
    let response = error.respond(surface, &record.id);
    finish(Some(record), response)
}

/// Ends the record of an answer that is already whole; an answer in flight has taken its record along.
fn finish(record: Option<Box<Record>>, response: Response<Body>) -> Response<Body> {
    if let Some(record) = record {
        record.answered(response.status().as_u16(), response.body());
    }
    response
}

/// `OPTIONS` is answered for every path; any other method is refused with the ones there are.
fn other_method(head: &http::request::Parts, allow: String, surface: Surface, id: &str) -> Response<Body> {
    if head.method != Method::OPTIONS {
        return Error::Method { allow }.respond(surface, id);
    }
    let mut response = Response::new(Body::Empty);
    if let Ok(value) = HeaderValue::from_str(&allow) {
        cors::preflight(response.headers_mut(), &head.headers, &value);
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

/// A call whose panic is this one request's internal error.
struct Guarded<F>(AssertUnwindSafe<F>);

impl<F, T> Future for Guarded<F>
where
    F: Future<Output = Result<T, Error>> + Unpin,
{
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let call = &mut self.0.0;
        catch_unwind(AssertUnwindSafe(|| Pin::new(call).poll(cx))).unwrap_or(Poll::Ready(Err(Error::Internal)))
    }
}
