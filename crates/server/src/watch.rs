//! Notices that a file the router was made from has changed: looks once a second, and waits until it rests.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::time::sleep;

use crate::{reload, worker::Shared};

/// Between two looks. A file that was the same at two looks is taken to be written to its end.
const LOOK: Duration = Duration::from_secs(1);
/// Most files looked at below a folder.
const MOST_FILES: usize = 10_000;

/// What a file looks like from outside: which one it is, its size, and when it was written.
type Face = (PathBuf, Option<(u64, u64, i64, i64)>);

/// Reloads when a file changes and rests again, for ever.
pub(crate) async fn files(shared: Arc<Shared>) {
    let mut before = look(&shared);
    // What was written while the router was made may have come too late for it.
    let mut loaded =
        if before.iter().any(|face| is_newer(face, shared.state().loaded_at)) { None } else { Some(before.clone()) };
    loop {
        sleep(LOOK).await;
        let now = look(&shared);
        if now == before && Some(&now) != loaded.as_ref() {
            // A bad file is not tried again before it changes again. What is written meanwhile shows at the next look.
            drop(shared.reload("a file changed"));
            loaded = Some(now);
            continue;
        }
        before = now;
    }
}

/// Whether a file may have been written after the files were read, to the second.
fn is_newer((_, face): &Face, loaded_at: u64) -> bool {
    face.is_some_and(|(_, _, written, _)| u64::try_from(written).is_ok_and(|written| written >= loaded_at))
}

fn look(shared: &Shared) -> Vec<Face> {
    let Some(reloader) = shared.reloader.get() else { return Vec::new() };
    let mut faces = Vec::new();
    for path in reload::files(reloader, &shared.state()) {
        add(&path, &mut faces);
    }
    faces
}

fn add(path: &Path, faces: &mut Vec<Face>) {
    let Ok(metadata) = fs::metadata(path) else {
        faces.push((path.to_owned(), None));
        return;
    };
    let face = (metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec());
    faces.push((path.to_owned(), Some(face)));
    if !metadata.is_dir() || faces.len() >= MOST_FILES {
        return;
    }
    let mut below: Vec<PathBuf> =
        fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    below.sort();
    for path in below {
        if faces.len() < MOST_FILES {
            add(&path, faces);
        }
    }
}
