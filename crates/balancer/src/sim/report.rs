//! What a simulation found, as data, JSON and a table.

use std::fmt::Write;

/// What a simulation found.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Name of the scenario.
    pub scenario: String,
    /// The load, in the unit of the scenario.
    pub load: f64,
    /// Replicas of the router.
    pub replicas: u32,
    /// The seed.
    pub seed: u64,
    /// One for each strategy, the reference first.
    pub strategies: Vec<Finding>,
}

/// How one strategy fared.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Its name; `omniscient` is the reference.
    pub strategy: String,
    /// Half of the answers began within so many milliseconds.
    pub ttft_p50_ms: f64,
    /// 99 of 100 answers began within so many milliseconds.
    pub ttft_p99_ms: f64,
    /// Share of the calls whose first token came within the objective, 0 to 1.
    pub goodput: f64,
    /// Share of the calls that failed, 0 to 1.
    pub failed: f64,
    /// [`Finding::ttft_p99_ms`] by that of the reference.
    pub ratio_to_omniscient: f64,
    /// Models loaded per call.
    pub loads_per_call: f64,
}

impl Report {
    /// The finding for a strategy.
    #[must_use]
    pub fn of(&self, strategy: &str) -> Option<&Finding> {
        self.strategies.iter().find(|finding| finding.strategy == strategy)
    }

    /// One JSON object: `{"scenario","load","replicas","seed","strategies":[{"strategy","ttft_p50_ms","ttft_p99_ms",
    /// "goodput","failed","ratio_to_omniscient"}]}`. Shares are 0 to 1; a number that does not exist is `null`.
    #[must_use]
    pub fn json(&self) -> String {
        let mut out = format!(
            "{{\"scenario\":{},\"load\":{},\"replicas\":{},\"seed\":{},\"strategies\":[",
            quoted(&self.scenario),
            number(self.load),
            self.replicas,
            self.seed
        );
        for (index, finding) in self.strategies.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(
                out,
                "{comma}{{\"strategy\":{},\"ttft_p50_ms\":{},\"ttft_p99_ms\":{},\"goodput\":{},\"failed\":{},\
                 \"ratio_to_omniscient\":{}}}",
                quoted(&finding.strategy),
                rounded(finding.ttft_p50_ms, 3),
                rounded(finding.ttft_p99_ms, 3),
                rounded(finding.goodput, 6),
                rounded(finding.failed, 6),
                rounded(finding.ratio_to_omniscient, 4),
            );
        }
        out.push_str("]}");
        out
    }

    /// A table in Markdown.
    #[must_use]
    pub fn table(&self) -> String {
        let Self { scenario, load, replicas, seed, .. } = self;
        let mut out = format!(
            "{scenario}, load {load}, {replicas} replica{}, seed {seed}\n\n\
             | strategy | TTFT p50 ms | p99 ms | goodput % | failed % | p99 / omniscient | loads / call |\n\
             |---|--:|--:|--:|--:|--:|--:|\n",
            if *replicas == 1 { "" } else { "s" }
        );
        for finding in &self.strategies {
            let _ = writeln!(
                out,
                "| {} | {:.0} | {:.0} | {:.2} | {:.3} | {:.2} | {:.3} |",
                finding.strategy,
                finding.ttft_p50_ms,
                finding.ttft_p99_ms,
                finding.goodput * 100.0,
                finding.failed * 100.0,
                finding.ratio_to_omniscient,
                finding.loads_per_call
            );
        }
        out
    }
}

fn rounded(value: f64, places: i32) -> String {
    let scale = 10_f64.powi(places);
    number((value * scale).round() / scale)
}

/// As JSON writes it: JSON has no infinity and no "not a number".
fn number(value: f64) -> String {
    if value.is_finite() { format!("{value}") } else { "null".to_owned() }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", control as u32);
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
