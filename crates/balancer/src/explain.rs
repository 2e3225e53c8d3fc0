//! Why an endpoint was chosen, and the others were not.

use std::fmt;
use std::sync::Arc;

use crate::health::Reason;

/// What was looked at for one pick.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// Every endpoint, in order; where there are more than [`Explanation::MOST`], so many around the chosen one.
    pub candidates: Vec<Considered>,
    /// Index of the chosen one among them.
    pub chosen: usize,
    /// How many endpoints are not among them.
    pub left_out: usize,
    /// Whether this is what the strategy saw, or was computed later with what is known now.
    pub exact: bool,
}

impl Explanation {
    /// No more endpoints than this are told of: an explanation costs the same however many there are.
    pub const MOST: usize = 64;
}

/// One endpoint that was looked at.
#[derive(Debug, Clone)]
pub struct Considered {
    /// Its id.
    pub id: Arc<str>,
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
        for (index, considered) in self.candidates.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{}{}: ", if index == self.chosen { "*" } else { "" }, considered.id)?;
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
        if self.left_out > 0 { write!(f, "; and {} more", self.left_out) } else { Ok(()) }
    }
}
