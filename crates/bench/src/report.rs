//! What was measured: medians over the rounds, ratios within each round, as a table or JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::fault::Faults;
use crate::measure::{Measure, Sample};
use crate::work::Job;

/// The outcome of a benchmark.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// One for each kind of load.
    pub rows: Vec<Row>,
}

/// All targets under one load.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The load, in words.
    pub work: String,
    /// Each target, in the order of the command line; then, named `A/B`, the columns of ratios that `--compare` asked
    /// for, whose figures have no unit.
    pub targets: Vec<Outcome>,
    #[serde(skip)]
    keys: &'static [Measure],
}

/// One target under one load, over all rounds.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Name of the target.
    pub name: String,
    /// Right answers.
    pub right: u64,
    /// Wrong answers by kind.
    pub wrong: BTreeMap<String, u64>,
    /// What was measured.
    pub figures: Vec<Figure>,
}

/// One kind of figure.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Figure {
    /// What it is; the unit is part of it.
    pub measure: Measure,
    /// Median over the rounds.
    pub median: f64,
    /// Smallest of the rounds.
    pub least: f64,
    /// Largest of the rounds.
    pub most: f64,
    /// Median over the rounds of this over that of the first gateway given with `--against`.
    pub ratio: Option<f64>,
}

impl Report {
    /// Wrong answers of all targets under all loads.
    #[must_use]
    pub fn wrong(&self) -> u64 {
        self.rows.iter().flat_map(|row| &row.targets).flat_map(|target| target.wrong.values()).sum()
    }
}

impl Row {
    pub(crate) fn new(
        job: &Job,
        samples: impl Iterator<Item = (String, Vec<Sample>)>,
        base: Option<usize>,
        compare: &[(String, String)],
    ) -> Self {
        let samples: Vec<_> = samples.collect();
        let base = base.and_then(|base| samples.get(base)).map(|(_, of)| of.as_slice());
        let mut targets: Vec<Outcome> = samples.iter().map(|(name, of)| Outcome::new(name.clone(), of, base)).collect();
        let of = |name: &String| samples.iter().find(|(of, _)| of == name).map(|(_, samples)| samples.as_slice());
        for (one, other) in compare {
            if let (Some(one_of), Some(other_of)) = (of(one), of(other)) {
                targets.push(Outcome::ratios(format!("{one}/{other}"), one_of, other_of));
            }
        }
        Self { work: job.to_string(), targets, keys: job.work.key_measures() }
    }

    fn measures(&self) -> Vec<Measure> {
        let mut all: Vec<Measure> =
            self.targets.iter().flat_map(|target| &target.figures).map(|figure| figure.measure).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl Outcome {
    fn new(name: String, rounds: &[Sample], base: Option<&[Sample]>) -> Self {
        let mut faults = Faults::default();
        rounds.iter().for_each(|round| faults.merge(&round.faults));
        let mut measures: Vec<Measure> =
            rounds.iter().flat_map(|round| &round.figures).map(|&(measure, _)| measure).collect();
        measures.sort_unstable();
        measures.dedup();
        Self {
            name,
            right: rounds.iter().map(|round| round.right).sum(),
            wrong: faults.iter().map(|(fault, count)| (fault.to_string(), count)).collect(),
            figures: measures.into_iter().filter_map(|measure| Figure::new(measure, rounds, base)).collect(),
        }
    }

    /// A column of nothing but ratios of one target to another.
    fn ratios(name: String, rounds: &[Sample], base: &[Sample]) -> Self {
        let figure = |figure: &Figure| Figure::of(figure.measure, ratios(figure.measure, rounds, base));
        let figures = Self::new(String::new(), rounds, None).figures.iter().filter_map(figure).collect();
        Self { name, right: 0, wrong: BTreeMap::new(), figures }
    }

    fn figure(&self, measure: Measure) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.measure == measure)
    }
}

impl Figure {
    fn new(measure: Measure, rounds: &[Sample], base: Option<&[Sample]>) -> Option<Self> {
        let figure = Self::of(measure, rounds.iter().filter_map(|round| round.figure(measure)).collect())?;
        let ratio = base.and_then(|base| median(&sorted(ratios(measure, rounds, base))));
        Some(Self { ratio, ..figure })
    }

    fn of(measure: Measure, values: Vec<f64>) -> Option<Self> {
        let values = sorted(values);
        let (&least, &most) = (values.first()?, values.last()?);
        Some(Self { measure, median: median(&values)?, least, most, ratio: None })
    }

    fn cell(&self) -> String {
        let decimals = match self.median.abs() {
            1000.0.. => 0,
            10.0.. => 1,
            _ => 2,
        };
        match self.ratio {
            Some(ratio) => format!("{:.decimals$} ({ratio:.2})", self.median),
            None => format!("{:.decimals$}", self.median),
        }
    }
}

impl fmt::Display for Report {
    /// One load in full; several as one table of what each is judged by.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        let Some(first) = self.rows.first() else {
            return Ok(());
        };
        let names: Vec<String> = first.targets.iter().map(|target| target.name.clone()).collect();
        let alone = self.rows.len() == 1;
        for row in &self.rows {
            if alone {
                let counts = row.targets.iter().map(|target| target.right.to_string()).collect();
                lines.push(("right answers".to_owned(), counts));
            }
            let measures = if alone { row.measures() } else { row.keys.to_vec() };
            for measure in measures {
                let cells =
                    row.targets.iter().map(|target| target.figure(measure).map_or("-".to_owned(), Figure::cell));
                let title = if alone { measure.to_string() } else { format!("{}: {measure}", row.work) };
                lines.push((title, cells.collect()));
            }
        }
        let head = if alone { first.work.clone() } else { "median (ratio)".to_owned() };
        write_table(f, &head, &names, &lines)?;
        for (row, target) in self.rows.iter().flat_map(|row| row.targets.iter().map(move |target| (row, target))) {
            for (fault, count) in &target.wrong {
                writeln!(f, "WRONG  {}, {}: {fault}: {count}", row.work, target.name)?;
            }
        }
        Ok(())
    }
}

fn write_table(
    f: &mut fmt::Formatter<'_>,
    head: &str,
    names: &[String],
    lines: &[(String, Vec<String>)],
) -> fmt::Result {
    let width = |text: &str| text.chars().count();
    let first = lines.iter().map(|(title, _)| width(title)).chain([width(head)]).max().unwrap_or(0);
    let widths: Vec<usize> = names
        .iter()
        .enumerate()
        .map(|(at, name)| lines.iter().map(|(_, cells)| width(&cells[at])).chain([width(name)]).max().unwrap_or(0))
        .collect();
    let mut line = |title: &str, cells: &[String]| {
        write!(f, "{title:first$}")?;
        for (cell, width) in cells.iter().zip(&widths) {
            write!(f, "  {cell:>width$}")?;
        }
        writeln!(f)
    };
    line(head, names)?;
    lines.iter().try_for_each(|(title, cells)| line(title, cells))
}

/// How the target stood to `base` in each round that both have the figure of.
fn ratios(measure: Measure, rounds: &[Sample], base: &[Sample]) -> Vec<f64> {
    let ratio = |(round, base): (&Sample, &Sample)| Some(round.figure(measure)? / base.figure(measure)?);
    rounds.iter().zip(base).filter_map(ratio).filter(|ratio| ratio.is_finite()).collect()
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// The middle of sorted values; of an even number, the mean of the two in the middle.
fn median(values: &[f64]) -> Option<f64> {
    let upper = values.get(values.len() / 2)?;
    Some(if values.len() % 2 == 1 { *upper } else { f64::midpoint(values[values.len() / 2 - 1], *upper) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::Work;

    fn rounds(cpu: &[f64]) -> Vec<Sample> {
        let sample = |&cpu| Sample { right: 10, figures: vec![(Measure::CpuPerRequest, cpu)], ..Sample::default() };
        cpu.iter().map(sample).collect()
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // The machine got slower by the round: the medians of both would tell the same, and so must the ratio.
        let samples =
            [("mine".to_owned(), rounds(&[2.0, 20.0, 90.0])), ("other".to_owned(), rounds(&[1.0, 10.0, 30.0]))];
        let compare = [("other".to_owned(), "mine".to_owned())];
        let row = Row::new(&Work::Idle { streams: 1 }.into(), samples.into_iter(), Some(1), &compare);
        let figure = row.targets[0].figures[0];
        assert_eq!((figure.median, figure.least, figure.most, figure.ratio), (20.0, 2.0, 90.0, Some(2.0)));
        assert_eq!(row.targets[0].right, 30);
        let ratio = row.targets[2].figures[0];
        assert_eq!((row.targets[2].name.as_str(), ratio.median, ratio.ratio), ("other/mine", 0.5, None));
        let table = Report { rows: vec![row] }.to_string();
        assert!(table.contains("µs CPU / request  20.0 (2.00)  10.0 (1.00)        0.50"), "{table}");
    }

    #[test]
    fn the_median_of_two_lies_between() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[1.0, 3.0]), Some(2.0));
    }
}
