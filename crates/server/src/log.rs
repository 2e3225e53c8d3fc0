//! Where log lines go: standard error and a file, written by a thread of their own, so that no request waits for them.
//!
//! Lines gather in one bounded buffer that is written many times a second. When writing does not keep up, lines are
//! lost and counted rather than waited for.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    mem,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// The most bytes that wait to be written.
const MOST: usize = 4 << 20;
/// From so many bytes on, writing begins at once. Some 600 lines: each time the thread that writes takes a worker's turn.
const PLENTY: usize = 256 << 10;
/// How long lines wait for company at most.
const PAUSE: Duration = Duration::from_millis(50);

/// Lines lost in this process.
static LOST: AtomicU64 = AtomicU64::new(0);

/// How many lines were lost because writing did not keep up.
#[must_use]
pub fn lost() -> u64 {
    LOST.load(Relaxed)
}

/// The log of the process. Clones write to the same one.
#[derive(Debug, Clone)]
pub struct Log(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    path: Option<PathBuf>,
    /// Written to the file alone, and so much of it; `None` writes to standard error too, and without a bound.
    most: Option<u64>,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    reopen: bool,
    over: bool,
}

/// Writes what is left when it is dropped.
#[derive(Debug)]
pub struct Writer {
    log: Log,
    thread: Option<JoinHandle<()>>,
}

impl Log {
    /// Opens the log. A file that cannot be opened is told and left out: standard error is always written.
    ///
    /// # Errors
    /// When the thread that writes cannot be started.
    pub fn open(path: Option<PathBuf>) -> io::Result<(Self, Writer, Option<io::Error>)> {
        let shared = Shared::new(path, None);
        let (file, fault) = match shared.path.as_ref().map(|path| shared.open(path)) {
            None => (None, None),
            Some(Ok(file)) => (Some(file), None),
            Some(Err(error)) => (None, Some(error)),
        };
        let (log, writer) = shared.start(file)?;
        Ok((log, writer, fault))
    }

    /// Opens a file of its own for lines that only its owner may read. With more bytes than `most` it is renamed to
    /// the same name with `.1` behind it, over the one before, and begun anew.
    ///
    /// # Errors
    /// When the file cannot be opened, or the thread that writes cannot be started.
    pub fn bounded(path: PathBuf, most: u64) -> io::Result<(Self, Writer)> {
        let shared = Shared::new(Some(path.clone()), Some(most));
        let file = shared.open(&path)?;
        shared.start(Some(file))
    }

    /// Adds a line, its end included.
    pub fn line(&self, make: impl FnOnce(&mut Vec<u8>)) {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.lines.len() >= MOST {
            LOST.fetch_add(1, Relaxed);
            return;
        }
        let before = waiting.lines.len();
        make(&mut waiting.lines);
        let plenty = before < PLENTY && waiting.lines.len() >= PLENTY;
        // Behind the lock, which the thread that is woken wants first.
        drop(waiting);
        if before == 0 || plenty {
            self.0.wake.notify_one();
        }
    }

    /// Opens the file anew before the next write: whoever rotates logs has moved the old one away.
    pub fn reopen(&self) {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).reopen = true;
        self.0.wake.notify_one();
    }

    /// Writes lines. Nobody is left to tell that it fails.
    fn put(&self, lines: &[u8], file: &mut Option<File>) {
        if self.0.most.is_none() {
            drop(io::stderr().write_all(lines));
        }
        let Some(file) = file else { return };
        if self.0.make_room(file, lines.len()).and_then(|()| file.write_all(lines)).is_err() && self.0.most.is_some() {
            LOST.fetch_add(lines.iter().filter(|byte| **byte == b'\n').count() as u64, Relaxed);
        }
    }

    fn write(&self, mut file: Option<File>) {
        let mut lines = Vec::new();
        loop {
            let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            while waiting.lines.is_empty() && !waiting.over && !waiting.reopen {
                waiting = self.0.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            if !waiting.over && !waiting.reopen && waiting.lines.len() < PLENTY {
                waiting = self.0.wake.wait_timeout(waiting, PAUSE).unwrap_or_else(PoisonError::into_inner).0;
            }
            lines.clear();
            mem::swap(&mut lines, &mut waiting.lines);
            let (reopen, over) = (mem::take(&mut waiting.reopen), waiting.over);
            drop(waiting);
            self.put(&lines, &mut file);
            if reopen && let Some(Ok(new)) = self.0.path.as_ref().map(|path| self.0.open(path)) {
                file = Some(new);
            }
            if over {
                return;
            }
        }
    }
}

impl Shared {
    fn new(path: Option<PathBuf>, most: Option<u64>) -> Self {
        Self { waiting: Mutex::default(), wake: Condvar::new(), path, most }
    }

    /// Starts the thread that writes.
    fn start(self, file: Option<File>) -> io::Result<(Log, Writer)> {
        let log = Log(Arc::new(self));
        let own = log.clone();
        let thread = thread::Builder::new().name("log".to_owned()).spawn(move || own.write(file))?;
        Ok((log.clone(), Writer { log, thread: Some(thread) }))
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        if self.most.is_some() {
            options.mode(0o600);
        }
        options.create(true).append(true).open(path)
    }

    /// Puts a new file in place of one that would grow beyond its bound.
    fn make_room(&self, file: &mut File, more: usize) -> io::Result<()> {
        let (Some(most), Some(path)) = (self.most, &self.path) else { return Ok(()) };
        let size = file.metadata()?.len();
        if size > 0 && size + more as u64 > most {
            let mut old = path.as_os_str().to_owned();
            old.push(".1");
            fs::rename(path, old)?;
            *file = self.open(path)?;
        }
        Ok(())
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line(|lines| lines.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.log.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).over = true;
        self.log.0.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing more to write.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn lines_after_a_rotation_go_to_the_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("log"), folder.path().join("log.1"));
        let (log, writer, fault) = Log::open(Some(path.clone())).unwrap();
        assert!(fault.is_none());
        log.line(|lines| lines.extend_from_slice(b"one\n"));
        fs::rename(&path, &old).unwrap();
        log.reopen();
        let end = std::time::Instant::now() + Duration::from_secs(10);
        while !path.exists() {
            assert!(std::time::Instant::now() < end, "the file is not opened anew");
            thread::sleep(Duration::from_millis(1));
        }
        log.line(|lines| lines.extend_from_slice(b"two\n"));
        drop(writer);
        assert_eq!((fs::read(&old).unwrap(), fs::read(&path).unwrap()), (b"one\n".to_vec(), b"two\n".to_vec()));
    }

    #[test]
    fn a_bounded_file_makes_room_for_itself_and_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("bodies"), folder.path().join("bodies.1"));
        for round in 0..5_u8 {
            let (log, writer) = Log::bounded(path.clone(), 10).unwrap();
            log.line(|lines| lines.extend_from_slice(&[b'a' + round, b'2', b'3', b'\n']));
            drop(writer);
        }
        assert_eq!((fs::read(&old).unwrap(), fs::read(&path).unwrap()), (b"c23\nd23\n".to_vec(), b"e23\n".to_vec()));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
