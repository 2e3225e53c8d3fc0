//! One period of turns by weight, with the least possible deviation.
//!
//! Tijdeman, "The chairman assignment problem", Discrete Mathematics 32 (1980): after any number k of turns, the
//! endpoint with share p has had between `k·p - d` and `k·p + d` of them, where `d = 1 - 1/(2n - 2)` for n endpoints.
//! No sequence does better for all weights. The smooth weighted round robin of nginx reaches 1 with four endpoints and
//! more with more.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::view::Member;

/// Weights are scaled to whole numbers with a sum of at most this, or of [`MEAN_SHARE`] each if that is more: then a
/// share of mean weight is exact to one in so many.
const MAX_PERIOD: u32 = 4_096;
const MEAN_SHARE: u32 = 64;

/// The order of turns of one period. Endpoints are indices into the list the turns were made from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Turns {
    order: Vec<u16>,
    shares: Vec<u32>,
}

/// Weights from which no turns can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidWeights {
    /// A weight is negative or not a number.
    #[error("the weight of `{id}` is not a number from zero up")]
    Weight {
        /// The endpoint.
        id: String,
    },
    /// Nobody would ever have a turn.
    #[error("all weights are zero, so nothing would ever be chosen")]
    AllZero,
}

impl Turns {
    /// The turns of these endpoints. Weights that are not numbers count as zero; if all are zero there is no turn.
    #[must_use]
    pub fn of(members: &[Member]) -> Self {
        let weights: Vec<f64> = members.iter().map(|member| member.weight).collect();
        Self::of_weights(&weights)
    }

    /// The turns of these weights.
    #[must_use]
    pub fn of_weights(weights: &[f64]) -> Self {
        let shares = scaled(weights);
        Self { order: chairmen(&shares), shares }
    }

    /// How many turns a period has.
    #[must_use]
    pub fn period(&self) -> usize {
        self.order.len()
    }

    /// How many turns of a period each endpoint has.
    #[must_use]
    pub fn shares(&self) -> &[u32] {
        &self.shares
    }

    /// Whose turn it is.
    #[must_use]
    pub fn at(&self, turn: u64) -> Option<usize> {
        let period = self.order.len() as u64;
        if period == 0 {
            return None;
        }
        // A division of 64 bits costs more than everything else here; the first four billion turns need none.
        let at = match (u32::try_from(turn), self.order.len() as u32) {
            (Ok(turn), period) => u64::from(turn % period),
            (Err(_), _) => turn % period,
        };
        self.order.get(at as usize).map(|index| usize::from(*index))
    }
}

/// Whole numbers in proportion to the weights, with the least sum that keeps the proportions if that is small enough.
fn scaled(weights: &[f64]) -> Vec<u32> {
    let sane: Vec<f64> = weights.iter().map(|w| if w.is_finite() && *w > 0.0 { *w } else { 0.0 }).collect();
    let sum: f64 = sane.iter().sum();
    if sum <= 0.0 || !sum.is_finite() {
        return vec![0; weights.len()];
    }
    let present = sane.iter().filter(|w| **w > 0.0).count();
    let most = f64::from(MAX_PERIOD).max(f64::from(MEAN_SHARE) * present as f64);
    let whole = sane.iter().all(|w| w.fract() == 0.0) && sum <= most;
    let scale = if whole { 1.0 } else { most / sum };
    let mut shares: Vec<u32> = sane
        .iter()
        .map(|w| {
            // Rounded down, so that the sum stays in bounds; but who has a weight has a turn.
            if *w > 0.0 { ((w * scale) as u32).max(1) } else { 0 }
        })
        .collect();
    let divisor = shares.iter().fold(0, |a, b| gcd(a, *b)).max(1);
    shares.iter_mut().for_each(|share| *share /= divisor);
    shares
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// One period of Tijdeman's algorithm, in whole numbers: with `S` the sum of shares, `m = 2n - 2` and
/// `lag = k·share - S·had`, those with `m·lag >= S` may preside, and the one with the least
/// `(S·(m - 1) - m·lag) / share` does.
///
/// The first holds from a turn on that can be told beforehand, and the order by the second does not change with `k`, so
/// two heaps do: of those whose time has not come, and of those who may preside.
fn chairmen(shares: &[u32]) -> Vec<u16> {
    let sum: u64 = shares.iter().map(|share| u64::from(*share)).sum();
    let present = shares.iter().enumerate().filter(|(_, share)| **share > 0).map(|(index, _)| index as u16);
    let m = 2 * (present.clone().count() as u64).saturating_sub(1);
    if m == 0 {
        return present.collect();
    }
    // From which turn on somebody who had so many may have one more.
    let release = |share: u64, had: u64| (sum * (1 + m * had)).div_ceil(m * share);
    let mut early: BinaryHeap<Reverse<(u64, u16)>> =
        present.map(|index| Reverse((release(u64::from(shares[usize::from(index)]), 0), index))).collect();
    let mut ready = BinaryHeap::new();
    let mut had = vec![0_u64; shares.len()];
    let mut order = Vec::with_capacity(sum as usize);
    for turn in 1..=sum {
        while let Some(Reverse((_, index))) = early.peek().filter(|next| next.0.0 <= turn).copied() {
            early.pop();
            let at = usize::from(index);
            ready.push(Reverse(Candidate { due: m * (1 + had[at]) - 1, share: u64::from(shares[at]), index }));
        }
        let Reverse(Candidate { share, index, .. }) =
            ready.pop().expect("Tijdeman: at every turn somebody may preside");
        let had = &mut had[usize::from(index)];
        *had += 1;
        order.push(index);
        early.push(Reverse((release(share, *had), index)));
    }
    order
}

/// Somebody who may preside: by `due / share`, then in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Candidate {
    due: u64,
    share: u64,
    index: u16,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        // without a division
        (self.due * other.share).cmp(&(other.due * self.share)).then(self.index.cmp(&other.index))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Refuses weights from which no turns can be made.
pub(crate) fn check<'a>(weights: impl Iterator<Item = (&'a str, f64)> + Clone) -> Result<(), InvalidWeights> {
    for (id, weight) in weights.clone() {
        if weight < 0.0 || !weight.is_finite() {
            return Err(InvalidWeights::Weight { id: id.to_owned() });
        }
    }
    let mut weights = weights.peekable();
    if weights.peek().is_some() && weights.all(|(_, weight)| weight == 0.0) {
        return Err(InvalidWeights::AllZero);
    }
    Ok(())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// The largest deviation over a period, times the sum of shares.
    fn worst(turns: &Turns) -> i64 {
        let sum: i64 = turns.shares.iter().map(|s| i64::from(*s)).sum();
        let mut had = vec![0_i64; turns.shares.len()];
        let mut worst = 0;
        for k in 1..=sum {
            had[turns.at(k as u64 - 1).expect("there are turns")] += 1;
            for (i, share) in turns.shares.iter().enumerate() {
                worst = worst.max((k * i64::from(*share) - sum * had[i]).abs());
            }
        }
        worst
    }

    #[test]
    fn no_prefix_deviates_more_than_tijdemans_bound() {
        let cases: [&[f64]; 8] = [
            &[1.0, 4.0, 30.0, 30.0],
            &[1.0, 1.0, 3.0, 14.0, 14.0],
            &[1.0, 1.0, 1.0, 11.0, 11.0, 11.0],
            &[5.0, 1.0, 1.0],
            &[1.0, 58.0, 58.0],
            &[1.0, 1.0],
            &[0.3, 0.3, 0.4, 0.0],
            &[1.0, 3.0, 9.0, 27.0, 81.0, 243.0, 729.0, 2187.0],
        ];
        for weights in cases {
            let turns = Turns::of_weights(weights);
            let n = turns.shares.iter().filter(|s| **s > 0).count() as i64;
            let sum: i64 = turns.shares.iter().map(|s| i64::from(*s)).sum();
            // worst/sum <= 1 - 1/(2n-2)
            assert!(worst(&turns) * (2 * n - 2) <= sum * (2 * n - 3), "{weights:?}");
            assert_eq!(turns.period() as i64, sum);
        }
    }

    /// The rule as Tijdeman has it, looking at everybody at every turn.
    fn by_the_book(shares: &[u32]) -> Vec<u16> {
        let sum: i64 = shares.iter().map(|share| i64::from(*share)).sum();
        let present: Vec<usize> = (0..shares.len()).filter(|i| shares[*i] > 0).collect();
        let m = 2 * present.len() as i64 - 2;
        let mut had = vec![0_i64; shares.len()];
        let mut chosen = |turn: i64| {
            let lag = |i: usize| turn * i64::from(shares[i]) - sum * had[i];
            let may = present.iter().copied().filter(|i| m * lag(*i) >= sum);
            let need = |i: usize| sum * (m - 1) - m * lag(i);
            let first =
                may.reduce(|a, b| if need(b) * i64::from(shares[a]) < need(a) * i64::from(shares[b]) { b } else { a });
            let first = first.expect("somebody may preside");
            had[first] += 1;
            first as u16
        };
        (1..=sum).map(&mut chosen).collect()
    }

    #[test]
    fn heaps_choose_whom_the_rule_chooses() {
        let mut rng = fastrand::Rng::with_seed(3);
        for _ in 0..300 {
            let count = rng.usize(2..12);
            let shares: Vec<u32> = (0..count).map(|_| rng.u32(0..40)).collect();
            if shares.iter().filter(|share| **share > 0).count() > 1 {
                assert_eq!(chairmen(&shares), by_the_book(&shares), "{shares:?}");
            }
        }
    }

    #[test]
    fn a_thousand_keep_the_bound_and_their_shares() {
        let mut rng = fastrand::Rng::with_seed(4);
        let weights: Vec<f64> = (0..1_000).map(|_| 0.1 + 9.9 * rng.f64()).collect();
        let turns = Turns::of_weights(&weights);
        let (n, period) = (1_000, turns.period() as i64);
        assert!(period <= i64::from(MEAN_SHARE) * n, "{period}");
        // The largest deviation: it is reached just before or after a turn of the one who deviates.
        let mut had = vec![0_i64; weights.len()];
        for k in 1..=period {
            let index = turns.at(k as u64 - 1).expect("there are turns");
            let share = i64::from(turns.shares[index]);
            for (turn, had) in [(k - 1, had[index]), (k, had[index] + 1)] {
                assert!((turn * share - period * had).abs() * (2 * n - 2) <= period * (2 * n - 3), "turn {k}");
            }
            had[index] += 1;
        }
        let sum: f64 = weights.iter().sum();
        for (weight, had) in weights.iter().zip(&had) {
            let (wanted, got) = (weight / sum, *had as f64 / period as f64);
            assert!((got - wanted).abs() < 1.5 / (f64::from(MEAN_SHARE) * 1_000.0), "{wanted} {got}");
        }
        assert_eq!(Turns::of_weights(&[1.0; 4_096]).period(), 4_096);
    }

    #[test]
    fn equal_weights_are_a_plain_round_robin() {
        let turns = Turns::of_weights(&[2.5; 5]);
        assert_eq!(turns.period(), 5);
        let seen: Vec<_> = (0..10).map(|k| turns.at(k).unwrap()).collect();
        assert_eq!(seen[..5], seen[5..]);
        assert_eq!(seen[..5].iter().collect::<std::collections::HashSet<_>>().len(), 5);
    }

    #[test]
    fn odd_weights_make_no_turns_and_no_panic() {
        for weights in [&[][..], &[0.0, 0.0], &[f64::NAN, -1.0], &[f64::INFINITY]] {
            assert_eq!(Turns::of_weights(weights).at(7), None, "{weights:?}");
        }
        assert_eq!(Turns::of_weights(&[0.0, 3.0]).at(u64::MAX), Some(1));
        assert!(Turns::of_weights(&[1e-300, 1e300, 1.0]).period() <= MAX_PERIOD as usize + 3);
    }
}
