//! Who gets a resource that must be made ready for a class before it can serve it.
//!
//! A request waits for a resource that is ready while that is expected to take less time than making another ready; a
//! resource keeps its class for three times the cost of a change while somebody waits for that class, and then goes to
//! the one who has waited longest. So changes take at most a quarter of the time, and nobody starves.

use std::sync::Arc;
use std::time::Duration;

use super::Resource;
use super::line::{Line, Order, Place, Waiter};
use crate::clock::Tick;

/// A resource is not taken from a class that somebody waits for before so many load times.
const DWELL: u32 = 3;

/// Nobody is passed over any more after waiting so many load times, once the dwell is over.
const PATIENCE: u32 = 2;

/// The class that a waiter wants, and what a change to it costs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Residency {
    pub(crate) class: u64,
    pub(crate) load: Duration,
    /// How many classes a resource keeps ready.
    pub(crate) room: u32,
}

/// Seconds until a resource that is ready for the class can be had, with `ahead` of the class before us; `None` if no
/// resource is ready for it.
pub(crate) fn warm_wait<'a>(
    resources: impl Iterator<Item = &'a Arc<Resource>>,
    class: u64,
    ahead: u32,
    load: Duration,
    now: Tick,
) -> Option<f32> {
    let unknown = load.as_secs_f32() / 2.0;
    let (mut copies, mut soonest, mut hold) = (0_u32, f32::INFINITY, 0.0_f32);
    for resource in resources.filter(|resource| resource.resident(class).is_some()) {
        copies += 1;
        soonest = soonest.min(resource.remaining(now).unwrap_or(unknown));
        hold += resource.mean_hold().unwrap_or(unknown);
    }
    (copies > 0).then(|| soonest + ahead as f32 * hold / (copies * copies) as f32)
}

/// Who is next for a resource when the first in line has a preference.
pub(super) fn next(
    line: &Line,
    first: Order,
    resource: &Arc<Resource>,
    now: Tick,
    fits: impl Fn(&Waiter) -> Option<(usize, bool)>,
) -> Option<Order> {
    let residents = resource.residents();
    let ready_for = |waiter: &Waiter| match &waiter.residency {
        Some(residency) => residents.iter().any(|resident| resident.class == residency.class),
        None => true,
    };
    let own = line.waiters.range(first..).find(|(_, waiter)| ready_for(waiter) && fits(waiter).is_some());
    let head = &line.waiters[&first];
    let load = head.residency.as_ref().map_or(Duration::ZERO, |residency| residency.load);
    if let Some((own, waiter)) = own {
        let since = waiter.residency.as_ref().and_then(|wanted| {
            residents.iter().find(|resident| resident.class == wanted.class).map(|resident| resident.since)
        });
        let dwelt = since.is_none_or(|since| now.since(since) >= load * DWELL);
        let switch = *own != first && dwelt && head.waited(now) > load * PATIENCE;
        return Some(if switch { first } else { *own });
    }
    // Nobody wants it as it is: it goes to the first for whom a change beats waiting.
    line.waiters
        .range(first..)
        .filter(|(_, waiter)| fits(waiter).is_some())
        .find(|(order, waiter)| !waits_for_warm(line, **order, waiter, now))
        .map(|(order, _)| *order)
}

fn waits_for_warm(line: &Line, order: Order, waiter: &Waiter, now: Tick) -> bool {
    let Some(residency) = &waiter.residency else { return false };
    let ahead = line.waiters.range(..order).filter(|(_, earlier)| earlier.is_of(residency.class)).count() as u32;
    let resources = waiter.places.iter().map(|Place { resource, .. }| resource);
    warm_wait(resources, residency.class, ahead, residency.load, now)
        .is_some_and(|wait| wait < residency.load.as_secs_f32())
}
