//! CPU time and memory of a process and its children, read from `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// Length of the kernel's clock tick: `/proc` counts in hundredths of a second on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// A process with all its descendants, as they were when it was made.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    pids: Vec<u32>,
}

/// CPU time used so far; two of them make a difference.
#[derive(Debug, Clone, Default)]
pub(crate) struct CpuTime {
    ticks: u64,
    threads: BTreeMap<u32, u64>,
}

impl Tree {
    /// The tree under `pid`; nothing when there is no such process or no `/proc`.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        fs::metadata(format!("/proc/{pid}/stat")).ok()?;
        let with_parent = |pid| Some((pid, *stat_fields(pid)?.first()?));
        let parents: Vec<(u32, u64)> = numbers_in("/proc").into_iter().filter_map(with_parent).collect();
        let mut pids = vec![pid];
        let mut next = 0;
        while let Some(&parent) = pids.get(next) {
            pids.extend(parents.iter().filter(|&&(_, of)| of == u64::from(parent)).map(|&(pid, _)| pid));
            next += 1;
        }
        Some(Self { pids })
    }

    /// User and system time of all threads together.
    pub(crate) fn cpu(&self) -> CpuTime {
        let mut time = CpuTime::default();
        for &pid in &self.pids {
            let fields = stat_fields(pid).unwrap_or_default();
            time.ticks += fields.get(10..12).unwrap_or_default().iter().sum::<u64>();
            for thread in numbers_in(&format!("/proc/{pid}/task")) {
                let run = fs::read_to_string(format!("/proc/{pid}/task/{thread}/schedstat"));
                if let Some(run) = run.ok().and_then(|text| text.split(' ').next()?.parse().ok()) {
                    time.threads.insert(thread, run);
                }
            }
        }
        time
    }

    /// Resident memory of all processes together, in bytes. Pages they share count for each.
    pub(crate) fn resident(&self) -> u64 {
        self.pids.iter().filter_map(|&pid| resident(pid)).sum()
    }
}

impl CpuTime {
    /// The time used between `earlier` and this.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let exact = self.threads.iter().map(|(thread, run)| run - earlier.threads.get(thread).unwrap_or(&0).min(run));
        let exact = Duration::from_nanos(exact.sum());
        let ticks = TICK * u32::try_from(self.ticks.saturating_sub(earlier.ticks)).unwrap_or(u32::MAX);
        // Nanoseconds per thread where the kernel keeps them; but a thread that has ended shows in the ticks only.
        if exact + 2 * TICK >= ticks { exact } else { ticks }
    }
}

/// The fields of `/proc/PID/stat` behind the name: the first is the parent, 10 and 11 are user and system ticks.
fn stat_fields(pid: u32) -> Option<Vec<u64>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let behind_name = &text[text.rfind(')')? + 1..];
    Some(behind_name.split_ascii_whitespace().skip(1).map(|field| field.parse().unwrap_or(0)).collect())
}

fn resident(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().split(' ').next()?.parse::<u64>().ok()? * 1024)
}

fn numbers_in(folder: &str) -> Vec<u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_time_this_process_burns_is_seen() {
        let tree = Tree::of(std::process::id()).unwrap();
        let before = tree.cpu();
        let mut sum = 0_u64;
        while tree.cpu().since(&before) < Duration::from_millis(20) {
            sum = (0..100_000_u64).fold(sum, |sum, n| std::hint::black_box(sum ^ n));
        }
        assert!(tree.resident() > 100_000);
    }

    #[test]
    fn children_belong_to_the_tree() {
        let mut child = std::process::Command::new("sleep").arg("30").spawn().unwrap();
        let tree = Tree::of(std::process::id()).unwrap();
        assert!(tree.pids.contains(&child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_thread_that_ended_is_counted_by_ticks() {
        let before = CpuTime { ticks: 0, threads: BTreeMap::from([(1, 0), (2, 0)]) };
        let after = CpuTime { ticks: 100, threads: BTreeMap::from([(1, 5_000_000)]) };
        assert_eq!(after.since(&before), Duration::from_secs(1));
    }
}
