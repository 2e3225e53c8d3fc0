//! A redis-server of one test: started in a temporary folder, killed when dropped.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::resp::{Connection, Value};

/// A running server, reachable by a unix socket and, if asked for, by a TCP port.
pub struct Server {
    folder: TempDir,
    options: Vec<String>,
    child: Option<Child>,
}

impl Server {
    /// Starts a server without persistence on a unix socket.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a server with more command line options.
    pub fn with(options: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("llmr").tempdir().unwrap();
        let mut server =
            Self { folder, options: options.iter().map(|&option| option.to_owned()).collect(), child: None };
        server.run();
        server
    }

    /// Starts a server that listens on a port too, given which its options are made. A port that somebody else took in
    /// the meantime, or the one 10,000 above that a cluster's node needs as well, is given up for another.
    pub fn on_port(options: impl Fn(&str) -> Vec<String>) -> (Self, u16) {
        for _ in 0..20 {
            let port = std::iter::repeat_with(free_port).find(|&port| port < 55_000).unwrap();
            let folder = tempfile::Builder::new().prefix("llmr").tempdir().unwrap();
            let mut server = Self { folder, options: options(&port.to_string()), child: None };
            server.spawn();
            if server.is_ready() {
                return (server, port);
            }
        }
        panic!("redis-server finds no port to listen on");
    }

    /// Path of the unix socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// The folder the server runs in.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Id of the server process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// Starts the server again, with an empty memory unless the options say otherwise.
    pub fn run(&mut self) {
        self.spawn();
        assert!(self.is_ready(), "redis-server ended: {:?}", std::fs::read_to_string(self.log()));
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("redis.log")
    }

    fn spawn(&mut self) {
        let _ = std::fs::remove_file(self.socket());
        let mut command = Command::new("redis-server");
        command.args(["--save", "", "--appendonly", "no", "--daemonize", "no", "--loglevel", "warning"]);
        command.args(["--dir", &self.folder.path().display().to_string()]);
        command.args(["--unixsocket", &self.socket().display().to_string()]);
        if !self.options.iter().any(|option| option == "--port" || option == "--tls-port") {
            command.args(["--port", "0"]);
        }
        let log = std::fs::File::create(self.log()).unwrap();
        command.args(&self.options).stdin(Stdio::null()).stdout(log).stderr(Stdio::null());
        self.child = Some(command.spawn().expect("redis-server 7 or newer must be installed"));
    }

    /// Waits until it answers; `false` when it ended instead.
    fn is_ready(&mut self) -> bool {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let answer = Connection::open(&self.socket()).and_then(|mut connection| connection.call(&["PING"]));
            match answer {
                Ok(Value::Text(pong)) if pong == "PONG" => return true,
                Ok(Value::Error(text)) if text.starts_with("NOAUTH") => return true,
                _ if Instant::now() > end => panic!("redis-server did not start: {answer:?}"),
                _ if self.child.as_mut().is_none_or(|child| child.try_wait().is_ok_and(|ended| ended.is_some())) => {
                    return false;
                }
                _ => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// Makes a primary of a replica, now and when it is started again.
    pub fn promote(&mut self) {
        self.connect().ok(&["REPLICAOF", "NO", "ONE"]);
        if let Some(at) = self.options.iter().position(|option| option == "--replicaof") {
            self.options.drain(at..at + 2);
        }
    }

    /// Ends the server as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// A new connection.
    pub fn connect(&self) -> Connection {
        Connection::open(&self.socket()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A TCP port that is free now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Sends a signal, e.g. `STOP`, to a process of the test.
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "kill -{name} {pid}");
}
