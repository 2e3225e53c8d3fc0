//! An endpoint: what one or more routes do. Endpoints register where they are written.

use http::Response;

use crate::{body::Body, call::Call, error::Error, route::Route, upstream::BoxFuture};

/// What some routes do.
///
/// ```
/// use http::{Method, Response};
/// use llm_router_core::{dialect::Surface, json::read_value, operation::Operation};
/// use llm_router_endpoints::{Body, BoxFuture, Call, Endpoint, Error, Registration, forward, route::Route};
///
/// /// Counts words by itself, and asks a model under a path of its own.
/// struct Words;
///
/// inventory::submit! { Registration(&Words) }
///
/// impl Endpoint for Words {
///     fn name(&self) -> &'static str {
///         "words"
///     }
///
///     fn routes(&self) -> Vec<Route> {
///         vec![
///             Route::client(Method::POST, "/words", Surface::Builtin).prefixed(), // /api/words
///             Route::client(Method::POST, "/words/chat", Surface::OpenAi),
///         ]
///     }
///
///     fn call<'a>(&'a self, call: &'a mut Call) -> BoxFuture<'a, Result<Response<Body>, Error>> {
///         Box::pin(async move {
///             if call.surface == Surface::OpenAi {
///                 return forward(call, Operation::ChatCompletions).await; // translated where a provider needs it
///             }
///             let body = call.read_body().await?; // bounded in size and time
///             let text = read_value(&body).ok().and_then(|body| Some(body.get("text")?.as_str()?.to_owned()));
///             let wrong = || Error::Field { field: "text".into(), message: "text must be a string".into() };
///             let count = text.ok_or_else(wrong)?.split_whitespace().count();
///             Ok(Response::new(format!(r#"{{"words":{count}}}"#).into()))
///         })
///     }
/// }
///
/// # use std::{path::Path, sync::Arc};
/// # use http::Request;
/// # use llm_router_core::{catalogue::{self, Catalogue, ProcessSecrets}, prompts::Prompts, settings::{Settings, Sources}};
/// # use llm_router_endpoints::{State, Target, Upstream, UpstreamError, answer, strategies};
/// # struct Echo;
/// # impl Upstream for Echo {
/// #     fn send<'a>(&'a self, _: &'a Target, request: Request<Body>)
/// #         -> BoxFuture<'a, Result<Response<Body>, UpstreamError>> {
/// #         Box::pin(async move { Ok(Response::new(request.into_body())) })
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let models = r#"{"active_models": {"chat": ["a"]}, "chat": {"a": {"providers": [
/// #     {"id": "one", "api_type": "openai", "api_host": "http://anywhere"}]}}}"#;
/// # let strategies = strategies();
/// # let settings = Settings::load(Sources { strategies: &strategies, ..Sources::default() })?.settings;
/// # let context = catalogue::Context { secrets: &ProcessSecrets, strategies: &strategies };
/// # let (catalogue, _) = Catalogue::load(models, "in memory", context)?;
/// # let (prompts, _) = Prompts::load(Path::new("prompts"), "en")?;
/// # let state = Arc::new(State::new(Arc::new(settings), catalogue, prompts)?);
/// # let chat = r#"{"model":"a","messages":[{"role":"user","content":"Hello!"}]}"#;
/// # for (path, body, status, text) in [
/// #     ("/api/words", r#"{"text":"one two"}"#, 200, r#"{"words":2}"#),
/// #     ("/api/words", r#"{"text":1}"#, 400, r#"{"status":false,"body":"text must be a string"}"#),
/// #     ("/words/chat", chat, 200, chat),
/// # ] {
/// #     let request = Request::post(path).body(Body::from(body))?;
/// #     let answer = answer(&state, Arc::new(Echo), Arc::new(()), request).await;
/// #     assert_eq!(answer.status(), status);
/// #     assert_eq!(answer.into_body().read(1 << 20).await?, text);
/// # }
/// # Ok(())
/// # }
/// ```
pub trait Endpoint: Send + Sync + 'static {
    /// A name for logs and error texts, in snake case.
    fn name(&self) -> &'static str;

    /// The routes that lead here.
    fn routes(&self) -> Vec<Route>;

    /// Answers one request. An error goes out in the dialect of the route.
    fn call<'a>(&'a self, call: &'a mut Call) -> BoxFuture<'a, Result<Response<Body>, Error>>;
}

/// An endpoint known to the process; made by `inventory::submit!`.
pub struct Registration(pub &'static dyn Endpoint);

inventory::collect!(Registration);

/// All endpoints linked into the process, sorted by name.
#[must_use]
pub fn all() -> Vec<&'static dyn Endpoint> {
    let mut all: Vec<_> = inventory::iter::<Registration>().map(|r| r.0).collect();
    all.sort_by_key(|e| e.name());
    all
}
