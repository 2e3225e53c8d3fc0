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
    let mut rates = [0.0_f32; crate::Mask::CAPACITY];
    let (mut count, mut sum, mut squares) = (0, 0.0, 0.0);
    for (rate, slot) in rates.iter_mut().zip(slots) {
        let (good, bad) = slot.state.breaker.counts(now);
        *rate = f32::NAN;
        if good + bad >= settings.outlier_requests.get() {
            *rate = good as f32 / (good + bad) as f32;
            (count, sum, squares) = (count + 1, sum + *rate, squares + *rate * *rate);
        }
    }
    if count < FEWEST || settings.outlier_deviations <= 0.0 {
        return false;
    }
    let mean = sum / count as f32;
    let deviation = (squares / count as f32 - mean * mean).max(0.0).sqrt();
    let least = mean - settings.outlier_deviations * deviation;
    let out = |slot: &Slot| slot.state.breaker.admission(now) != super::Admission::Free;
    let mut may_eject = (slots.len() / 2).saturating_sub(slots.iter().filter(|slot| out(slot)).count());
    let mut ejected = false;
    for (rate, slot) in rates.iter().zip(slots) {
        // A spread of less than one in a hundred is noise, whatever its deviations.
        if may_eject > 0 && *rate < least && *rate < mean - 0.01 && !out(slot) {
            slot.state.breaker.eject(now, settings);
            may_eject -= 1;
            ejected = true;
        }
    }
    ejected
}
