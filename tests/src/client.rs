//! A plain HTTP client: one connection a request, every byte of the answer kept.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// Sends requests to one address.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    address: SocketAddr,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, as far as it came.
    pub body: Bytes,
    /// Whether the body came to its end.
    pub whole: bool,
}

impl Reply {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The payloads of the body's `data:` lines.
    #[must_use]
    pub fn events(&self) -> Vec<String> {
        self.text().lines().filter_map(|line| Some(line.strip_prefix("data:")?.trim().to_owned())).collect()
    }
}

impl Client {
    /// A client of an address.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn open(&self, request: Request<Bytes>) -> Response<Incoming> {
        let stream = TcpStream::connect(self.address).await.expect("the address accepts connections");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("the handshake does no I/O");
        tokio::spawn(async move { drop(connection.await) });
        let (mut head, body) = request.into_parts();
        head.headers.entry("host").or_insert_with(|| "router.test".parse().expect("a host is a header value"));
        sender.send_request(Request::from_parts(head, Full::new(body))).await.expect("there is an answer")
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn send(&self, request: Request<Bytes>) -> Reply {
        let (head, mut incoming) = self.open(request).await.into_parts();
        let mut body = Vec::new();
        let mut whole = true;
        while let Some(frame) = incoming.frame().await {
            match frame {
                Ok(frame) => body.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Err(_) => {
                    whole = false;
                    break;
                }
            }
        }
        Reply { status: head.status, headers: head.headers, body: body.into(), whole }
    }

    /// `GET`.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(request(Method::GET, path, Bytes::new())).await
    }

    /// `POST` with a JSON body.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Reply {
        self.send(request(Method::POST, path, body.into())).await
    }
}

fn request(method: Method, path: &str, body: Bytes) -> Request<Bytes> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .body(body)
        .expect("tests use well-formed paths")
}
