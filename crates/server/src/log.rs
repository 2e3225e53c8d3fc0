//! Where log lines go: standard error and a file, written by a thread of their own, so that no request waits for them.
//!
//! Lines gather in one bounded buffer that is written many times a second. When writing does not keep up, lines are
//! lost and counted rather than waited for.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    mem,
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// The most bytes that wait to be written.
const MOST: usize = 4 << 20;
/// From so many bytes on, writing begins at once.
const PLENTY: usize = 64 << 10;
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
        let (file, fault) = match path.as_ref().map(open) {
            None => (None, None),
            Some(Ok(file)) => (Some(file), None),
            Some(Err(error)) => (None, Some(error)),
        };
        let log = Self(Arc::new(Shared { waiting: Mutex::default(), wake: Condvar::new(), path }));
        let own = log.clone();
        let thread = thread::Builder::new().name("log".to_owned()).spawn(move || own.write(file))?;
        Ok((log.clone(), Writer { log, thread: Some(thread) }, fault))
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
        if before == 0 || before < PLENTY && waiting.lines.len() >= PLENTY {
            self.0.wake.notify_one();
        }
    }

    /// Opens the file anew before the next write: whoever rotates logs has moved the old one away.
    pub fn reopen(&self) {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).reopen = true;
        self.0.wake.notify_one();
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
            // Nobody is left to tell that writing the log fails.
            drop(io::stderr().write_all(&lines));
            if let Some(file) = &mut file {
                drop(file.write_all(&lines));
            }
            if reopen && let Some(Ok(new)) = self.0.path.as_ref().map(open) {
                file = Some(new);
            }
            if over {
                return;
            }
        }
    }
}

fn open(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
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
}
