//! Settings of TLS towards clients.

use std::path::PathBuf;

use super::reader::Reader;

/// The files of a TLS listener. They are read again with every reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// `tls_cert`: PEM file of the certificate and the chain behind it.
    pub cert: PathBuf,
    /// `tls_key`: PEM file of its private key.
    pub key: PathBuf,
    /// `tls_client_ca`: PEM file of the authorities whose certificates clients must show; `None` asks for none.
    pub client_ca: Option<PathBuf>,
}

impl Tls {
    /// `None` when no certificate is set: then clients are served without TLS.
    pub(super) fn read(r: &mut Reader<'_>) -> Option<Self> {
        let cert = r.optional("tls_cert", "").map(PathBuf::from);
        let key = r.optional("tls_key", "").map(PathBuf::from);
        let client_ca = r.optional("tls_client_ca", "").map(PathBuf::from);
        match (cert, key) {
            (Some(cert), Some(key)) => return Some(Self { cert, key, client_ca }),
            (Some(_), None) => r.refuse("tls_cert", "needs tls_key beside it"),
            (None, Some(_)) => r.refuse("tls_key", "needs tls_cert beside it"),
            (None, None) if client_ca.is_some() => r.refuse("tls_client_ca", "needs tls_cert and tls_key beside it"),
            (None, None) => {}
        }
        None
    }
}
