//! Opens connections to providers.

use std::{io, path::PathBuf, sync::Arc};

use llm_router_core::catalogue::{BaseUrl, Scheme};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::stream::Stream;

/// Why TLS towards providers cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file of additional authorities cannot be read as PEM certificates.
    #[error("ca_file {path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls_pki_types::pem::Error,
    },
    /// A certificate in it cannot be an authority.
    #[error("ca_file {path}: {source}", path = path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// The TLS library refuses its own defaults.
    #[error("TLS: {0}")]
    Config(#[from] rustls::Error),
}

/// What providers' certificates are checked against: the system's authorities, and those of a file.
///
/// # Errors
/// [`TrustError`] when the file is not what it should be.
pub fn trust(ca_file: Option<&PathBuf>) -> Result<Arc<ClientConfig>, TrustError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::debug!(%error, "a certificate authority of the system was left out");
    }
    roots.add_parsable_certificates(system.certs);
    if let Some(path) = ca_file {
        let read = |source| TrustError::File { path: path.clone(), source };
        for certificate in CertificateDer::pem_file_iter(path).map_err(read)? {
            roots
                .add(certificate.map_err(read)?)
                .map_err(|source| TrustError::Certificate { path: path.clone(), source })?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Opens a connection: name look-up, TCP, and TLS where the base URL asks for it.
pub(crate) async fn connect(base: &BaseUrl, trust: &Arc<ClientConfig>) -> io::Result<Stream> {
    let tcp = TcpStream::connect((base.host(), base.port())).await?;
    tcp.set_nodelay(true)?;
    if base.scheme() == Scheme::Http {
        return Ok(Stream::Plain(tcp));
    }
    let name =
        ServerName::try_from(base.host().to_owned()).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
    let tls = TlsConnector::from(Arc::clone(trust)).connect(name, tcp).await?;
    Ok(Stream::Tls(Box::new(tls)))
}
