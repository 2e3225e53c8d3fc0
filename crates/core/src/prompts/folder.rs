//! Prompt files of a folder and the folders in it.

use std::path::{Path, PathBuf};

use crate::problem::{Findings, Problem};

/// A prompt file.
pub(super) struct File {
    /// Its path below the folder, with `/` and without the extension.
    pub(super) key: String,
    /// Its path as shown to the operator.
    pub(super) place: String,
    pub(super) text: String,
}

/// Folders within folders; a loop made of links ends here.
const DEEPEST: usize = 16;
/// Files read at most, against a folder that is not what its owner thinks.
const MOST: usize = 10_000;
/// Bytes of one file; a longer one is no prompt.
const LARGEST: u64 = 1 << 20;

/// All `*.prompt` files, sorted by path. A folder that does not exist has none.
pub(super) fn read(folder: &Path, findings: &mut Findings) -> Vec<File> {
    let mut paths = Vec::new();
    if folder.exists() {
        walk(folder, 0, &mut paths, findings);
    }
    paths.sort();
    if paths.len() > MOST {
        findings.problem(Problem::new(folder.display().to_string(), format!("has more than {MOST} prompt files")));
        return Vec::new();
    }
    paths.iter().filter_map(|path| file(folder, path, findings)).collect()
}

fn walk(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>, findings: &mut Findings) {
    if depth > DEEPEST {
        findings.problem(Problem::new(folder.display().to_string(), format!("is more than {DEEPEST} folders deep")));
        return;
    }
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            findings.problem(Problem::new(folder.display().to_string(), format!("cannot be read: {error}")));
            return;
        }
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if paths.len() > MOST {
            return;
        }
        if path.is_dir() {
            walk(&path, depth + 1, paths, findings);
        } else if path.extension().is_some_and(|extension| extension == "prompt") {
            paths.push(path);
        }
    }
}

fn file(folder: &Path, path: &Path, findings: &mut Findings) -> Option<File> {
    let place = path.display().to_string();
    let key = path.strip_prefix(folder).ok()?.with_extension("");
    let key: Option<Vec<&str>> = key.iter().map(|part| part.to_str()).collect();
    let text = match (key.is_some(), bounded(path)) {
        (false, _) => Err("its name is not UTF-8".to_owned()),
        (_, Err(error)) => Err(format!("cannot be read: {error}")),
        (_, Ok(bytes)) => String::from_utf8(bytes)
            .map_err(|error| format!("is not UTF-8 at byte {}", error.utf8_error().valid_up_to())),
    };
    match text {
        Ok(text) => Some(File { key: key?.join("/"), place, text }),
        Err(message) => {
            findings.problem(Problem::new(place, message));
            None
        }
    }
}

fn bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(std::io::Error::other(format!("it is larger than {LARGEST} bytes")));
    }
    Ok(bytes)
}
