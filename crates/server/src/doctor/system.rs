//! What the system allows: open files, and a place for the log.

use std::{fs::OpenOptions, path::Path};

use llm_router_core::settings::Settings;

use super::{Finding, Grade};
use crate::metrics::open_files_limit;

/// Descriptors beside those of connections: logs, listeners, event loops, files under a reload.
const OWN_FILES: u64 = 64;
/// With room for fewer clients than this a router is of little use.
const FEW: u64 = 32;

pub(super) fn open_files(settings: &Settings) -> Finding {
    judge(open_files_limit(), settings.server.max_connections.get() as u64)
}

fn judge(limit: Option<u64>, connections: u64) -> Finding {
    const SUBJECT: &str = "open files";
    let Some(limit) = limit else { return Finding::good(SUBJECT, "the limit is not known on this system") };
    // One for the client, one for the provider.
    let wanted = connections * 2 + OWN_FILES;
    if limit >= wanted {
        return Finding::good(SUBJECT, format!("{limit} allowed, enough for {connections} clients"));
    }
    let fit = limit.saturating_sub(OWN_FILES) / 2;
    let said = format!("{limit} allowed: enough for {fit} clients at once, while max_connections is {connections}");
    let raise = format!("ulimit -n {wanted} before the start, or LimitNOFILE={wanted} in the service's unit");
    let (grade, advice) = if fit < FEW.min(connections) {
        (Grade::Fault, format!("raise the limit: {raise}"))
    } else {
        (Grade::Warning, format!("{raise}; or set max_connections to {fit}, so that more clients wait instead"))
    };
    Finding::bad(grade, SUBJECT, said, advice)
}

/// Whether the files that the router writes can be written.
pub(super) fn files(settings: &Settings) -> Vec<Finding> {
    let mut findings = match &settings.log.file {
        None => vec![Finding::good(LOG, "none: the log goes to standard error")],
        Some(path) => vec![writable(LOG, "log_filename", path)],
    };
    if let Some(capture) = &settings.capture {
        findings.push(writable("captured bodies", "capture_file", &capture.file));
    }
    findings
}

const LOG: &str = "log file";

/// Whether a file can be written; none is left behind that was not there.
fn writable(subject: &str, setting: &str, path: &Path) -> Finding {
    let was_there = path.exists();
    match OpenOptions::new().append(true).create(true).open(path) {
        Ok(_) => {
            if !was_there {
                // One that stays is empty and does no harm.
                drop(std::fs::remove_file(path));
            }
            Finding::good(subject, format!("{} can be written", path.display()))
        }
        Err(error) => {
            let said = format!("{} cannot be written: {error}", path.display());
            let advice = format!("set {setting} to a file that this user may write");
            Finding::bad(Grade::Warning, subject, said, advice)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_judged_by_the_clients_that_fit() {
        assert_eq!(judge(Some(30_000), 10_000).grade, Grade::Good);
        assert_eq!(judge(None, 10_000).grade, Grade::Good);
        let tight = judge(Some(1_024), 10_000);
        assert_eq!(tight.grade, Grade::Warning);
        assert!(tight.said.contains("480 clients"), "{}", tight.said);
        assert!(tight.advice.unwrap().contains("ulimit -n 20064"));
        assert_eq!(judge(Some(100), 10_000).grade, Grade::Fault);
        assert_eq!(judge(Some(100), 18).grade, Grade::Good);
        assert_eq!(judge(Some(90), 16).grade, Grade::Fault);
    }
}
