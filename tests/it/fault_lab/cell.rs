//! One cell of the fault matrix: a broken provider, perhaps a sound one behind it, one request, and what came of it.

use std::{fmt, future::Future, time::Duration};

use llm_router_mock::{Mock, MockServer, Script};
use llm_router_tests::{Client, Provider, Reply, Router, SOON};
use serde_json::json;

/// What the providers say when nothing breaks; long enough for a place in its midst.
const TEXT: &str = "one two three four five six seven eight nine ten eleven twelve";

/// A way to break, as a script of the mock.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) script: &'static str,
    pub(super) moment: Moment,
}

impl Fault {
    /// With and without a sound provider behind the broken one, where that makes a difference.
    pub(super) fn backups(&self) -> &'static [bool] {
        match self.moment {
            Moment::BeforeHead | Moment::BeforeContent => &[false, true],
            _ => &[true],
        }
    }
}

/// When it breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// Nothing breaks.
    Harmless,
    BeforeHead,
    /// The head came, nothing of the answer.
    BeforeContent,
    /// Some bytes of the answer came, perhaps no content.
    Early,
    /// In the midst of a stream; an answer that is not streamed is sound.
    Midway,
    /// All content came, the end of the transfer did not.
    AtTheEnd,
    /// An answer that is not streamed breaks; a stream is sound.
    WholeOnly,
}

/// A route and the provider type behind it.
#[derive(Debug)]
pub(super) struct Surface {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    pub(super) api_type: &'static str,
}

impl Surface {
    /// A request for it.
    pub(super) fn body(&self, model: &str, stream: bool) -> String {
        let turns = json!([{"role": "user", "content": "say it"}]);
        let body = match self.name.starts_with("text>") {
            false => json!({"model": model, "stream": stream, "max_tokens": 500, "messages": turns}),
            true => json!({"model": model, "stream": stream, "user_last_statement": "say it"}),
        };
        body.to_string()
    }
}

/// What the client saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The answer, and all of it.
    Answer,
    /// An error status.
    Refused,
    /// An answer that says it broke, or a transfer that did.
    Broken,
    /// The connection ended before a head came.
    Nothing,
}

/// One combination, with providers of its own.
pub(super) struct Cell {
    fault: &'static Fault,
    surface: &'static Surface,
    stream: bool,
    backup: bool,
    pub(super) model: String,
    broken: MockServer,
    sound: MockServer,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stream = if self.stream { "stream" } else { "whole" };
        let backup = if self.backup { "with backup" } else { "alone" };
        write!(f, "{:26} {:14} {stream:6} {backup:11}", self.fault.script, self.surface.name)
    }
}

impl Cell {
    pub(super) async fn new(fault: &'static Fault, surface: &'static Surface, stream: bool, backup: bool) -> Self {
        let model = format!("{}-{stream}-{backup}", surface.name.replace('>', "-"));
        Self { fault, surface, stream, backup, model, broken: mock(fault.script).await, sound: mock("").await }
    }

    pub(super) fn providers(&self) -> Vec<Provider> {
        let provider =
            |name: &str, url: &str| Provider::new(&format!("{}-{name}", self.model), self.surface.api_type, url);
        let mut providers = vec![provider("broken", &self.broken.url())];
        if self.backup {
            providers.push(provider("sound", &self.sound.url()));
        }
        providers
    }

    /// Sends the cell's request. The error: nothing came of it in time.
    pub(super) fn request(&self, client: Client) -> impl Future<Output = Result<Reply, String>> + Send + use<> {
        let body = self.surface.body(&self.model, self.stream);
        let path = self.surface.path;
        async move {
            let reply = tokio::time::timeout(SOON, client.post(path, body)).await;
            reply.map_err(|_| "the client waits for ever".to_owned())
        }
    }

    /// What the client made of the reply; an error when it is one no client can be asked to understand.
    pub(super) fn outcome(&self, reply: &Reply) -> Result<Outcome, String> {
        let text = reply.text();
        let json = serde_json::from_slice::<serde_json::Value>(&reply.body).ok();
        if text.contains("127.0.0.1") {
            return Err(format!("names an address: {text}"));
        }
        if !reply.status.is_success() {
            let told = reply.whole && json.is_some_and(|value| !value["error"].is_null() || value["status"] == false);
            let untold = || format!("{} without an error body: {text}", reply.status);
            return if told { Ok(Outcome::Refused) } else { Err(untold()) };
        }
        if !reply.whole || text.contains("\"error\"") {
            return Ok(Outcome::Broken);
        }
        let ended = match self.stream {
            true => ["[DONE]", "message_stop", "\"done\":true"].iter().any(|end| text.contains(end)),
            false => json.is_some(),
        };
        let said = text.contains("twelve");
        if said && ended { Ok(Outcome::Answer) } else { Err(format!("ends as if it were whole: {text}")) }
    }

    /// Whether this outcome keeps the promise.
    pub(super) fn judge(&self, outcome: Outcome) -> Result<Outcome, String> {
        use Outcome::{Answer, Broken, Nothing, Refused};
        let wanted: &[Outcome] = match self.fault.moment {
            Moment::Harmless => &[Answer],
            Moment::BeforeHead | Moment::BeforeContent if self.backup => &[Answer],
            Moment::BeforeHead | Moment::BeforeContent => &[Refused],
            Moment::Midway if !self.stream => &[Answer],
            Moment::Midway => &[Broken],
            Moment::WholeOnly if self.stream => &[Answer],
            // As long as nothing is with the client, an answer can still be replaced or refused. One that is cut while
            // its head is being written need not arrive at all.
            Moment::Early if self.stream => &[Broken, Refused, Answer],
            Moment::Early | Moment::WholeOnly => &[Broken, Nothing, Refused, Answer],
            // The dialect's own end has come; whether the transfer's end matters too is the router's choice.
            Moment::AtTheEnd => &[Answer, Broken, Refused],
        };
        if wanted.contains(&outcome) { Ok(outcome) } else { Err(format!("{outcome:?}, wanted one of {wanted:?}")) }
    }
}

async fn mock(script: &str) -> MockServer {
    let text = format!("text=\"{TEXT}\" {script}");
    let script = Script::parse(&text).expect("the matrix holds well-formed scripts");
    Mock::spawn(script).await.expect("a port is free")
}

/// Waits until nothing is held on either side.
pub(super) async fn settled(router: &Router, cells: &[Cell]) -> Result<(), String> {
    let end = tokio::time::Instant::now() + SOON;
    loop {
        let held = router.in_flight();
        let open: usize = cells.iter().map(|cell| cell.broken.stats().in_flight + cell.sound.stats().in_flight).sum();
        if held == 0 && open == 0 {
            return Ok(());
        }
        if tokio::time::Instant::now() > end {
            return Err(format!("{held} leases and {open} exchanges are left"));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
