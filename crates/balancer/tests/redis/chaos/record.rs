//! What the processes write down: each lease when it begins and when it ends, in microseconds of the machine's clock.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since 1970, the same in every process of the machine.
pub fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

/// A lease as its process saw it.
#[derive(Debug, Clone)]
pub struct Record {
    pub process: u32,
    pub resource: String,
    pub model: String,
    pub fence: u64,
    pub asked: u64,
    pub begin: u64,
    /// None while it is held.
    pub end: Option<u64>,
    /// Whether the holder was told that it is lost.
    pub lost: bool,
}

/// Writes records; each line is in the file before the lease is used or given back.
pub struct Writer(File);

impl Writer {
    pub fn create(folder: &Path) -> Self {
        // Ids of processes come again; the time does not.
        let path = folder.join(format!("{}-{}.leases", std::process::id(), now()));
        Self(File::create(path).unwrap())
    }

    pub fn begin(&mut self, id: u128, resource: &str, model: &str, fence: u64, asked: u64) {
        self.line(&format!("b {id:x} {resource} {model} {fence} {asked} {}\n", now()));
    }

    pub fn end(&mut self, id: u128, lost: bool) {
        self.line(&format!("e {id:x} {} {}\n", now(), u8::from(lost)));
    }

    fn line(&mut self, line: &str) {
        self.0.write_all(line.as_bytes()).unwrap();
    }
}

/// The records of all processes, read as they come.
pub struct Records {
    folder: PathBuf,
    read: HashMap<PathBuf, (u64, String)>,
    pub all: HashMap<(u32, String), Record>,
}

impl Records {
    pub fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), read: HashMap::new(), all: HashMap::new() }
    }

    pub fn taken(&self) -> usize {
        self.all.len()
    }

    /// Reads what is new.
    pub fn refresh(&mut self) {
        let files = std::fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
        for path in files.filter(|path| path.extension().is_some_and(|kind| kind == "leases")) {
            let process = path.file_stem().unwrap().to_str().unwrap().split('-').next().unwrap().parse().unwrap();
            let (offset, rest) = self.read.entry(path.clone()).or_default();
            let mut file = File::open(&path).unwrap();
            file.seek(SeekFrom::Start(*offset)).unwrap();
            *offset += u64::try_from(file.read_to_string(rest).unwrap()).unwrap();
            let whole = rest.rfind('\n').map_or(0, |end| end + 1);
            let lines: String = rest.drain(..whole).collect();
            lines.lines().for_each(|line| note(&mut self.all, process, line));
        }
    }

    /// The process died: what it held is over. Its file is read for the last time, so that a long run does not come to
    /// look through thousands of them.
    pub fn died(&mut self, process: u32, at: u64) {
        self.refresh();
        let prefix = format!("{process}-");
        let (gone, kept): (HashMap<_, _>, HashMap<_, _>) = self
            .read
            .drain()
            .partition(|(path, _)| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)));
        self.read = kept;
        gone.into_keys().for_each(|path| std::fs::remove_file(path).unwrap());
        for record in self.all.values_mut().filter(|record| record.process == process) {
            record.end.get_or_insert(at);
        }
    }
}

fn note(all: &mut HashMap<(u32, String), Record>, process: u32, line: &str) {
    let words: Vec<_> = line.split(' ').collect();
    let number = |at: usize| words[at].parse::<u64>().unwrap();
    let key = (process, words[1].to_owned());
    if words[0] == "e" {
        let record = all.get_mut(&key).expect("what ends has begun");
        (record.end, record.lost) = (Some(number(2)), number(3) == 1);
        return;
    }
    let (resource, model) = (words[2].to_owned(), words[3].to_owned());
    let (fence, asked, begin) = (number(4), number(5), number(6));
    all.insert(key, Record { process, resource, model, fence, asked, begin, end: None, lost: false });
}
