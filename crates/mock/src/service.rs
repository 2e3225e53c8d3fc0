//! One request: find its route, read it, settle on a script, answer.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::{
    ask::{self, Ask},
    connection::Connection,
    control,
    desk::{Desk, Refusal, unknown},
    exchange::Exchange,
    frames::Frames,
    meter::{Outcome, Seen},
    pace::Paced,
    render::{self, Setting},
    route::{self, Route, Surface},
    script::{self, Script, SlotsFull},
    server::Shared,
};

/// The longest request body read, in bytes.
const BODY_MOST: usize = 64 << 20;

/// Answers remembered under `prerender`.
const RENDERED_MOST: usize = 64;

/// Answers one request.
pub(crate) async fn answer(
    request: Request<Incoming>,
    connection: Arc<Connection>,
    shared: Arc<Shared>,
) -> Response<Paced> {
    let (mut parts, body) = request.into_parts();
    let route = route::find(parts.uri.path(), &parts.headers);
    let dialect = route.map_or_else(|| route::guess(parts.uri.path()), |route| route.dialect);
    let mark = parts.headers.get("x-mock").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let seen = seen(&mut parts, connection.number);
    let key = key(&seen.headers);
    let exchange =
        Exchange::begin(shared.clone(), route.map_or("other", |route| route.path), |number| Seen { number, ..seen });
    connection.begun.fetch_add(1, Ordering::Relaxed);
    let script = shared.script();
    let mut desk = Desk { exchange, busy: connection.busy(), connection, shared, script, dialect };
    let known = check(&parts, route, key.as_deref(), &desk.script);
    let outcome = match known {
        Ok(route) => respond(&mut desk, route, &parts, mark, body).await,
        Err(refusal) => Err(refusal),
    };
    let head_only = parts.method == Method::HEAD;
    match outcome {
        Ok(frames) => desk.send(StatusCode::OK, frames, head_only),
        Err(refusal) => desk.refuse(refusal, route, head_only),
    }
}

fn seen(parts: &mut Parts, connection: u64) -> Seen {
    Seen {
        number: 0,
        connection,
        method: parts.method.clone(),
        target: parts.uri.path_and_query().map_or_else(String::new, |target| target.as_str().to_owned()),
        headers: std::mem::take(&mut parts.headers),
        body: Bytes::new(),
        body_len: 0,
        system: None,
        status: None,
        sent: 0,
        outcome: Outcome::Open,
        began: Instant::now(),
        lasted: None,
    }
}

fn key(headers: &HeaderMap) -> Option<String> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let key = bearer.or_else(|| headers.get("x-api-key")?.to_str().ok());
    key.map(str::to_owned)
}

fn check(parts: &Parts, route: Option<Route>, key: Option<&str>, script: &Script) -> Result<Route, Refusal> {
    let path = parts.uri.path();
    let route = route.ok_or_else(|| Refusal::new(404, format!("no such path: {path}")))?;
    if !route.allows(&parts.method) {
        return Err(Refusal::new(405, format!("method {} is not allowed here", parts.method)));
    }
    if route.surface != Surface::Control && script.house.key.as_deref().is_some_and(|wanted| key != Some(wanted)) {
        return Err(Refusal::named("auth", None));
    }
    Ok(route)
}

async fn respond(
    desk: &mut Desk,
    route: Route,
    parts: &Parts,
    mark: Option<String>,
    body: Incoming,
) -> Result<Frames, Refusal> {
    if route.surface == Surface::Control {
        // Whoever steers the mock is spared its faults.
        desk.script = Arc::default();
    } else if let Some(mark) = &mark {
        desk.overlay(mark)?;
    }
    if route.generates() {
        let house = &desk.script.house;
        let (slots, full) = (house.slots, house.slots_full);
        if !desk.exchange.take_slot(slots, full == SlotsFull::Queue).await {
            let status = if full == SlotsFull::Unavailable { 503 } else { 429 };
            return Err(Refusal::new(status, "every slot is taken"));
        }
    }
    let body = read(body, &desk.script).await?;
    if route.surface == Surface::Control {
        desk.shared.meter.body(desk.exchange.number, &body, None);
        return control::answer(parts, &body, &desk.shared).map_err(|why| Refusal::new(400, why));
    }
    if parts.method != Method::POST {
        let name = parts.uri.path().strip_prefix(route.path).unwrap_or_default();
        desk.obey(false).await?;
        return desk.list(route, name);
    }
    generate(desk, route, &body, mark.is_some()).await
}

async fn generate(desk: &mut Desk, route: Route, body: &Bytes, marked: bool) -> Result<Frames, Refusal> {
    let key = (desk.script.answer.prerender && !marked).then(|| (route.surface, body.clone()));
    let found =
        key.as_ref().and_then(|key| desk.shared.rendered.lock().expect("no panic under this lock").get(key).cloned());
    if let Some(frames) = found {
        desk.shared.meter.body(desk.exchange.number, body, None);
        desk.obey(true).await?;
        return Ok(frames);
    }
    let read = if desk.script.reading.skip { Ok(Ask::unread()) } else { ask::read(route.surface, body) };
    let system = read.as_ref().ok().and_then(|ask| ask.system.as_deref());
    desk.shared.meter.body(desk.exchange.number, body, system);
    let mut ask = read.map_err(|why| Refusal::new(400, why))?;
    let marks = marks(&mut ask);
    if !marks.is_empty() {
        desk.overlay(&marks)?;
    }
    desk.obey(route.generates()).await?;
    if route.surface == Surface::OllamaShow {
        return desk.list(route, &ask.model);
    }
    let script = desk.script.clone();
    let plain_name = script::take_markers(&ask.model).1;
    if script.house.strict && !render::model_names(&script).contains(&plain_name.as_str()) {
        return Err(unknown(desk.dialect, &ask.model));
    }
    let number = desk.exchange.number;
    let mut frames =
        render::answer(&Setting { surface: route.surface, dialect: route.dialect, ask: &ask, script: &script, number });
    if let Some(key) = key.filter(|_| marks.is_empty()) {
        remember(&desk.shared, key, &mut frames, &script);
    }
    Ok(frames)
}

/// Keeps an answer for the next request with the same body, joined into the writes it will go out in.
fn remember(shared: &Shared, key: (Surface, Bytes), frames: &mut Frames, script: &Script) {
    if let Some(burst) = script.timing.burst.filter(|burst| *burst != 1) {
        frames.coalesce(if burst == 0 { usize::MAX } else { burst });
    }
    let mut rendered = shared.rendered.lock().expect("no panic under this lock");
    if rendered.len() < RENDERED_MOST {
        rendered.insert(key, frames.clone());
    }
}

/// Takes the markers out of the last message; those in the model name stay there, since the name is given back.
fn marks(ask: &mut Ask) -> String {
    let mut marks = String::new();
    if ask.model.contains("[[mock") {
        marks.push_str(&script::take_markers(&ask.model).0);
    }
    for text in std::iter::once(&mut ask.said).chain(&mut ask.inputs) {
        if text.contains("[[mock") {
            let (found, rest) = script::take_markers(text);
            marks.push_str(&found);
            *text = rest;
        }
    }
    marks
}

/// Reads the request body as the script says: late, slowly or not at all.
async fn read(mut body: Incoming, script: &Script) -> Result<Bytes, Refusal> {
    if script.reading.skip {
        return Ok(Bytes::new());
    }
    if !script.reading.delay.is_zero() {
        tokio::time::sleep(script.reading.delay).await;
    }
    let mut all = BytesMut::new();
    let mut first = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::new(400, "the body broke off"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if all.len() + data.len() > BODY_MOST {
            return Err(Refusal::named("too-large", None));
        }
        if let Some(rate) = script.reading.rate {
            tokio::time::sleep(Duration::from_secs_f64(data.len() as f64 / rate as f64)).await;
        }
        // One frame is the common case: keep it as it is.
        match first.take() {
            None if all.is_empty() => first = Some(data),
            None => all.extend_from_slice(&data),
            Some(earlier) => {
                all.extend_from_slice(&earlier);
                all.extend_from_slice(&data);
            }
        }
    }
    Ok(first.unwrap_or_else(|| all.freeze()))
}
