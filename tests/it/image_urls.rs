//! Images by URL for a provider that takes bytes alone: fetched from where the settings allow it, from nowhere else,
//! and whatever the server does is a clear answer to the client.

use std::{io::Write as _, sync::Arc};

use http::Request;
use llm_router_tests::{Provider, Reply, Router, models, until};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    hostile_providers::raw::{Play, RawProvider, Then},
    tls::Authority,
};

const CHAT: &str = "/v1/chat/completions";
/// The first bytes of a picture are all that is looked at: of each kind some, and the same in base64.
const PNG: (&[u8], &str) = (b"\x89PNG\r\n\x1a\n", "iVBORw0KGgo=");
const JPEG: (&[u8], &str) = (b"\xff\xd8\xff\xe0", "/9j/4A==");
const GIF: (&[u8], &str) = (b"GIF89a", "R0lGODlh");
const WEBP: (&[u8], &str) = (b"RIFF....WEBP", "UklGRi4uLi5XRUJQ");

fn head(status: &str, kind: &str, length: usize) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n").into_bytes()
}

fn picture(kind: &str, bytes: &[u8]) -> Play {
    Play([&head("200 OK", kind, bytes.len()), bytes].concat(), Then::Close)
}

async fn pictures(plays: Vec<Play>) -> RawProvider {
    RawProvider::start(plays).await
}

/// A provider of Ollama's kind that keeps what it is sent.
async fn ollama() -> RawProvider {
    let answer = json!({"model": "m", "message": {"role": "assistant", "content": "seen"}, "done": true}).to_string();
    let head = head("200 OK", "application/json", answer.len());
    RawProvider::start(vec![Play([head, answer.into_bytes()].concat(), Then::Keep)]).await
}

fn router(providers: Vec<Provider>, settings: &[(&str, &str)]) -> Router {
    let fixed = [("probe_interval", "0"), ("server_workers_count", "1"), ("balance_strategy", "first_available")];
    let settings: Vec<_> = fixed.iter().chain(settings).copied().collect();
    Router::start(&models([("m", providers)]), &settings)
}

fn over(ollama: &RawProvider, settings: &[(&str, &str)]) -> Router {
    router(vec![Provider::new("a", "ollama", ollama.url())], settings)
}

fn question(urls: &[&str]) -> String {
    let part = |url: &&str| json!({"type": "image_url", "image_url": {"url": url}});
    let parts: Vec<Value> = urls.iter().map(part).collect();
    json!({"model": "m", "messages": [{"role": "user", "content": parts}]}).to_string()
}

async fn ask(router: &Router, urls: &[&str]) -> Reply {
    router.client().post(CHAT, question(urls)).await
}

/// The pictures in the last request that a provider got.
fn images(provider: &RawProvider) -> Value {
    let requests = provider.requests();
    let (_, body) = requests.last().expect("it was asked").split_once("\r\n\r\n").expect("a head and a body");
    let body: Value = serde_json::from_str(body).expect("it is JSON");
    body["messages"][0]["images"].clone()
}

/// Asks with one URL, and expects a refusal with all of these words in it.
async fn refused(router: &Router, url: &str, code: &str, words: &[&str]) {
    let reply = ask(router, &[url]).await;
    assert_eq!(reply.status, 400, "{url}: {}", reply.text());
    let error = reply.json()["error"].clone();
    assert_eq!((&error["code"], &error["param"]), (&json!(code), &json!("messages[0].content[0]")), "{url}: {error}");
    let message = error["message"].as_str().unwrap_or_default();
    assert!(words.iter().all(|word| message.contains(word)), "{url}: {message}");
    until("nothing is held", async || router.running().shared().state().memory.held() == 0).await;
}

#[tokio::test]
async fn the_provider_gets_the_bytes_and_each_url_is_asked_once() {
    let plays = [("image/png", PNG), ("IMAGE/JPEG", JPEG), ("image/gif; a=b", GIF), ("image/webp", WEBP)];
    let mut servers = Vec::new();
    for (kind, (bytes, _)) in plays {
        servers.push(pictures(vec![picture(kind, bytes)]).await);
    }
    let provider = ollama().await;
    let router = over(&provider, &[("image_hosts", "127.0.0.1, LocalHost")]);
    let mut urls: Vec<String> = servers.iter().map(|server| format!("{}/a%20b?c=d&e#f", server.url())).collect();
    urls[1] = urls[1].replace("127.0.0.1", "localhost");
    urls.push(urls[0].clone());
    let request = Request::post(CHAT).header("authorization", "Bearer secret").header("cookie", "secret");
    let body = question(&urls.iter().map(String::as_str).collect::<Vec<_>>());
    let reply = router.client().send(request.body(body.into()).expect("it is well-formed")).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["choices"][0]["message"]["content"]), (200, &json!("seen")));
    assert_eq!(images(&provider), json!([PNG.1, JPEG.1, GIF.1, WEBP.1, PNG.1]));
    assert!(servers.iter().all(|server| server.connections() == 1));
    let asked = servers[0].requests()[0].to_ascii_lowercase();
    assert!(asked.starts_with("get /a%20b?c=d&e http/1.1\r\n") && asked.contains("\r\naccept: image/png"), "{asked}");
    assert!(asked.contains(&format!("\r\nhost: {}\r\n", &servers[0].url()[7..])), "{asked}");
    assert!(!asked.contains("secret") && !asked.contains("content-length"), "{asked}");
    until("nothing is held", async || router.running().shared().state().memory.held() == 0).await;
}

/// A server behind TLS with one picture, by the name `localhost` in a certificate of this authority; its port.
async fn behind_tls(authority: &Authority) -> u16 {
    let (certificate, key) = authority.sign("localhost");
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).expect("it is PEM")];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("it is PEM");
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("the defaults are safe").with_no_client_auth();
    let config = builder.with_single_cert(chain, key).expect("they belong together");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // One that does not trust it goes away.
            let Ok(mut stream) = TlsAcceptor::from(Arc::new(config.clone())).accept(stream).await else { continue };
            let Ok(_) = stream.read(&mut [0; 1024]).await else { continue };
            drop(stream.write_all(&picture("image/png", PNG.0).0).await);
            drop(stream.shutdown().await);
        }
    });
    port
}

#[tokio::test]
async fn certificates_are_checked_by_the_name_in_the_url() {
    let (authority, provider) = (Authority::new(), ollama().await);
    let port = behind_tls(&authority).await;
    let mut file = tempfile::NamedTempFile::new().expect("there is room");
    file.write_all(authority.pem.as_bytes()).expect("there is room");
    let file = file.path().to_str().expect("a temporary path is UTF-8");
    let trusting = over(&provider, &[("image_hosts", "localhost, 127.0.0.1"), ("ca_file", file)]);
    let url = format!("https://localhost:{port}/");
    let reply = ask(&trusting, &[&url]).await;
    assert_eq!((reply.status.as_u16(), images(&provider)), (200, json!([PNG.1])), "{}", reply.text());
    let (another, fault) = (format!("https://127.0.0.1:{port}/"), "invalid_image_url");
    refused(&trusting, &another, fault, &["cannot be connected to"]).await;
    let careful = over(&provider, &[("image_hosts", "localhost")]);
    refused(&careful, &url, fault, &["cannot be connected to"]).await;
}

#[tokio::test]
async fn clients_of_the_other_apis_get_it_too() {
    let (server, provider) = (pictures(vec![picture("image/png", PNG.0)]).await, ollama().await);
    let router = over(&provider, &[("image_hosts", "127.0.0.1")]);
    let url = server.url();
    let block = json!({"type": "image", "source": {"type": "url", "url": url}});
    let anthropic = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [block]}]});
    let block = json!({"type": "input_image", "image_url": url});
    let responses = json!({"model": "m", "input": [{"role": "user", "content": [block]}]});
    for (at, path, body) in [(1, "/v1/messages", anthropic), (2, "/v1/responses", responses)] {
        let reply = router.client().post(path, body.to_string()).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert_eq!((images(&provider), provider.requests().len()), (json!([PNG.1]), at), "{path}");
    }
}

#[tokio::test]
async fn without_the_setting_nothing_connects_anywhere() {
    let (server, provider) = (pictures(vec![picture("image/png", PNG.0)]).await, ollama().await);
    let router = over(&provider, &[]);
    for url in [server.url(), "http://localhost/a", "https://example.org/a", "nonsense"] {
        refused(&router, url, "image_url_not_allowed", &["images by URL are not supported", "base64"]).await;
    }
    assert_eq!((server.connections(), provider.connections()), (0, 0));
}

#[tokio::test]
async fn hosts_that_are_not_allowed_are_not_connected_to() {
    let (server, provider) = (pictures(vec![picture("image/png", PNG.0)]).await, ollama().await);
    let port = server.url().rsplit(':').next().expect("it has a port");
    let named = over(&provider, &[("image_hosts", "example.org, *.example.com, localhost")]);
    let not = "image_url_not_allowed";
    for host in ["127.0.0.1", "2130706433", "localhost.example.org", "example.com", "[::1]"] {
        let words = [&format!("host '{}'", host.trim_matches(['[', ']'])), "LLM_ROUTER_IMAGE_HOSTS"];
        refused(&named, &format!("http://{host}:{port}/"), not, &words).await;
    }
    let any = over(&provider, &[("image_hosts", "*")]);
    for host in ["127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "10.0.0.1"] {
        refused(&any, &format!("http://{host}:{port}/"), not, &["no public address", "LLM_ROUTER_IMAGE_HOSTS"]).await;
    }
    // Whether a system reads such spellings or not, they lead nowhere.
    for host in ["2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "0", "[::127.0.0.1]"] {
        let reply = ask(&any, &[&format!("http://{host}:{port}/")]).await;
        let text = reply.text();
        assert_eq!(reply.status, 400, "{host}: {text}");
        let why = ["no public address", "cannot be found"];
        assert!(why.iter().any(|why| text.contains(why)), "{host}: {text}");
    }
    // One that is not allowed, and nothing is fetched at all.
    let local = server.url().replace("127.0.0.1", "localhost");
    let reply = ask(&named, &[&local, "http://127.0.0.1/"]).await;
    assert_eq!(reply.json()["error"]["param"], "messages[0].content[1]", "{}", reply.text());
    assert_eq!((server.connections(), provider.connections()), (0, 0));
    assert_eq!(ask(&named, &[&local]).await.status, 200, "the same server by a name that is allowed");
}

#[tokio::test]
async fn what_is_no_url_of_the_web_is_refused() {
    let provider = ollama().await;
    let router = over(&provider, &[("image_hosts", "*, 127.0.0.1")]);
    for (url, words) in [
        ("ftp://127.0.0.1/a.png", "scheme other than"),
        ("file:///etc/passwd", "must begin with http"),
        ("/a.png", "must begin with http"),
        ("", "must begin with http"),
        ("http://", "must begin with http"),
        ("http://127.0.0.1:0/", "must begin with http"),
        ("http://127.0.0.1:99999/", "must begin with http"),
        ("http://[fe80::1%25eth0]/", "must begin with http"),
        ("http://%31%32%37.0.0.1/", "must begin with http"),
        ("http://127.0.0.1/a\r\nx: y", "must begin with http"),
        ("http://user:word@127.0.0.1/", "user name"),
        ("http://127.0.0.1@example.org/", "user name"),
    ] {
        refused(&router, url, "invalid_image_url", &["messages[0].content[0]", words]).await;
    }
    let many: Vec<String> = (0..9).map(|n| format!("http://127.0.0.1:1/{n}")).collect();
    let reply = ask(&router, &many.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert!(reply.status == 400 && reply.text().contains("more than 8 images"), "{}", reply.text());
    assert_eq!(provider.connections(), 0);
}

#[tokio::test]
async fn whatever_the_server_does_is_told_plainly() {
    let (other, provider) = (pictures(vec![picture("image/png", PNG.0)]).await, ollama().await);
    let settings = [("image_hosts", "127.0.0.1"), ("image_size", "100000"), ("image_timeout", "30s")];
    let router = over(&provider, &settings);
    let moved = format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", other.url());
    let chunks = "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ntransfer-encoding: chunked\r\n\r\n";
    for (answer, then, words) in [
        (moved.into_bytes(), Then::Close, "redirects are not followed"),
        (head("404 Not Found", "image/png", 0), Then::Close, "status 404"),
        (head("206 Partial Content", "image/png", 0), Then::Close, "status 206"),
        (head("200 OK", "text/html", 0), Then::Close, "content type is \"text/html\""),
        (head("200 OK", "image/svg+xml", 0), Then::Close, "content type is \"image/svg+xml\""),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec(), Then::Close, "content type is \"\""),
        (picture("image/png", b"<html>").0, Then::Close, "content type is image/png, its bytes are not"),
        (picture("image/jpeg", PNG.0).0, Then::Close, "content type is image/jpeg, its bytes are not"),
        (picture("image/webp", b"RIFF").0, Then::Close, "content type is image/webp, its bytes are not"),
        (picture("image/gif", b"").0, Then::Close, "content type is image/gif, its bytes are not"),
        (head("200 OK", "image/png", 100_001), Then::Keep, "larger than 100000 bytes (LLM_ROUTER_IMAGE_SIZE)"),
        (chunks.into(), Then::Forever("4\r\nabcd\r\n"), "larger than 100000 bytes"),
        (b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n\r\n".to_vec(), Then::Forever("a"), "larger than 100000"),
        (head("200 OK", "image/png", 1000), Then::Close, "broke off"),
        (b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(), Then::Close, "no valid answer"),
        (Vec::new(), Then::Close, "no valid answer"),
    ] {
        let server = pictures(vec![Play(answer, then)]).await;
        refused(&router, server.url(), "invalid_image_url", &[words]).await;
        assert_eq!(server.connections(), 1, "{words}");
    }
    // Bound and not listening: nobody else can have the port, and nobody answers.
    let closed = TcpSocket::new_v4().expect("there are sockets");
    closed.bind("127.0.0.1:0".parse().expect("an address")).expect("a port is free");
    let url = format!("http://{}", closed.local_addr().expect("it is bound"));
    refused(&router, &url, "invalid_image_url", &["cannot be connected to"]).await;
    assert_eq!((other.connections(), provider.connections()), (0, 0));
}

#[tokio::test]
async fn time_is_bounded_by_the_setting_and_by_the_client() {
    let silent = pictures(vec![Play(Vec::new(), Then::Keep)]).await;
    let stuck = pictures(vec![Play(head("200 OK", "image/png", 1000), Then::Keep)]).await;
    let provider = ollama().await;
    let router = over(&provider, &[("image_hosts", "127.0.0.1"), ("image_timeout", "100ms")]);
    for server in [&silent, &stuck] {
        refused(&router, server.url(), "invalid_image_url", &["within 100ms (LLM_ROUTER_IMAGE_TIMEOUT)"]).await;
    }
    let patient = over(&provider, &[("image_hosts", "127.0.0.1"), ("image_timeout", "1h")]);
    let request = Request::post(CHAT).header("x-llm-router-timeout", "100ms").body(question(&[stuck.url()]).into());
    let reply = patient.client().send(request.expect("it is well-formed")).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]["code"]), (504, &json!("deadline_exceeded")));
    until("nothing is held", async || patient.running().shared().state().memory.held() == 0).await;
    assert_eq!(provider.connections(), 0);
}

#[tokio::test]
async fn pictures_count_as_memory() {
    let large = [PNG.0, &[0; 60_000]].concat();
    let (server, provider) = (pictures(vec![picture("image/png", &large)]).await, ollama().await);
    let small = over(&provider, &[("image_hosts", "127.0.0.1"), ("max_buffered_size", "50000")]);
    let reply = ask(&small, &[server.url()]).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]["code"]), (503, &json!("router_memory_full")));
    until("it is given back", async || small.running().shared().state().memory.held() == 0).await;
    assert_eq!(provider.connections(), 0);
    let enough = over(&provider, &[("image_hosts", "127.0.0.1"), ("max_buffered_size", "200000")]);
    assert_eq!(ask(&enough, &[server.url()]).await.status, 200);
}

#[tokio::test]
async fn one_fetch_serves_every_provider_that_is_tried() {
    let (server, provider) = (pictures(vec![picture("image/png", PNG.0)]).await, ollama().await);
    let broken = RawProvider::start(vec![Play(head("500 Oh", "application/json", 0), Then::Keep)]).await;
    let both = vec![Provider::new("a", "ollama", broken.url()), Provider::new("b", "ollama", provider.url())];
    let first = router(both, &[("image_hosts", "127.0.0.1")]);
    let reply = ask(&first, &[server.url()]).await;
    assert_eq!((reply.status.as_u16(), broken.requests().len()), (200, 1), "{}", reply.text());
    assert_eq!((images(&broken), images(&provider)), (json!([PNG.1]), json!([PNG.1])));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_provider_that_takes_urls_is_asked_where_the_picture_cannot_be_had() {
    let provider = ollama().await;
    let answer = json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}}]}).to_string();
    let whole = [head("200 OK", "application/json", answer.len()), answer.into_bytes()].concat();
    let takes_urls = RawProvider::start(vec![Play(whole, Then::Keep)]).await;
    let both = vec![Provider::new("a", "ollama", provider.url()), Provider::new("b", "openai", takes_urls.url())];
    let router = router(both, &[("image_hosts", "example.org")]);
    let reply = ask(&router, &["http://127.0.0.1:1/a.png"]).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(takes_urls.requests()[0].contains("http://127.0.0.1:1/a.png"));
    assert_eq!(provider.connections(), 0);
}
