//! `first_available_optim`: `first_available` for resources that must be made ready for a class first.

use std::cell::LazyCell;
use std::collections::HashMap;

use super::{Choice, Needs, Strategy};
use crate::clock::Tick;
use crate::demand::Demand;
use crate::fleet::warm_wait;
use crate::hash;
use crate::view::{Member, View};

/// A free resource that is ready for the class of the request; else waits for a busy one that is, as long as that is
/// expected to take less time than making another ready; else an unused one, then one whose class is ready elsewhere
/// too, then the one used least recently.
#[derive(Debug, Clone, Copy, Default)]
pub struct FirstAvailableOptim;

impl Strategy for FirstAvailableOptim {
    type Plan = ();

    fn plan(&self, _: &[Member]) {}

    fn choose(&self, view: &View<'_, ()>, demand: &Demand<'_>) -> Choice {
        let class = hash::name(demand.class);
        let ready = |index: &usize| view.frame.slots[*index].state.resource.resident(class);
        let free = view.eligible();
        let warm = free.iter().filter_map(|index| ready(&index).map(|resident| (resident.used, index))).max();
        if let Some((_, index)) = warm {
            return Choice::Use(index);
        }
        if let Some(recheck) = waits_for_warm(view, class) {
            return Choice::Wait(recheck);
        }
        let copies = LazyCell::new(|| copies(view));
        let coldest = free.iter().min_by_key(|index| eviction_rank(view, *index, &copies));
        coldest.map_or(Choice::None, Choice::Use)
    }

    fn needs(&self) -> Needs {
        Needs { permits: true, residency: true, ..Needs::default() }
    }
}

/// When to look again, if waiting for a busy resource that is ready beats making another one ready.
fn waits_for_warm(view: &View<'_, ()>, class: u64) -> Option<Tick> {
    let resource = |index: usize| &view.frame.slots[index].state.resource;
    let load = view.full().iter().chain(view.eligible().iter()).map(|index| view.frame.slots[index].load_time).max()?;
    let wait = warm_wait(view.full().iter().map(resource), class, view.frame.ahead, load, view.now())?;
    (wait < load.as_secs_f32()).then(|| view.now() + load / 8)
}

/// How many endpoints are ready for each class.
fn copies(view: &View<'_, ()>) -> HashMap<u64, u32> {
    let mut copies = HashMap::new();
    for resident in view.frame.slots.iter().flat_map(|slot| slot.state.resource.residents()) {
        *copies.entry(resident.class).or_default() += 1;
    }
    copies
}

/// Lower is given up first: unused, then ready for a class that others are ready for too, then least recently used.
fn eviction_rank<F: FnOnce() -> HashMap<u64, u32>>(
    view: &View<'_, ()>,
    index: usize,
    copies: &LazyCell<HashMap<u64, u32>, F>,
) -> (u8, Tick) {
    let slot = &view.frame.slots[index];
    let residents = slot.state.resource.residents();
    if residents.len() < slot.room as usize {
        return (0, Tick::ZERO);
    }
    let Some(oldest) = residents.iter().min_by_key(|resident| resident.used) else { return (0, Tick::ZERO) };
    let elsewhere = copies.get(&oldest.class).is_some_and(|copies| *copies > 1);
    (if elsewhere { 1 } else { 2 }, oldest.used)
}
