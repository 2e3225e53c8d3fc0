//! The connections: every limit that fred leaves open is set here.

use std::sync::Arc;
use std::time::Duration;

use fred::clients::{Client, SubscriberClient};
use fred::types::config::{
    ClusterDiscoveryPolicy, Config, ConnectionConfig, PerformanceConfig, ReconnectError, ReconnectPolicy, Server,
    ServerConfig, TcpConfig, TlsConfig, TlsConnector, UnresponsiveConfig,
};
use fred::types::{Builder, RespVersion};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::config::{Address, RedisConfig, RedisError, Tls};

/// Commands that may wait to be sent.
const COMMAND_BUFFER: usize = 10_000;
/// Messages that may wait to be read; more are counted as lost, and the waiters ask.
const MESSAGE_BUFFER: usize = 8_192;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const UNRESPONSIVE: Duration = Duration::from_secs(2);
const UNRESPONSIVE_CHECK: Duration = Duration::from_millis(500);
const RECONNECT_MIN_MS: u32 = 100;
const RECONNECT_MAX_MS: u32 = 2_000;

/// One connection for commands and one for messages, neither of them opened yet.
pub(super) fn clients(config: &RedisConfig) -> Result<(Client, SubscriberClient), RedisError> {
    let mut builder = Builder::from_config(Config {
        // A server that is down at the start is one that comes back.
        fail_fast: false,
        username: config.username.clone(),
        password: config.password.clone(),
        server: server(&config.address),
        version: RespVersion::RESP3,
        database: (config.database != 0).then_some(config.database),
        tls: config.tls.as_ref().map(tls).transpose()?,
        ..Config::default()
    });
    builder
        .set_performance_config(PerformanceConfig {
            default_command_timeout: config.command_timeout,
            broadcast_channel_capacity: MESSAGE_BUFFER,
            ..PerformanceConfig::default()
        })
        .set_connection_config(ConnectionConfig {
            connection_timeout: CONNECT_TIMEOUT,
            internal_command_timeout: CONNECT_TIMEOUT,
            // A command is sent once: whether to send it again is for the protocol to say.
            max_command_attempts: 1,
            max_command_buffer_len: COMMAND_BUFFER,
            reconnect_on_auth_error: true,
            // A primary that became a replica keeps its connections and refuses to write.
            reconnect_errors: vec![
                ReconnectError::ClusterDown,
                ReconnectError::Loading,
                ReconnectError::MasterDown,
                ReconnectError::ReadOnly,
            ],
            unresponsive: UnresponsiveConfig { max_timeout: Some(UNRESPONSIVE), interval: UNRESPONSIVE_CHECK },
            tcp: TcpConfig { nodelay: Some(true), ..TcpConfig::default() },
            ..ConnectionConfig::default()
        })
        .set_policy(ReconnectPolicy::new_exponential(0, RECONNECT_MIN_MS, RECONNECT_MAX_MS, 2));
    let wrong = |_| RedisError::Config("the address is not complete");
    Ok((builder.build().map_err(wrong)?, builder.build_subscriber_client().map_err(wrong)?))
}

fn server(address: &Address) -> ServerConfig {
    let servers =
        |hosts: &[(String, u16)]| hosts.iter().map(|(host, port)| Server::new(host.as_str(), *port)).collect();
    match address {
        Address::Server(host, port) => ServerConfig::new_centralized(host, *port),
        Address::Socket(path) => ServerConfig::new_unix_socket(path),
        Address::Sentinel { hosts, service, username, password } => ServerConfig::Sentinel {
            hosts: servers(hosts),
            service_name: service.clone(),
            username: username.clone(),
            password: password.clone(),
        },
        Address::Cluster(hosts) => {
            ServerConfig::Clustered { hosts: servers(hosts), policy: ClusterDiscoveryPolicy::UseCache }
        }
    }
}

fn tls(tls: &Tls) -> Result<TlsConfig, RedisError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = &tls.authorities {
        for certificate in CertificateDer::pem_file_iter(path).map_err(|_| RedisError::Certificates)? {
            let certificate = certificate.map_err(|_| RedisError::Certificates)?;
            roots.add(certificate).map_err(|_| RedisError::Certificates)?;
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if roots.is_empty() {
        return Err(RedisError::Certificates);
    }
    // The provider is named: another crate of the process may have brought a second one.
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| RedisError::Config("tls has no protocol version"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(config).into())
}
