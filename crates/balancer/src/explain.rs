//! Why an endpoint was chosen, and the others were not.

use std::fmt;
use std::sync::Arc;

use crate::health::Reason;

/// What was looked at for one pick.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// All ids, in order; explanations of one list of endpoints share them.
    pub(crate) ids: Arc<[Arc<str>]>,
    /// The index of the first that is told of.
    pub(crate) first: usize,
    pub(crate) told: Box<[(Verdict, Option<f32>)]>,
    /// The index of the chosen one.
    pub(crate) index: usize,
    /// Whether this is what the strategy saw, or was computed later with what is known now.
    pub exact: bool,
}

impl Explanation {
    /// No more endpoints than this are told of: an explanation costs the same however many there are.
    pub const MOST: usize = 64;

    /// Every endpoint, in order; where there are more than [`Explanation::MOST`], so many around the chosen one.
    pub fn candidates(&self) -> impl ExactSizeIterator<Item = Considered<'_>> {
        self.ids[self.first..].iter().zip(&self.told).enumerate().map(|(at, (id, (verdict, score)))| Considered {
            id,
            chosen: self.first + at == self.index,
            verdict: *verdict,
            score: *score,
        })
    }

    /// How many endpoints are not among them.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.ids.len() - self.told.len()
    }
}

/// One endpoint that was looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Considered<'a> {
    /// Its id.
    pub id: &'a str,
    /// Whether it is the one.
    pub chosen: bool,
    /// What became of it.
    pub verdict: Verdict,
    /// The number by which the strategy compares, lower is better, if it has one.
    pub score: Option<f32>,
}

/// Why an endpoint was or was not in question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The strategy could choose it; also one that is paused, where no other is left.
    Eligible,
    /// All its places are taken.
    Full,
    /// It is left alone.
    Paused(Reason),
    /// Its pause is over, and one request at a time finds out.
    Probe,
    /// This request tried it before.
    Tried,
    /// It lacks a tag.
    Tags,
    /// A lower tier can serve.
    Tier,
    /// It was paused by hand.
    Drained,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, considered) in self.candidates().enumerate() {
            if position > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{}{}: ", if considered.chosen { "*" } else { "" }, considered.id)?;
            match considered.verdict {
                Verdict::Eligible => f.write_str("eligible")?,
                Verdict::Full => f.write_str("full")?,
                Verdict::Paused(reason) => write!(f, "paused ({reason:?})")?,
                Verdict::Probe => f.write_str("probe")?,
                Verdict::Tried => f.write_str("tried")?,
                Verdict::Tags => f.write_str("lacks a tag")?,
                Verdict::Tier => f.write_str("higher tier")?,
                Verdict::Drained => f.write_str("drained")?,
            }
            if let Some(score) = considered.score {
                write!(f, ", score {score:.4}")?;
            }
        }
        if self.left_out() > 0 { write!(f, "; and {} more", self.left_out()) } else { Ok(()) }
    }
}
