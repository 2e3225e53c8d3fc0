//! Endpoints that fail much more often than their peers, though not often enough for their breaker.

use super::HealthSettings;
use crate::clock::Tick;
use crate::view::Slot;

/// The fewest endpoints among which one can be called an outlier.
const FEWEST: usize = 5;

/// Ejects endpoints whose share of good answers lies too far below the mean, and says whether it did.
///
/// At least half of the endpoints stay, however bad they are.
pub(crate) fn sweep(slots: &[Slot], now: Tick, settings: &HealthSettings) -> bool {
    let rate = |slot: &Slot| {
        let (good, bad) = slot.state.breaker.counts(now);
        (good + bad >= settings.outlier_requests.get()).then(|| f64::from(good) / f64::from(good + bad))
    };
    let (mut count, mut sum, mut squares) = (0_usize, 0.0, 0.0);
    for rate in slots.iter().filter_map(rate) {
        (count, sum, squares) = (count + 1, sum + rate, squares + rate * rate);
    }
    if count < FEWEST || settings.outlier_deviations <= 0.0 {
        return false;
    }
    let mean = sum / count as f64;
    let deviation = (squares / count as f64 - mean * mean).max(0.0).sqrt();
    let least = mean - f64::from(settings.outlier_deviations) * deviation;
    let out = |slot: &Slot| slot.state.breaker.admission(now) != super::Admission::Free;
    let mut may_eject = (slots.len() / 2).saturating_sub(slots.iter().filter(|slot| out(slot)).count());
    let mut ejected = false;
    // A spread of less than one in a hundred is noise, whatever its deviations.
    let apart = |rate: f64| rate < least && rate < mean - 0.01;
    for slot in slots {
        if may_eject > 0 && rate(slot).is_some_and(apart) && !out(slot) {
            slot.state.breaker.eject(now, settings);
            may_eject -= 1;
            ejected = true;
        }
    }
    ejected
}
