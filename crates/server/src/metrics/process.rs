//! What the system knows of this process, under the names that Prometheus clients share.

use std::{fs, time::SystemTime};

use super::exposition::{Kind, Page};

/// Clock ticks a second in `/proc/self/stat`: a constant of the kernel's interface to programs.
const TICKS: f64 = 100.0;
/// Bytes of a memory page; every platform that is built for has this.
const MEMORY_PAGE: f64 = 4096.0;

/// Writes the families of the process; none where the system does not tell.
pub(super) fn write(page: &mut Page) {
    let Some(stat) = fs::read_to_string("/proc/self/stat").ok() else { return };
    // The second field is a name in parentheses and may hold blanks; the third begins after the last of them.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).and_then(|text| text.parse::<f64>().ok());
    if let (Some(user), Some(system)) = (field(14), field(15)) {
        page.family("process_cpu_seconds_total", Kind::Counter, "Processor time used, in seconds.");
        page.sample(&[], (user + system) / TICKS);
    }
    if let Some(pages) = field(24) {
        page.family("process_resident_memory_bytes", Kind::Gauge, "Memory in use, in bytes.");
        page.sample(&[], pages * MEMORY_PAGE);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        page.family("process_open_fds", Kind::Gauge, "Open file descriptors.");
        page.sample(&[], open.count());
    }
    if let Some(most) = open_files_limit() {
        page.family("process_max_fds", Kind::Gauge, "Most file descriptors that may be open.");
        page.sample(&[], most);
    }
    if let Some(since) = field(22).and_then(started) {
        page.family("process_start_time_seconds", Kind::Gauge, "When the process began, in seconds since 1970.");
        page.sample(&[], since);
    }
}

/// The soft limit of open files.
pub(crate) fn open_files_limit() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

/// The moment of so many ticks after the system's start.
fn started(ticks: f64) -> Option<f64> {
    let up: f64 = fs::read_to_string("/proc/uptime").ok()?.split_whitespace().next()?.parse().ok()?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs_f64();
    Some(((now - up + ticks / TICKS) * 100.0).round() / 100.0)
}
