//! TLS towards clients: both versions of HTTP, client certificates, and certificates that change while it runs.

use std::{fs, path::Path, sync::Arc};

use llm_router_mock::{Mock, Script};
use llm_router_tests::{Provider, Router, models};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

/// An authority, and what it signs.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().expect("there is randomness");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("it signs").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for a name, and its key.
    pub(crate) fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().expect("there is randomness");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("the name is one");
        (params.signed_by(&key, &self.issuer).expect("it signs").pem(), key.serialize_pem())
    }
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).expect("the folder is writable");
    path.to_str().expect("a temporary path is UTF-8").to_owned()
}

/// Asks for the probe over TLS; the answer's first line and the protocol agreed on.
async fn ask(
    router: &Router,
    authority: &Authority,
    own: Option<(String, String)>,
    protocol: &str,
) -> Result<(String, Vec<u8>, Vec<u8>), std::io::Error> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).expect("it is PEM"))
        .expect("it is an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("the defaults are safe").with_root_certificates(roots);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(cert.as_bytes()).expect("it is PEM")],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("it is PEM"),
            )
            .expect("they fit"),
    };
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let stream = TcpStream::connect(router.address()).await?;
    let name = ServerName::try_from("router.test").expect("it is a name");
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let state = stream.get_ref().1;
    let agreed = state.alpn_protocol().unwrap_or_default().to_vec();
    let shown = state.peer_certificates().map(|chain| chain[0].to_vec()).unwrap_or_default();
    if protocol == "h2" {
        return Ok((String::new(), agreed, shown));
    }
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: router.test\r\nconnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok((answer.lines().next().unwrap_or_default().to_owned(), agreed, shown))
}

#[tokio::test]
async fn a_listener_speaks_tls_in_both_versions_of_http_and_takes_new_certificates_in() {
    let folder = tempfile::tempdir().expect("there is room");
    let authority = Authority::new();
    let (cert, key) = authority.sign("router.test");
    let (cert, key) = (write(folder.path(), "cert", &cert), write(folder.path(), "key", &key));
    let mock = Mock::spawn(Script::default()).await.expect("a port is free");
    let file =
        write(folder.path(), "models", &models([("m", vec![Provider::new("a", "openai", &mock.url())])]).to_string());
    let router = Router::start_from_files(&[("models_config", &file), ("tls_cert", &cert), ("tls_key", &key)]);
    let (line, agreed, first) = ask(&router, &authority, None, "http/1.1").await.expect("it answers");
    assert_eq!((line.as_str(), agreed.as_slice()), ("HTTP/1.1 200 OK", &b"http/1.1"[..]));
    let (_, agreed, _) = ask(&router, &authority, None, "h2").await.expect("it answers");
    assert_eq!(agreed, b"h2");
    // A certificate without its key: nothing changes, and it is said why.
    let (new_cert, new_key) = authority.sign("router.test");
    write(folder.path(), "cert", &new_cert);
    let problems = router.running().shared().reload("a test").expect_err("they do not fit").to_string();
    assert!(problems.contains("tls_cert"), "{problems}");
    assert_eq!(ask(&router, &authority, None, "http/1.1").await.expect("it answers").2, first);
    write(folder.path(), "key", &new_key);
    router.running().shared().reload("a test").expect("they fit");
    assert_ne!(ask(&router, &authority, None, "http/1.1").await.expect("it answers").2, first);
    // Whoever speaks no TLS gets no answer.
    let mut plain = TcpStream::connect(router.address()).await.expect("it listens");
    plain.write_all(b"GET / HTTP/1.1\r\nhost: r\r\n\r\n").await.expect("it is sent");
    let mut answer = Vec::new();
    drop(plain.read_to_end(&mut answer).await);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn where_client_certificates_are_asked_for_nobody_comes_in_without_one() {
    let folder = tempfile::tempdir().expect("there is room");
    let (authority, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let (cert, key) = authority.sign("router.test");
    let (cert, key) = (write(folder.path(), "cert", &cert), write(folder.path(), "key", &key));
    let ca = write(folder.path(), "ca", &clients.pem);
    let settings = [("tls_cert", cert.as_str()), ("tls_key", &key), ("tls_client_ca", &ca)];
    let router = Router::start(&models([("m", vec![Provider::new("a", "openai", "http://127.0.0.1:1")])]), &settings);
    let (line, _, _) = ask(&router, &authority, Some(clients.sign("client")), "http/1.1").await.expect("it answers");
    assert_eq!(line, "HTTP/1.1 200 OK");
    for own in [None, Some(strangers.sign("client"))] {
        let answer = ask(&router, &authority, own, "http/1.1").await;
        assert!(answer.is_err(), "{answer:?}");
    }
}
