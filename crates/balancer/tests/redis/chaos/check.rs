//! What must hold of the records, whatever befell the processes that wrote them.

use std::fmt;

use super::faults::Fault;
use super::record::{Record, Records};
use super::{LAG, MARGIN, MODELS, RESOURCES, TTL};

/// Processes take a while to notice, on a busy machine.
const SLACK: u64 = 1_500_000;
/// Requests sent so far apart arrive in the order they were sent.
const APART: u64 = 500_000;

/// What was found. The lists are empty if all is well.
#[derive(Debug, Default)]
pub struct Report {
    pub leases: usize,
    /// Told that they are lost.
    pub lost: usize,
    /// Held on by a process that was stopped for longer than its session: cannot be helped without a resource that
    /// checks fences.
    pub after_pause: usize,
    pub overlaps: Vec<String>,
    pub fences: Vec<String>,
    pub overtakings: Vec<String>,
    /// Pairs for which the order could be told.
    pub ordered: usize,
    pub idle: Vec<String>,
    waits: Vec<u64>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wait = |part: f64| {
            let index = (self.waits.len() as f64 * part) as usize;
            self.waits.get(index).map_or(0.0, |&wait| wait as f64 / 1000.0)
        };
        write!(
            f,
            "{} leases, {} lost, {} overlaps, {} overlaps after a pause, {} of {} out of order, {} idle too long, \
             wait p50 {:.1} ms p99 {:.0} ms",
            self.leases,
            self.lost,
            self.overlaps.len(),
            self.after_pause,
            self.overtakings.len(),
            self.ordered,
            self.idle.len(),
            wait(0.5),
            wait(0.99)
        )
    }
}

pub fn check(records: &Records, faults: &[Fault]) -> Report {
    let mut all: Vec<_> = records.all.values().cloned().collect();
    all.sort_by_key(|record| record.begin);
    let mut report = Report { leases: all.len(), ..Report::default() };
    report.lost = all.iter().filter(|record| record.lost).count();
    report.waits = all.iter().map(|record| record.begin - record.asked).collect();
    report.waits.sort_unstable();
    for &(resource, capacity) in RESOURCES {
        let mut here: Vec<_> = all.iter().filter(|record| record.resource == resource).cloned().collect();
        overlaps(&mut report, &mut here, capacity, faults);
        if capacity == 1 {
            fences(&mut report, &here, faults);
        }
        idle(&mut report, resource, &here, &all, faults);
    }
    for (model, _) in MODELS {
        let line: Vec<_> = all.iter().filter(|record| record.model == *model).collect();
        order(&mut report, &line, faults);
    }
    report
}

/// Cuts leases off where their process was stopped for longer than its session, then counts who is there at once.
fn overlaps(report: &mut Report, here: &mut [Record], capacity: u32, faults: &[Fault]) {
    let session = micros(TTL - MARGIN);
    let mut after = Vec::new();
    for record in here.iter_mut() {
        let stopped = faults.iter().find(|fault| {
            let long = fault.until - fault.from >= session;
            long && fault.process == Some(record.process)
                && record.begin <= fault.until
                && record.end.is_some_and(|end| end >= fault.from)
        });
        if let Some(stop) = stopped {
            after.push((stop.until, record.end.expect("it ended")));
            record.end = Some(stop.from.max(record.begin));
        }
    }
    let mut edges: Vec<_> = here.iter().flat_map(|r| [(r.begin, 1), (r.end.unwrap_or(u64::MAX), -1)]).collect();
    edges.sort_unstable();
    let mut held = 0;
    for &(at, step) in &edges {
        held += step;
        if held > i64::from(capacity) {
            let who = here.iter().filter(|r| r.begin <= at && r.end.is_none_or(|end| end > at));
            report.overlaps.push(format!("at {at}: {:?}", who.collect::<Vec<_>>()));
        }
    }
    let touched = |&(from, until): &(u64, u64)| here.iter().any(|r| r.begin < until && r.end.is_some_and(|e| e > from));
    report.after_pause += after.iter().filter(|span| touched(span)).count();
}

/// One after another on a resource means greater and greater, but for what a process did right after a long pause.
fn fences(report: &mut Report, here: &[Record], faults: &[Fault]) {
    for pair in here.windows(2).filter(|pair| pair[1].fence <= pair[0].fence) {
        let near = |fault: &&Fault| fault.until + 5_000_000 > pair[1].begin && fault.from < pair[1].begin + 1_000_000;
        let near: Vec<_> = faults.iter().filter(near).collect();
        report.fences.push(format!("{pair:#?} {near:#?}"));
    }
}

/// No resource stands idle for longer than a session while somebody waits for it. Not counted is the time in which the
/// server cannot grant, or in which a process is stopped that may be in line: only its session's end tells that.
fn idle(report: &mut Report, resource: &str, here: &[Record], all: &[Record], faults: &[Fault]) {
    let models: Vec<_> =
        MODELS.iter().filter(|(_, names)| names.contains(&resource)).map(|&(model, _)| model).collect();
    let wanted = |from: u64, until: u64| {
        all.iter().any(|r| models.contains(&r.model.as_str()) && r.asked <= from && r.begin >= until)
    };
    let mut busy_until = 0;
    for record in here {
        let (from, until) = (busy_until, record.begin);
        busy_until = busy_until.max(record.end.unwrap_or(u64::MAX));
        if from == 0 || until <= from + micros(TTL) + SLACK || !wanted(from + micros(TTL), until) {
            continue;
        }
        let excused = covered(faults.iter().map(|fault| (fault.from, harmless(fault))), from, until);
        if until > from + micros(TTL) + SLACK + excused {
            report.idle.push(format!("{resource} from {from} to {until}, {excused} of it excused"));
        }
    }
}

/// How much of a time the spans cover.
fn covered(spans: impl Iterator<Item = (u64, u64)>, from: u64, until: u64) -> u64 {
    let mut spans: Vec<_> = spans.map(|(a, b)| (a.clamp(from, until), b.clamp(from, until))).collect();
    spans.sort_unstable();
    let (mut sum, mut end) = (0, from);
    for (a, b) in spans {
        sum += b.saturating_sub(a.max(end));
        end = end.max(b);
    }
    sum
}

/// When a fault can keep a slot from nobody any more.
fn harmless(fault: &Fault) -> u64 {
    match fault.process {
        Some(_) => fault.until.min(fault.from + micros(TTL)) + SLACK / 3,
        None => settled(fault),
    }
}

/// Who asked first is served first, within a line and as long as the server keeps its memory.
fn order(report: &mut Report, line: &[&Record], faults: &[Fault]) {
    let mut line = line.to_vec();
    line.sort_by_key(|record| record.asked);
    let mut least = vec![u64::MAX; line.len() + 1];
    for index in (0..line.len()).rev() {
        least[index] = least[index + 1].min(line[index].fence);
    }
    for record in &line {
        let touched = |fault: &&Fault| {
            let concerned = fault.process.is_none_or(|process| process == record.process);
            concerned && fault.from < record.begin && settled(fault) > record.asked
        };
        let later = line.partition_point(|other| other.asked < record.asked + APART);
        if later == line.len() || faults.iter().any(|fault| touched(&fault)) {
            continue;
        }
        report.ordered += 1;
        if least[later] < record.fence {
            report.overtakings.push(format!("{record:?} by {}", least[later]));
        }
    }
}

/// When a fault and the quarantine after it are over.
fn settled(fault: &Fault) -> u64 {
    fault.until + if fault.process.is_none() { micros(TTL + LAG) + SLACK } else { 0 }
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap()
}
