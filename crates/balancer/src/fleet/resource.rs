//! One resource: how many permits are out, how long they are held, and what it is ready for.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::clock::Tick;
use crate::ewma::Mean;
use crate::sync::lock;

/// No resource is ready for more classes than this at once.
const MOST_RESIDENTS: usize = 64;

#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Resource {
    used: AtomicU32,
    /// The most permits that anybody who waited would let be out: beyond it nobody in line need be looked at.
    widest: AtomicU32,
    /// When the latest permit was taken (nanoseconds).
    taken: AtomicU64,
    /// Seconds a permit is held.
    hold: Mean,
    /// Classes it is ready for.
    residents: Mutex<Vec<Resident>>,
    pub(crate) name: Arc<str>,
    /// Which one of its fleet, in the order in which they were made.
    pub(crate) number: u64,
}

/// A class that a resource is ready for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resident {
    pub(crate) class: u64,
    pub(crate) since: Tick,
    pub(crate) used: Tick,
}

impl Resource {
    pub(crate) fn new(name: Arc<str>, number: u64) -> Self {
        Self {
            used: AtomicU32::new(0),
            widest: AtomicU32::new(0),
            taken: AtomicU64::new(0),
            hold: Mean::default(),
            residents: Mutex::default(),
            name,
            number,
        }
    }

    pub(crate) fn used(&self) -> u32 {
        self.used.load(Ordering::Relaxed)
    }

    /// Somebody will wait for a permit as long as `cap` are out.
    pub(crate) fn widen(&self, cap: u32) {
        if self.widest.load(Ordering::SeqCst) < cap {
            self.widest.fetch_max(cap, Ordering::SeqCst);
        }
    }

    /// Whether somebody who waits might have a permit.
    pub(crate) fn has_room(&self) -> bool {
        self.used.load(Ordering::SeqCst) < self.widest.load(Ordering::SeqCst)
    }

    /// Takes a permit unless `cap` are out.
    pub(crate) fn take(&self, cap: u32) -> bool {
        if cap == u32::MAX {
            self.used.fetch_add(1, Ordering::SeqCst);
            return true;
        }
        let mut used = self.used.load(Ordering::SeqCst);
        while used < cap {
            match self.used.compare_exchange_weak(used, used + 1, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return true,
                Err(seen) => used = seen,
            }
        }
        false
    }

    pub(crate) fn put(&self) {
        let before = self.used.fetch_sub(1, Ordering::SeqCst);
        debug_assert!(before > 0, "every permit is given back once");
    }

    pub(crate) fn held(&self, span: Duration) {
        self.hold.record(span.as_secs_f32(), 0.05, 1.0);
    }

    /// Seconds a permit is held on average, if any came back yet.
    pub(crate) fn mean_hold(&self) -> Option<f32> {
        self.hold.get()
    }

    /// Seconds until a permit comes back, by the age of the latest one.
    pub(crate) fn remaining(&self, now: Tick) -> Option<f32> {
        let mean = self.hold.get()?;
        let age = now.seconds_since(Tick::from_nanos(self.taken.load(Ordering::Relaxed)));
        // An answer that has lasted longer than the mean is a long one.
        Some((mean - age).max(mean * 0.25))
    }

    /// Notes that `class` is served from now on; says whether the resource has to be made ready for it.
    pub(crate) fn serve(&self, class: u64, room: u32, now: Tick) -> bool {
        self.taken.store(now.as_nanos(), Ordering::Relaxed);
        let mut residents = lock(&self.residents);
        if let Some(resident) = residents.iter_mut().find(|resident| resident.class == class) {
            resident.used = now;
            return false;
        }
        let room = (room as usize).clamp(1, MOST_RESIDENTS);
        while residents.len() >= room {
            let oldest = (0..residents.len()).min_by_key(|&at| residents[at].used).expect("the list is not empty");
            residents.swap_remove(oldest);
        }
        residents.push(Resident { class, since: now, used: now });
        true
    }

    /// The entry of a class, if the resource is ready for it.
    pub(crate) fn resident(&self, class: u64) -> Option<Resident> {
        lock(&self.residents).iter().find(|resident| resident.class == class).copied()
    }

    /// All classes it is ready for.
    pub(crate) fn residents(&self) -> Vec<Resident> {
        lock(&self.residents).clone()
    }
}
