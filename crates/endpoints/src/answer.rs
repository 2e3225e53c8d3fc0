//! One request answered without a server: for programs that have their own, and for tests.

use std::sync::Arc;

use http::{Request, Response};
use percent_encoding::percent_decode_str;

use crate::{
    Body, Call, ClientKey, Error, Held, Life, Observer, REQUEST_ID, Record, State, Upstream, endpoint::Endpoint,
    route::Match,
};

/// The route that is noted of a request that has none.
const UNMATCHED: &str = "unmatched";

/// Answers a request from a snapshot, by way of `upstream`; `observer` is told when it is over, and `()` is one that
/// does not care. Errors are answers, in the dialect of the route.
///
/// The request is called what its header `x-request-id` says, else a number drawn for it; the record has it
/// ([`Facts::id`](crate::Facts::id)), the answer's headers do not. What a server does around that is the caller's: the
/// limits of connections and of requests under way, CORS, and catching an endpoint's panic. The future may be dropped
/// at any time, and so may the body of the answer; the provider's place is free then.
pub async fn answer(
    state: &Arc<State>,
    upstream: Arc<dyn Upstream>,
    observer: Arc<dyn Observer>,
    request: Request<Body>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let told = head.headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let id = told.map_or_else(|| format!("{:016x}", fastrand::u64(..)), str::to_owned);
    let found = state.route(&head.method, head.uri.path());
    let (route, surface) = match &found {
        Match::Found { placed, .. } => (Arc::clone(&placed.pattern), placed.route.surface),
        Match::OtherMethods { surface, .. } | Match::Unknown { surface } => (UNMATCHED.into(), *surface),
    };
    let mut record = Record::new(id.clone(), head.method.clone(), route, observer);
    record.key = ClientKey::of(&head.headers);
    let (endpoint, rest) = match found {
        Match::Found { placed, rest } => (state.endpoint(placed), decoded(rest)),
        Match::OtherMethods { allow, .. } => return refused(record, &Error::Method { allow }, surface),
        Match::Unknown { .. } => {
            let path = head.uri.path().chars().take(200).collect();
            return refused(record, &Error::NoRoute(path), surface);
        }
    };
    let mut call = Call {
        head,
        body,
        rest,
        surface,
        state: Arc::clone(state),
        upstream,
        record: Some(record),
        deadline: None,
        held: Held::default(),
        life: Life::default(),
    };
    perform(endpoint, &mut call, &id).await
}

async fn perform(endpoint: &dyn Endpoint, call: &mut Call, id: &str) -> Response<Body> {
    let response = match endpoint.call(call).await {
        Ok(response) => response,
        Err(error) => {
            call.note(|record| record.refused(&error));
            error.respond(call.surface, id)
        }
    };
    // An answer in flight has taken its record along.
    if let Some(record) = call.record.take() {
        record.answered(response.status().as_u16(), response.body());
    }
    response
}

fn refused(mut record: Box<Record>, error: &Error, surface: llm_router_core::dialect::Surface) -> Response<Body> {
    record.refused(error);
    let response = error.respond(surface, &record.id);
    record.answered(response.status().as_u16(), response.body());
    response
}

fn decoded(rest: &str) -> String {
    percent_decode_str(rest).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Mutex};

    use http::StatusCode;
    use llm_router_core::{
        catalogue::Catalogue,
        prompts::Prompts,
        settings::{Settings, Sources},
    };

    use super::*;
    use crate::{BoxFuture, Facts, Target, UpstreamError};

    struct Nobody;

    impl Upstream for Nobody {
        fn send<'a>(&'a self, _: &'a Target, _: Request<Body>) -> BoxFuture<'a, Result<Response<Body>, UpstreamError>> {
            Box::pin(async { Err(UpstreamError::Connect("nobody is there".into())) })
        }
    }

    #[derive(Default)]
    struct Seen(Mutex<Vec<(String, String, u16)>>);

    impl Observer for Seen {
        fn finished(&self, facts: &Arc<Facts>) {
            self.0.lock().unwrap().push((facts.id.clone(), facts.route.to_string(), facts.status));
        }
    }

    #[tokio::test]
    async fn what_leads_nowhere_is_answered_and_told_too() {
        let settings =
            Settings::load(Sources { strategies: &crate::strategies(), ..Sources::default() }).unwrap().settings;
        let (prompts, _) = Prompts::load(Path::new("nowhere"), "en").unwrap();
        let state = Arc::new(State::new(Arc::new(settings), Catalogue::default(), prompts).unwrap());
        let (seen, upstream) = (Arc::new(Seen::default()), Arc::new(Nobody));
        let ask = |request: http::request::Builder, body: &'static str| {
            let request = request.header("x-request-id", "mine").body(Body::from(body)).unwrap();
            answer(&state, upstream.clone(), seen.clone(), request)
        };
        assert_eq!(ask(Request::get("/nowhere"), "").await.status(), StatusCode::NOT_FOUND);
        let other = ask(Request::get("/v1/chat/completions"), "").await;
        assert_eq!(
            (other.status(), &other.headers()["allow"]),
            (StatusCode::METHOD_NOT_ALLOWED, &"OPTIONS, POST".parse().unwrap())
        );
        let unknown = ask(Request::post("/v1/messages"), r#"{"model":"a","max_tokens":1,"messages":[]}"#).await;
        assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
        let text = unknown.into_body().read(10_000).await.unwrap();
        assert!(text.starts_with(br#"{"type":"error""#), "in the dialect of the route: {text:?}");
        assert_eq!(ask(Request::get("/livez"), "").await.status(), StatusCode::OK);
        let told = seen.0.lock().unwrap();
        let told: Vec<_> = told.iter().map(|(id, route, status)| (&**id, &**route, *status)).collect();
        assert_eq!(
            told,
            [
                ("mine", "unmatched", 404),
                ("mine", "unmatched", 405),
                ("mine", "/v1/messages", 404),
                ("mine", "/livez", 200)
            ]
        );
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_a_limit() {
        assert_eq!(Body::from("12345").read(5).await.unwrap(), "12345");
        assert!(matches!(Body::from("12345").read(4).await, Err(crate::BodyError::TooLarge(4))));
        assert_eq!(Body::Empty.read(0).await.unwrap(), "");
    }
}
