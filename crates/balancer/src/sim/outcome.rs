//! What came of the calls of a run.

/// Times to the first token, and how many calls failed, after the first tenth of each run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcomes {
    /// Nanoseconds.
    times: Vec<u64>,
    failed: u64,
    good: u64,
    pub(crate) loads: u64,
    pub(crate) calls: u64,
    begin: f64,
    objective: f64,
}

impl Outcomes {
    /// Counts calls from `begin` on; good are those whose first token comes within `objective` seconds.
    pub(crate) fn new(begin: f64, objective: f64) -> Self {
        Self { begin, objective, ..Self::default() }
    }

    pub(crate) fn served(&mut self, at: f64, after: f64) {
        self.calls += 1;
        if at >= self.begin {
            self.times.push((after * 1e9) as u64);
            self.good += u64::from(after <= self.objective);
        }
    }

    pub(crate) fn failed(&mut self, at: f64) {
        self.calls += 1;
        self.failed += u64::from(at >= self.begin);
    }

    /// Takes in another run.
    pub(crate) fn add(&mut self, other: Self) {
        self.times.extend(other.times);
        self.failed += other.failed;
        self.good += other.good;
        self.loads += other.loads;
        self.calls += other.calls;
    }

    /// Milliseconds within which these shares of the answers began.
    pub(crate) fn quantiles(&mut self, shares: [f64; 2]) -> [f64; 2] {
        self.times.sort_unstable();
        shares.map(|share| {
            let at = ((self.times.len() as f64 * share).ceil() as usize).saturating_sub(1);
            self.times.get(at).map_or(f64::NAN, |nanos| *nanos as f64 * 1e-6)
        })
    }

    /// Share of the calls that were good, and that failed.
    pub(crate) fn shares(&self) -> (f64, f64) {
        let all = (self.times.len() as u64 + self.failed).max(1) as f64;
        (self.good as f64 / all, self.failed as f64 / all)
    }

    pub(crate) fn loads_per_call(&self) -> f64 {
        self.loads as f64 / self.calls.max(1) as f64
    }
}
