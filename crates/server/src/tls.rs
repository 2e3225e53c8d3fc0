//! TLS towards clients: certificate, key and the authorities of client certificates, read at the start and at reloads.

use std::{path::PathBuf, sync::Arc};

use llm_router_core::settings::Tls;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    server::{VerifierBuilderError, WebPkiClientVerifier},
};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject as _},
};

/// Why TLS towards clients cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as PEM.
    #[error("{setting} {path}: {source}", path = path.display())]
    File {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// A file holds no certificate.
    #[error("{setting} {path}: there is no certificate in it", path = path.display())]
    Empty {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The authorities of client certificates cannot be used.
    #[error("tls_client_ca: {0}")]
    Clients(#[from] VerifierBuilderError),
    /// Certificate and key do not fit, or cannot be used.
    #[error("tls_cert and tls_key: {0}")]
    Config(#[from] rustls::Error),
}

/// Makes the TLS side of the listener from its files: h2 and HTTP/1.1 are offered (RFC 7301).
///
/// # Errors
/// [`TlsError`] naming the setting and the file.
pub(crate) fn config(files: &Tls) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates("tls_cert", &files.cert)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|source| TlsError::File {
        setting: "tls_key",
        path: files.key.clone(),
        source,
    })?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates("tls_client_ca", path)? {
                roots.add(authority)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(setting: &'static str, path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let file = |source| TlsError::File { setting, path: path.clone(), source };
    let found: Vec<_> = CertificateDer::pem_file_iter(path).map_err(file)?.collect::<Result<_, _>>().map_err(file)?;
    if found.is_empty() {
        return Err(TlsError::Empty { setting, path: path.clone() });
    }
    Ok(found)
}
