//! The ways to reach Redis: a port, a password, TLS, sentinels, a cluster; and servers that cannot be used.

use std::process::Command;
use std::time::Duration;

use llm_router_balancer::store::redis::{Address, RedisConfig, RedisError, RedisStore, Tls};

use crate::resp::{Connection, Value};
use crate::router::{Router, quick, until};
use crate::server::{Server, free_port};

async fn serves(config: RedisConfig) {
    let (a, b) = (Router::start(config.clone()), Router::start(config));
    a.until_up().await;
    let first = a.must("m", &["x"]).await;
    let second = b.take("m", &["x"], Duration::from_secs(5));
    tokio::pin!(second);
    assert!(tokio::time::timeout(Duration::from_millis(150), &mut second).await.is_err());
    a.give(&first);
    assert!(second.await.unwrap().grant.fence > first.grant.fence);
}

fn host() -> String {
    "127.0.0.1".to_owned()
}

#[tokio::test]
async fn a_port_a_user_and_a_database() {
    let user = "--requirepass other --user router on >s3cret ~llmr:* &llmr:* +@all";
    let (server, port) =
        Server::on_port(|port| format!("--port {port} {user}").split(' ').map(str::to_owned).collect());
    let mut config = quick(Address::Server(host(), port));
    (config.username, config.password, config.database) = (Some("router".into()), Some("s3cret".into()), 3);
    assert!(!format!("{config:?}").contains("s3cret"));
    serves(config.clone()).await;
    config.password = Some("wrong".into());
    let refused = Router::start(config);
    refused.until_down().await;
    assert!(!format!("{:?}", refused.heard.events.lock().unwrap()).contains("wrong"));
    drop(server);
}

#[tokio::test]
async fn tls_with_an_authority_of_our_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let openssl = |arguments: &str| {
        let words = arguments.split(' ').map(|word| word.strip_prefix('@').map_or(word.to_owned(), path));
        assert!(Command::new("openssl").args(words).output().unwrap().status.success(), "{arguments}");
    };
    let curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(&format!("req -x509 {curve} -keyout @ca.key -out @ca.pem -subj /CN=authority -days 2"));
    openssl(&format!("req {curve} -keyout @key.pem -out @request.pem -subj /CN=localhost"));
    std::fs::write(path("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1").unwrap();
    openssl(
        "x509 -req -in @request.pem -CA @ca.pem -CAkey @ca.key -CAcreateserial -days 2 -extfile @names -out @cert.pem",
    );
    let files = [path("cert.pem"), path("key.pem"), path("ca.pem")];
    let names = ["--tls-cert-file", "--tls-key-file", "--tls-ca-cert-file"];
    let (_server, port) = Server::on_port(|port| {
        let mut options = vec!["--port", "0", "--tls-port", port, "--tls-auth-clients", "no"];
        options.extend(names.iter().zip(&files).flat_map(|(&name, file)| [name, file]));
        options.into_iter().map(str::to_owned).collect()
    });
    let mut config = quick(Address::Server("localhost".into(), port));
    config.tls = Some(Tls { authorities: Some(path("ca.pem").into()) });
    serves(config.clone()).await;
    config.tls = Some(Tls { authorities: Some(path("names").into()) });
    assert_eq!(RedisStore::new(config).err(), Some(RedisError::Certificates));
}

#[tokio::test]
async fn a_cluster() {
    let nodes = [cluster_node(), cluster_node()];
    let slots = [["0", "5000"], ["5001", "16383"]];
    for ((node, _), range) in nodes.iter().zip(&slots) {
        node.connect().ok(&[&["CLUSTER", "ADDSLOTSRANGE"], &range[..]].concat());
    }
    let port = nodes[1].1.to_string();
    nodes[0].0.connect().ok(&["CLUSTER", "MEET", "127.0.0.1", &port]);
    let ready = |node: &Server| node.connect().ok(&["CLUSTER", "INFO"]).text().contains("cluster_state:ok");
    until("the cluster stands", || nodes.iter().all(|(node, _)| ready(node))).await;
    for pool in ["main", "other", "third"] {
        let mut config = quick(Address::Cluster(vec![(host(), nodes[0].1)]));
        config.pool = pool.to_owned();
        serves(config).await;
    }
    let served = |node: &Server| node.connect().ok(&["KEYS", "*"]).list().len();
    assert!(nodes.iter().all(|(node, _)| served(node) > 0), "both nodes have a pool");
}

/// A node and its port. Its bus listens 10 000 above.
fn cluster_node() -> (Server, u16) {
    Server::on_port(|port| {
        let options = ["--port", port, "--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1"];
        options.map(str::to_owned).to_vec()
    })
}

#[tokio::test]
async fn sentinels_name_the_primary_and_name_another_when_it_dies() {
    let plain = |port: &str| vec!["--port".to_owned(), port.to_owned()];
    let (mut primary, port) = Server::on_port(plain);
    let master = format!("127.0.0.1 {port}");
    let (replica, _) = Server::on_port(|port| [plain(port), vec!["--replicaof".to_owned(), master.clone()]].concat());
    let sentinel = free_port();
    let mut watcher = sentinel_of(&primary, sentinel, &port.to_string());
    let hosts = vec![(host(), sentinel)];
    let mut config = quick(Address::Sentinel { hosts, service: "llmr".into(), username: None, password: None });
    config.trust_empty = false;
    config.lag = Duration::ZERO;
    until("the replica follows", || follows(&replica)).await;
    let router = Router::start(config);
    router.until_up().await;
    let first = router.must("m", &["x"]).await;
    primary.kill();
    router.until_down().await;
    let end = std::time::Instant::now() + Duration::from_secs(20);
    let second = loop {
        if let Ok(lease) = router.take("m", &["y"], Duration::from_secs(2)).await {
            break lease;
        }
        assert!(std::time::Instant::now() < end, "the sentinels promote the replica");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(second.grant.fence > first.grant.fence);
    watcher.kill().unwrap();
    watcher.wait().unwrap();
}

fn sentinel_of(server: &Server, port: u16, primary: &str) -> std::process::Child {
    let file = server.folder().join("sentinel.conf");
    let lines = [
        format!("port {port}"),
        format!("sentinel monitor llmr 127.0.0.1 {primary} 1"),
        "sentinel down-after-milliseconds llmr 500".to_owned(),
        "sentinel failover-timeout llmr 3000".to_owned(),
    ];
    std::fs::write(&file, lines.join("\n")).unwrap();
    Command::new("redis-server").arg(&file).arg("--sentinel").stdout(std::process::Stdio::null()).spawn().unwrap()
}

fn follows(replica: &Server) -> bool {
    let info = replica.connect().ok(&["INFO", "replication"]).text();
    info.contains("master_link_status:up")
}

#[tokio::test]
async fn a_server_that_would_throw_leases_away_is_refused() {
    for (policy, refused) in [("allkeys-lru", true), ("volatile-ttl", true), ("noeviction", false)] {
        let server = Server::with(&["--maxmemory", "100mb", "--maxmemory-policy", policy]);
        let mut router = Router::start(quick(Address::Socket(server.socket())));
        if refused {
            let error = (&mut router.driver).await.unwrap().unwrap_err();
            assert_eq!(error, RedisError::Evicts { policy: policy.to_owned() });
        } else {
            router.until_up().await;
            router.must("m", &["x"]).await;
        }
    }
}

#[tokio::test]
async fn a_full_server_still_takes_releases_and_heartbeats() {
    let server = Server::start();
    let router = Router::start(quick(Address::Socket(server.socket())));
    router.until_up().await;
    let lease = router.must("m", &["x"]).await;
    let mut redis = server.connect();
    redis.ok(&["CONFIG", "SET", "maxmemory", "1"]);
    router.give(&lease);
    until("it was released", || leases(&mut redis) == 0).await;
    redis.ok(&["CONFIG", "SET", "maxmemory", "0"]);
    router.must("m", &["x"]).await;
}

fn leases(redis: &mut Connection) -> i64 {
    match redis.ok(&["HLEN", "llmr:{main}:lease"]) {
        Value::Int(number) => number,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let wrong = |change: fn(&mut RedisConfig)| {
        let mut config = RedisConfig::new(Address::Server(host(), 1));
        change(&mut config);
        matches!(RedisStore::new(config), Err(RedisError::Config(_)))
    };
    assert!(!wrong(|_| {}));
    assert!(wrong(|config| config.ttl = Duration::ZERO));
    assert!(wrong(|config| config.margin = config.ttl));
    assert!(wrong(|config| config.poll = Duration::ZERO));
    assert!(wrong(|config| config.pool = "a}b".into()));
    assert!(wrong(|config| config.prefix = String::new()));
    assert!(wrong(|config| (config.address, config.database) = (Address::Cluster(vec![]), 1)));
}
