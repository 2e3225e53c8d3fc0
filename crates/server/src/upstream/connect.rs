//! Opens connections to providers.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

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
#[derive(Debug)]
pub struct Trust {
    /// Those of the file.
    own: RootCertStore,
    /// Made when the first connection needs it: reading the system's hundreds of authorities takes time and memory that
    /// a router without TLS providers has better uses for.
    config: OnceLock<Arc<ClientConfig>>,
}

/// The system's authorities, and those of a file. The file is read and checked now, the system's when TLS is first
/// used.
///
/// # Errors
/// [`TrustError`] when the file is not what it should be.
pub fn trust(ca_file: Option<&PathBuf>) -> Result<Arc<Trust>, TrustError> {
    let mut own = RootCertStore::empty();
    if let Some(path) = ca_file {
        let read = |source| TrustError::File { path: path.clone(), source };
        for certificate in CertificateDer::pem_file_iter(path).map_err(read)? {
            own.add(certificate.map_err(read)?)
                .map_err(|source| TrustError::Certificate { path: path.clone(), source })?;
        }
    }
    Ok(Arc::new(Trust { own, config: OnceLock::new() }))
}

impl Trust {
    /// Reads the system's authorities now, so that no connection has to wait for it.
    pub(crate) fn prepare(&self) -> Result<(), TrustError> {
        self.config().map(drop)
    }

    fn config(&self) -> Result<Arc<ClientConfig>, TrustError> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }
        let mut roots = self.own.clone();
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            tracing::debug!(%error, "a certificate authority of the system was left out");
        }
        roots.add_parsable_certificates(system.certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // Another thread may have been quicker: both made the same.
        Ok(Arc::clone(self.config.get_or_init(|| Arc::new(config))))
    }
}

/// Opens a connection: name look-up, TCP, and TLS where the base URL asks for it.
pub(crate) async fn connect(base: &BaseUrl, trust: &Trust) -> io::Result<Stream> {
    let tcp = TcpStream::connect((base.host(), base.port())).await?;
    secure(tcp, base, trust).await
}

/// Makes a connection what the base URL asks for: plain, or TLS with a certificate for its host.
pub(super) async fn secure(tcp: TcpStream, base: &BaseUrl, trust: &Trust) -> io::Result<Stream> {
    tcp.set_nodelay(true)?;
    if base.scheme() == Scheme::Http {
        return Ok(Stream::Plain(tcp));
    }
    let name =
        ServerName::try_from(base.host().to_owned()).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
    let tls = TlsConnector::from(trust.config().map_err(io::Error::other)?).connect(name, tcp).await?;
    Ok(Stream::Tls(Box::new(tls)))
}
