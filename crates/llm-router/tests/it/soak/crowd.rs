//! The clients of the soak: each holds one request open after another and says what became of it.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

/// The provider that comes and goes.
pub(super) const FLAPPING: &str = "flapping";
/// Bytes of an answer's end that are looked at.
const TAIL: usize = 4096;
/// Most failures kept to be shown.
const SHOWN: usize = 20;

/// A small generator, so that a run can be repeated (Marsaglia's xorshift).
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(0x9E37_79B9_7F4A_7C15 ^ (seed + 1))
    }

    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

/// What all clients have in common.
pub(super) struct Crowd {
    pub(super) address: SocketAddr,
    /// Time between two tokens of a stream.
    pub(super) pause: Duration,
    pub(super) over: AtomicBool,
    /// Answers that came whole.
    pub(super) whole: AtomicU64,
    /// Requests whose client left, or that asked for a fault.
    pub(super) on_purpose: AtomicU64,
    /// Answers that broke off with the provider that comes and goes.
    pub(super) flapped: AtomicU64,
    /// Everything else.
    pub(super) unexplained: AtomicU64,
    shown: Mutex<Vec<String>>,
}

/// What a client does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Reads it to the end, which must be good.
    Faithful,
    /// Leaves in the middle.
    Leaves,
    /// Has asked for a fault.
    Faulty,
}

/// Faults that an answer is asked to have.
const FAULTS: [&str; 8] = [
    "cut=event:2",
    "reset=event:2",
    "half-close=event:2",
    "garbage=body:50",
    "stall=event:2",
    "error-event=2",
    "status=500",
    "head-delay=2s cut=wire:0",
];

struct Asked {
    manner: Manner,
    path: &'static str,
    model: &'static str,
    stream: bool,
    script: String,
}

impl Crowd {
    pub(super) fn new(address: SocketAddr, pause: Duration) -> Arc<Self> {
        Arc::new(Self {
            address,
            pause,
            over: AtomicBool::new(false),
            whole: AtomicU64::new(0),
            on_purpose: AtomicU64::new(0),
            flapped: AtomicU64::new(0),
            unexplained: AtomicU64::new(0),
            shown: Mutex::default(),
        })
    }

    /// The first failures that nothing explains.
    pub(super) fn shown(&self) -> Vec<String> {
        self.shown.lock().expect("nobody panics under it").clone()
    }

    /// Asks until the soak is over.
    pub(super) async fn live(self: Arc<Self>, mut chance: Chance, delay: Duration) {
        sleep(delay).await;
        while !self.over.load(Relaxed) {
            let asked = self.choose(&mut chance);
            let stay = self.pause * u32::try_from(chance.below(12)).unwrap_or(0);
            let came = match asked.manner {
                Manner::Leaves => timeout(stay, self.ask(&asked)).await.unwrap_or_else(|_| Ok(String::new())),
                Manner::Faithful | Manner::Faulty => self.ask(&asked).await,
            };
            match (asked.manner, came) {
                (Manner::Leaves | Manner::Faulty, _) => self.on_purpose.fetch_add(1, Relaxed),
                (Manner::Faithful, Ok(_)) => self.whole.fetch_add(1, Relaxed),
                (Manner::Faithful, Err(why)) if why.contains(FLAPPING) => self.flapped.fetch_add(1, Relaxed),
                (Manner::Faithful, Err(why)) => {
                    let mut shown = self.shown.lock().expect("nobody panics under it");
                    if shown.len() < SHOWN {
                        shown.push(format!("{} {}: {why}", asked.path, asked.script));
                    }
                    self.unexplained.fetch_add(1, Relaxed)
                }
            };
        }
    }

    fn choose(&self, chance: &mut Chance) -> Asked {
        let pause = self.pause.as_millis();
        let long = format!("tokens={} token-delay={pause}ms", 6 + chance.below(6));
        let path = ["/v1/chat/completions", "/v1/messages", "/v1/responses"][chance.below(3) as usize];
        let asked = |manner, model, stream, script| Asked { manner, path, model, stream, script };
        match chance.below(100) {
            0..10 => asked(Manner::Leaves, "m", true, long),
            10..20 => {
                let fault = FAULTS[chance.below(FAULTS.len() as u64) as usize];
                asked(Manner::Faulty, "f", chance.below(2) == 0, format!("tokens=6 token-delay=5ms {fault}"))
            }
            20..25 => asked(Manner::Faithful, "m", false, "tokens=6".to_owned()),
            _ => asked(Manner::Faithful, "m", true, long),
        }
    }

    /// One exchange over a connection of its own; an error says what is wrong with the answer.
    async fn ask(&self, asked: &Asked) -> Result<String, String> {
        let Asked { path, model, stream, script, .. } = asked;
        let text = format!("[[mock {script}]] hello");
        let input = if *path == "/v1/responses" {
            format!(r#""input":"{text}""#)
        } else {
            format!(r#""max_tokens":100,"messages":[{{"role":"user","content":"{text}"}}]"#)
        };
        let body = format!(r#"{{"model":"{model}","stream":{stream},{input}}}"#);
        let length = body.len();
        let request =
            format!("POST {path} HTTP/1.1\r\nhost: r\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
        let told = |error: std::io::Error| error.to_string();
        let mut socket = TcpStream::connect(self.address).await.map_err(told)?;
        socket.write_all(request.as_bytes()).await.map_err(told)?;
        let mut answer = Vec::new();
        let mut head = None;
        loop {
            let read = socket.read_buf(&mut answer).await;
            if head.is_none()
                && let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n")
            {
                head = Some(String::from_utf8_lossy(&answer[..end]).into_owned());
                answer.drain(..end + 4);
            }
            if head.is_some() && answer.len() > 2 * TAIL {
                answer.drain(..answer.len() - TAIL);
            }
            let head = head.as_deref().unwrap_or_default();
            match read {
                Ok(0) => return verdict(head, &answer, *stream),
                Ok(_) => {}
                Err(error) => return Err(format!("{error}: {head}")),
            }
        }
    }
}

/// Whether an answer is good and whole, by its head and its end.
fn verdict(head: &str, tail: &[u8], stream: bool) -> Result<String, String> {
    let text = String::from_utf8_lossy(tail);
    let good = head.starts_with("HTTP/1.1 200 ");
    let chunked = head.contains("transfer-encoding: chunked");
    let ended = ["[DONE]", "message_stop", "response.completed"].iter().any(|end| text.contains(end));
    let whole = if chunked { text.ends_with("0\r\n\r\n") } else { text.ends_with('}') };
    if good && whole && (ended || !stream) { Ok(String::new()) } else { Err(format!("{head}\n…{text}")) }
}
