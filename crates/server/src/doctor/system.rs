//! What the system allows: open files, and a place for the log.

use std::fs::OpenOptions;

use llm_router_core::settings::{Log, Settings};

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

/// Whether the log file can be written; none is left behind that was not there.
pub(super) fn log_file(log: &Log) -> Finding {
    const SUBJECT: &str = "log file";
    let Some(path) = &log.file else { return Finding::good(SUBJECT, "none: the log goes to standard error") };
    let was_there = path.exists();
    match OpenOptions::new().append(true).create(true).open(path) {
        Ok(_) => {
            if !was_there {
                // One that stays is empty and does no harm.
                drop(std::fs::remove_file(path));
            }
            Finding::good(SUBJECT, format!("{} can be written", path.display()))
        }
        Err(error) => {
            let said = format!("{} cannot be written: {error}", path.display());
            let advice = "set log_filename to a file this user may write, or to nothing for standard error alone";
            Finding::bad(Grade::Warning, SUBJECT, said, advice)
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
