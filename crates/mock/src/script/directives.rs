//! The one list of directives: name, values, meaning and effect. The reference text is printed from it.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};

use super::{
    Script,
    plan::{Accept, Act, Calls, Engine, Failure, Finish, SlotsFull},
    values::{nothing, number, one_of, point, time},
};
use crate::failure::KINDS;

pub(super) struct Directive {
    pub(super) name: &'static str,
    pub(super) takes: &'static str,
    pub(super) does: &'static str,
    pub(super) server_only: bool,
    pub(super) set: fn(&mut Script, &str) -> Result<(), String>,
}

const fn request(
    name: &'static str,
    takes: &'static str,
    does: &'static str,
    set: fn(&mut Script, &str) -> Result<(), String>,
) -> Directive {
    Directive { name, takes, does, server_only: false, set }
}

const fn server(
    name: &'static str,
    takes: &'static str,
    does: &'static str,
    set: fn(&mut Script, &str) -> Result<(), String>,
) -> Directive {
    Directive { name, takes, does, server_only: true, set }
}

pub(super) const DIRECTIVES: &[Directive] = &[
    // Time
    request("head-delay", "D", "wait before the response head", |s, v| put(&mut s.timing.head, time(v))),
    request("first-delay", "D", "wait after the head, before the first token", |s, v| {
        put(&mut s.timing.first, time(v))
    }),
    request("token-delay", "D", "wait between tokens", |s, v| put(&mut s.timing.token, time(v))),
    request("burst", "N", "events a write (1; 0: all at once)", |s, v| some(&mut s.timing.burst, number(v))),
    // Answer
    request("text", "TEXT", "answer this text (else the request is echoed)", |s, v| {
        some(&mut s.answer.text, Ok(Arc::from(v)))
    }),
    request("tokens", "N", "exactly N tokens of text", |s, v| some(&mut s.answer.tokens, upto(v, 1_000_000))),
    request("size", "N", "text of at least N bytes", |s, v| some(&mut s.answer.size, upto(v, 256 << 20))),
    request("think", "N", "N tokens of reasoning first (0: none)", |s, v| some(&mut s.answer.think, upto(v, 100_000))),
    request("tools", "auto|off|N", "call tools when offered, never, or N of them always", calls),
    request("finish", "stop|length|tools|filter|pause", "the reason the answer ended", finish),
    request("prerender", "", "render once per body and repeat (cheapest)", |s, v| flag(&mut s.answer.prerender, v)),
    // Habits
    request("engine", "plain|vllm|llamacpp", "whose habits the OpenAI routes have", engine),
    request("reasoning-field", "reasoning|reasoning_content", "name of the OpenAI reasoning field", |s, v| {
        some(&mut s.quirks.reasoning_content, one_of(v, &[("reasoning", false), ("reasoning_content", true)]))
    }),
    request("usage", "asked|always|never", "when streams carry usage (OpenAI)", |s, v| {
        put(&mut s.quirks.usage, one_of(v, &[("asked", None), ("always", Some(true)), ("never", Some(false))]))
    }),
    request("crlf", "", "lines end in CR LF", |s, v| flag(&mut s.quirks.crlf, v)),
    request("tight", "", "no space after `data:`", |s, v| flag(&mut s.quirks.tight, v)),
    request("comments", "", "an SSE comment (or Anthropic ping) between events", |s, v| {
        flag(&mut s.quirks.comments, v)
    }),
    request("header", "NAME:VALUE", "a header on the answer (may stand several times)", header),
    request("close", "", "`connection: close` on the answer", |s, v| flag(&mut s.quirks.close, v)),
    // Errors
    request("status", "N", "answer this status with an error body", |s, v| some(&mut failure(s).status, status(v))),
    request("error", "KIND", "a named error, in the dialect's words", error),
    request("body", "TEXT", "the error body, as is", |s, v| some(&mut failure(s).body, Ok(Arc::from(v)))),
    request("retry-after", "TEXT", "the header, on the error", |s, v| {
        some(&mut failure(s).retry_after, Ok(Arc::from(v)))
    }),
    request("fail-first", "N", "faults hit only the first N requests", |s, v| {
        some(&mut s.faults.fail_first, number(v))
    }),
    request("fail-after", "N", "faults spare the first N requests", |s, v| some(&mut s.faults.fail_after, number(v))),
    request("chance", "0..1", "faults hit with this probability", chance),
    request("counter", "NAME", "which count fail-first and fail-after use", |s, v| {
        some(&mut s.faults.counter, Ok(Arc::from(v)))
    }),
    // The answer breaks
    request("stall", "P", "send no more, keep the connection", |s, v| act(s, Act::Stall, v)),
    request("cut", "P", "close the connection (FIN)", |s, v| act(s, Act::Cut, v)),
    request("reset", "P", "reset the connection (RST)", |s, v| act(s, Act::Reset, v)),
    request("half-close", "P", "close the sending side only", |s, v| act(s, Act::HalfClose, v)),
    request("garbage", "P", "bytes that are not HTTP, then the rest", |s, v| act(s, Act::Garbage, v)),
    request("bad-event", "N", "an event that is not JSON after N events", |s, v| event(s, Act::BadEvent, v)),
    request("error-event", "N", "an error event (kind: `error`) after N events, then the end", |s, v| {
        event(s, Act::ErrorEvent, v)
    }),
    request("drip", "D", "one byte a frame, D apart", |s, v| some(&mut s.faults.drip, time(v))),
    request("length", "+N|-N", "content-length wrong by this much (not streams)", |s, v| {
        put(&mut s.faults.length, number(v))
    }),
    request("endless", "", "never stop sending tokens", |s, v| flag(&mut s.faults.endless, v)),
    request("none", "", "no fault after all (undoes the server's script)", |s, v| {
        nothing(v).map(|()| s.faults = Default::default())
    }),
    // The request is read badly
    request("read-delay", "D", "wait before the request body is read", |s, v| put(&mut s.reading.delay, time(v))),
    request("read-rate", "N", "read N bytes of it a second", |s, v| some(&mut s.reading.rate, positive(v))),
    request("no-read", "", "answer without reading it", |s, v| flag(&mut s.reading.skip, v)),
    // The server
    server("models", "a,b,c", "the models listed (mock-small,mock-large,mock-embed)", models),
    server("strict", "", "unknown models are not found", |s, v| flag(&mut s.house.strict, v)),
    server("key", "TEXT", "requests need this API key", |s, v| some(&mut s.house.key, Ok(Arc::from(v)))),
    server("slots", "N", "requests generated at once", |s, v| {
        some(&mut s.house.slots, positive(v).map(|n| n as usize))
    }),
    server("slots-full", "429|503|queue", "what the others meet", |s, v| {
        let words = [("429", SlotsFull::TooMany), ("503", SlotsFull::Unavailable), ("queue", SlotsFull::Queue)];
        put(&mut s.house.slots_full, one_of(v, &words))
    }),
    server("accept", "ok|refuse|pause|reset|silent", "what new connections meet", accept),
    server("keepalive", "N", "close a connection, unannounced, after N answers", |s, v| {
        some(&mut s.house.keepalive, positive(v))
    }),
    server("idle", "D", "close a connection idle for D", |s, v| some(&mut s.house.idle, time(v))),
    server("log", "N", "requests remembered (1000)", |s, v| some(&mut s.house.log, upto(v, 100_000))),
];

fn put<T>(place: &mut T, value: Result<T, String>) -> Result<(), String> {
    *place = value?;
    Ok(())
}

fn some<T>(place: &mut Option<T>, value: Result<T, String>) -> Result<(), String> {
    *place = Some(value?);
    Ok(())
}

fn flag(place: &mut bool, value: &str) -> Result<(), String> {
    nothing(value)?;
    *place = true;
    Ok(())
}

fn upto(value: &str, most: usize) -> Result<usize, String> {
    number(value).and_then(|n: usize| if n <= most { Ok(n) } else { Err(format!("more than {most}")) })
}

fn positive(value: &str) -> Result<u64, String> {
    number(value).and_then(|n: u64| if n > 0 { Ok(n) } else { Err("must be at least 1".to_owned()) })
}

fn failure(script: &mut Script) -> &mut Failure {
    script.faults.failure.get_or_insert_default()
}

fn status(value: &str) -> Result<u16, String> {
    number(value).and_then(|n| if (200..=599).contains(&n) { Ok(n) } else { Err("not between 200 and 599".to_owned()) })
}

fn error(script: &mut Script, value: &str) -> Result<(), String> {
    let kind = KINDS.iter().find(|kind| kind.name == value);
    let kind = kind.ok_or_else(|| {
        let names: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
        format!("no such error, there are {}", names.join(", "))
    })?;
    failure(script).kind = Some(kind.name);
    Ok(())
}

fn act(script: &mut Script, act: Act, value: &str) -> Result<(), String> {
    script.faults.act = Some((act, point(value)?));
    Ok(())
}

fn event(script: &mut Script, act: Act, value: &str) -> Result<(), String> {
    script.faults.act = Some((act, super::plan::Point::Event(number(value)?)));
    Ok(())
}

fn calls(script: &mut Script, value: &str) -> Result<(), String> {
    script.answer.calls = match value {
        "auto" => Calls::Auto,
        "off" => Calls::Off,
        n => Calls::Exactly(upto(n, 64)?),
    };
    Ok(())
}

fn finish(script: &mut Script, value: &str) -> Result<(), String> {
    let words = [
        ("stop", Finish::Stop),
        ("length", Finish::Length),
        ("tools", Finish::Tools),
        ("filter", Finish::Filter),
        ("pause", Finish::Pause),
    ];
    some(&mut script.answer.finish, one_of(value, &words))
}

fn engine(script: &mut Script, value: &str) -> Result<(), String> {
    let words = [("plain", Engine::Plain), ("vllm", Engine::Vllm), ("llamacpp", Engine::LlamaCpp)];
    put(&mut script.quirks.engine, one_of(value, &words))
}

fn accept(script: &mut Script, value: &str) -> Result<(), String> {
    let words = [
        ("ok", Accept::Ok),
        ("refuse", Accept::Refuse),
        ("pause", Accept::Pause),
        ("reset", Accept::Reset),
        ("silent", Accept::Silent),
    ];
    put(&mut script.house.accept, one_of(value, &words))
}

fn header(script: &mut Script, value: &str) -> Result<(), String> {
    let (name, value) = value.split_once(':').ok_or("no colon after the name")?;
    let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| "not a header name")?;
    let value = HeaderValue::from_str(value.trim()).map_err(|_| "not a header value")?;
    script.quirks.headers.push((name, value));
    Ok(())
}

fn chance(script: &mut Script, value: &str) -> Result<(), String> {
    let p: f64 = value.parse().map_err(|_| "not a number")?;
    if !(0.0..=1.0).contains(&p) {
        return Err("not between 0 and 1".to_owned());
    }
    script.faults.chance = Some(p);
    Ok(())
}

fn models(script: &mut Script, value: &str) -> Result<(), String> {
    let names: Arc<[String]> =
        value.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Err("no model named".to_owned());
    }
    script.house.models = Some(names);
    Ok(())
}
