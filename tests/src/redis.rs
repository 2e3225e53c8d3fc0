//! A real redis-server of one test: in a folder of its own, reached by a unix socket, gone when dropped.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long it may take to start.
const START: Duration = Duration::from_secs(10);

/// A running server without persistence.
pub struct Redis {
    folder: TempDir,
    child: Child,
}

impl Redis {
    /// Starts one.
    ///
    /// # Panics
    /// When `redis-server` is not installed or does not start.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("llmr").tempdir().expect("there is room for a folder");
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket", "redis.sock"]);
        command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("redis-server 7 or newer must be installed");
        let server = Self { folder, child };
        let end = Instant::now() + START;
        while server.ask(&["PING"]) != "PONG" {
            assert!(Instant::now() < end, "redis-server does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        server
    }

    /// The path of its socket, as the setting `redis_host` takes it.
    ///
    /// # Panics
    /// When temporary paths are not UTF-8.
    #[must_use]
    pub fn host(&self) -> String {
        self.socket().to_str().expect("temporary paths are UTF-8").to_owned()
    }

    /// The answer to a command, as redis-cli prints it.
    ///
    /// # Panics
    /// When redis-cli is not installed.
    #[must_use]
    pub fn ask(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli").arg("-s").arg(self.socket()).args(words).output();
        let output = output.expect("redis-cli comes with redis-server");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Stops it (`STOP`), or has it go on (`CONT`): while it is stopped it takes connections and answers nothing.
    ///
    /// # Panics
    /// When there is no `kill`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "there is a command to send signals with");
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
