//! The program as a process of its own: started, watched from outside, and ended by its id.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use llm_router_tests::Client;
use serde_json::Value;
use tempfile::TempDir;

/// A router process, and those that took over from it.
pub(crate) struct Process {
    child: Child,
    folder: TempDir,
    /// Where clients ask.
    pub(crate) address: SocketAddr,
    /// Where operators ask.
    pub(crate) operators: SocketAddr,
    /// The process that serves now.
    pub(crate) pid: u32,
}

impl Process {
    /// Starts the program with a models file and settings.
    pub(crate) fn start(models: &Value, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let file = folder.path().join("models.json");
        fs::write(&file, models.to_string()).expect("the folder is writable");
        let mut command = Command::new(env!("CARGO_BIN_EXE_llm-router"));
        command.current_dir(folder.path()).env_clear().stdout(Stdio::piped());
        command.stderr(fs::File::create(folder.path().join("log")).expect("the folder is writable"));
        let fixed = [
            ("models_config", file.to_str().expect("a temporary path is UTF-8")),
            ("server_host", "127.0.0.1"),
            ("server_port", "0"),
            ("admin_port", "0"),
            ("log_filename", ""),
            ("log_level", "warning"),
        ];
        for (name, value) in fixed.iter().chain(settings) {
            command.arg("--set").arg(format!("{name}={value}"));
        }
        let mut child = command.spawn().expect("the program starts");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut found = Vec::new();
        for line in output.lines().map_while(Result::ok) {
            let said = ["llm-router serves on http://", "For operators: http://"];
            found.extend(said.iter().filter_map(|said| line.strip_prefix(said)).map(host));
            if found.len() == 2 {
                break;
            }
        }
        let log = || fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        assert!(found.len() == 2, "the program says where it serves: {}", log());
        let pid = child.id();
        Self { child, folder, address: found[0], operators: found[1], pid }
    }

    /// Has a new process take over; its id.
    pub(crate) async fn upgrade(&mut self) -> u32 {
        let reply = Client::new(self.operators).post("/admin/upgrade", "").await;
        assert_eq!(reply.status, 200, "{} {}", reply.text(), self.log());
        let pid = reply.json()["pid"].as_u64().expect("an id");
        self.pid = u32::try_from(pid).expect("an id is short");
        self.pid
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Memory that is resident, in KiB.
    pub(crate) fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most that ever was, in KiB.
    pub(crate) fn most(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, which: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(which));
        line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0)
    }

    /// Open descriptors.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid)).map_or(0, Iterator::count)
    }
}

/// Whether a process is there and not merely waiting to be collected.
pub(crate) fn runs(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = status.rsplit(") ").next().and_then(|rest| rest.chars().next());
    state.is_some_and(|state| state != 'Z')
}

/// Sends a signal to a process that a test started.
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
    assert!(sent.is_ok(), "there is a command to send signals with");
}

fn host(url: &str) -> SocketAddr {
    let host = url.split(['/', ' ']).next().unwrap_or_default().trim_end_matches('.');
    host.parse().unwrap_or_else(|error| panic!("{url}: {error}"))
}

impl Drop for Process {
    fn drop(&mut self) {
        if runs(self.pid) {
            signal(self.pid, "KILL");
        }
        drop(self.child.kill());
        drop(self.child.wait());
        std::thread::sleep(Duration::from_millis(20));
    }
}
