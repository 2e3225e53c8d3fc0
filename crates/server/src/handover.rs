//! Handover: a new process of the program takes the listening sockets over; this one then drains.
//!
//! The sockets go to the new process the way systemd hands them to a service (`LISTEN_FDS`, sd_listen_fds(3)), and it
//! reports that it serves the way a service does (`READY=1`, sd_notify(3)). Until then nothing here has changed; since
//! the sockets stay open throughout, no connection is refused.

use std::{
    env,
    ffi::OsString,
    io,
    net::TcpListener,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Duration,
};

use command_fds::{CommandFdExt as _, FdMapping};
use listenfd::ListenFd;
use tokio::time::{Instant, sleep};

use crate::worker::Shared;
use llm_router_endpoints::Phase;

/// The first descriptor of those that are handed over (sd_listen_fds(3)).
const FIRST: i32 = 3;
/// Where a new process says that it serves, beside the service manager's `NOTIFY_SOCKET`.
const REPORT_TO: &str = "UPGRADE_NOTIFY_SOCKET";
/// How long a new process may take until it serves.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often is looked whether it does.
const LOOK: Duration = Duration::from_millis(20);

/// How the program is started again.
#[derive(Debug, Clone)]
pub struct Program {
    /// The file, resolved when it is started: another version may stand there by then.
    pub path: PathBuf,
    /// The arguments after it.
    pub arguments: Vec<OsString>,
}

impl Program {
    /// This process as it was started.
    ///
    /// # Errors
    /// When its own file cannot be found.
    pub fn this() -> io::Result<Self> {
        let mut arguments = env::args_os();
        let named = arguments.next().map(PathBuf::from).filter(|path| path.components().count() > 1);
        let path = match named {
            // Not resolved further: a symbolic link may lead to the new version later.
            Some(path) => env::current_dir()?.join(path),
            None => env::current_exe()?,
        };
        Ok(Self { path, arguments: arguments.collect() })
    }
}

/// Sockets that another process or the service manager opened for this one.
#[derive(Debug, Default)]
pub struct Inherited {
    /// The listener for clients.
    pub clients: Option<TcpListener>,
    /// The listener for operators.
    pub operators: Option<TcpListener>,
}

impl Inherited {
    /// Takes what `LISTEN_FDS` announces: by name (`clients`, `operators`), else in this order.
    ///
    /// # Errors
    /// When a descriptor is not a listening TCP socket.
    pub fn take() -> io::Result<Self> {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut sockets = ListenFd::from_env();
        let mut taken = Self::default();
        for index in 0..sockets.len() {
            let name = names.next().unwrap_or_default();
            let Some(listener) = sockets.take_tcp_listener(index)? else { continue };
            listener.set_nonblocking(true)?;
            let first = if name == "operators" { &mut taken.operators } else { &mut taken.clients };
            let place = if first.is_some() { &mut taken.operators } else { first };
            *place = Some(listener);
        }
        Ok(taken)
    }
}

/// Everything a new process needs; kept until it is used, or the process drains.
#[derive(Debug)]
pub(crate) struct Handover {
    pub(crate) program: Program,
    pub(crate) clients: TcpListener,
    pub(crate) operators: Option<TcpListener>,
}

/// Why there is no new process.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    /// Another upgrade is under way, or the process drains already.
    #[error("an upgrade is under way, or the router is draining")]
    Busy,
    /// It cannot be started.
    #[error("cannot start {path}: {source}", path = path.display())]
    Start {
        /// The program.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ended before it served; its log says why.
    #[error("the new process ended before it served ({0}); its log says why")]
    Ended(std::process::ExitStatus),
    /// It did not serve in time, and was ended.
    #[error("the new process did not serve within {0:?} and was ended")]
    Late(Duration),
}

impl Shared {
    /// Starts the program anew with the listening sockets, waits until it serves, and lets this process drain.
    /// Returns the id of the new process.
    ///
    /// # Errors
    /// [`UpgradeError`]; then this process goes on as before.
    pub async fn upgrade(&self) -> Result<u32, UpgradeError> {
        let handover = self.handover.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let handover = handover.ok_or(UpgradeError::Busy)?;
        match begin(&handover).await {
            Ok(pid) => {
                tracing::info!(pid, "a new process serves; this one drains");
                self.handed_over.send_replace(true);
                self.life.advance(Phase::Draining);
                Ok(pid)
            }
            Err(error) => {
                tracing::error!(%error, "no upgrade, this process goes on");
                *self.handover.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(handover);
                Err(error)
            }
        }
    }
}

async fn begin(handover: &Handover) -> Result<u32, UpgradeError> {
    let path = &handover.program.path;
    let report = Report::new().map_err(|source| UpgradeError::Start { path: path.clone(), source })?;
    let started = start(handover, &report.path);
    let mut child = started.map_err(|source| UpgradeError::Start { path: path.clone(), source })?;
    let until = Instant::now() + PATIENCE;
    while !report.came() {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(UpgradeError::Ended(status));
        }
        if Instant::now() > until {
            // It may have ended by itself in between.
            drop(child.kill());
            drop(child.wait());
            return Err(UpgradeError::Late(PATIENCE));
        }
        sleep(LOOK).await;
    }
    Ok(child.id())
}

fn start(handover: &Handover, report: &Path) -> io::Result<Child> {
    let mut names = vec!["clients"];
    let mut mappings = vec![FdMapping { parent_fd: handover.clients.try_clone()?.into(), child_fd: FIRST }];
    if let Some(operators) = &handover.operators {
        names.push("operators");
        mappings.push(FdMapping { parent_fd: operators.try_clone()?.into(), child_fd: FIRST + 1 });
    }
    let mut command = Command::new(&handover.program.path);
    command
        .args(&handover.program.arguments)
        .env("LISTEN_FDS", names.len().to_string())
        .env("LISTEN_FDNAMES", names.join(":"))
        .env_remove("LISTEN_PID")
        .env_remove("LISTEN_FDS_FIRST_FD")
        .env(REPORT_TO, report)
        .fd_mappings(mappings)
        .map_err(io::Error::other)?
        .spawn()
}

/// Where the new process says that it serves. The socket's file goes with it.
struct Report {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Report {
    fn new() -> io::Result<Self> {
        let path = env::temp_dir().join(format!("llm-router-{}-{:016x}", std::process::id(), fastrand::u64(..)));
        let socket = UnixDatagram::bind(&path)?;
        let report = Self { socket, path };
        report.socket.set_nonblocking(true)?;
        Ok(report)
    }

    fn came(&self) -> bool {
        let mut text = [0; 256];
        self.socket.recv(&mut text).is_ok_and(|size| text[..size].starts_with(b"READY=1"))
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

/// Tells whoever started this process that it serves: the process before it, and the service manager.
pub(crate) fn announce() {
    let text = format!("READY=1\nMAINPID={}\n", std::process::id());
    for name in [REPORT_TO, "NOTIFY_SOCKET"] {
        notify(name, &text);
    }
}

/// Tells the service manager that this process drains.
pub(crate) fn announce_end() {
    notify("NOTIFY_SOCKET", "STOPPING=1\n");
}

fn notify(name: &str, text: &str) {
    let Some(path) = env::var_os(name) else { return };
    if let Err(error) = send(&path, text) {
        tracing::debug!(%error, name, "nobody was told");
    }
}

fn send(path: &OsString, text: &str) -> io::Result<usize> {
    let socket = UnixDatagram::unbound()?;
    #[cfg(target_os = "linux")]
    if let Some(name) = path.as_encoded_bytes().strip_prefix(b"@") {
        use std::os::{linux::net::SocketAddrExt as _, unix::net::SocketAddr};
        return socket.send_to_addr(text.as_bytes(), &SocketAddr::from_abstract_name(name)?);
    }
    socket.send_to(text.as_bytes(), path)
}
