//! What a strategy sees: the endpoints in order, what was learned about each, and which of them may serve.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Tick;
use crate::fleet::Resource;
use crate::health::HealthSettings;
use crate::mask::Mask;
use crate::state::State;
use crate::store::TicketSource;

/// Half-life of the average presence on a resource, in seconds.
pub(crate) const PRESENCE_HALF_LIFE: f32 = 5.0;

/// Requests of each other replica on a resource beyond what this one would expect from its own. Found by simulation,
/// like the half-life: with less, many replicas overrun small endpoints; with more, they leave them idle.
const UNSEEN: f32 = 0.3;

/// Half-life of the latency that was learned, in seconds.
pub(crate) const LATENCY_HALF_LIFE: f32 = 10.0;

/// Seconds to the first token that an endpoint without history is believed to need.
pub(crate) const LATENCY_SEED: f32 = 1.0;

/// One endpoint as its pool sees it: settings in place, what is learned behind a pointer.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) state: Arc<State>,
    /// That of the state, one step nearer.
    pub(crate) resource: Arc<Resource>,
    pub(crate) weight: f32,
    /// One by the weight: a product is cheaper than a division.
    pub(crate) inverse: f32,
    /// Most permits on the resource; `u32::MAX`: no limit.
    pub(crate) cap: u32,
    /// What the endpoint serves at once; zero: unknown.
    pub(crate) slots: u32,
    pub(crate) tier: u8,
    pub(crate) room: u32,
    pub(crate) load_time: Duration,
    pub(crate) tags: Box<[crate::Tag]>,
}

impl Slot {
    /// Whether a permit of its resource is left.
    pub(crate) fn has_room(&self) -> bool {
        self.resource.used() < self.cap
    }

    /// Requests on the resource, over all replicas, when one joins the `here` that are there of this replica.
    pub(crate) fn crowd(&self, here: f32, peers: u32, now: Tick) -> f32 {
        if peers == 1 {
            return here + 1.0;
        }
        let average = self.state.presence.read(now, here, PRESENCE_HALF_LIFE);
        here + 1.0 + (peers - 1) as f32 * ((here + average) / 2.0 + UNSEEN)
    }

    /// How many requests the endpoint serves at once, as far as that is known.
    pub(crate) fn places(&self) -> Option<f32> {
        if self.slots > 0 { Some(self.slots as f32) } else { self.state.learned_places() }
    }
}

/// The endpoints of a balancer at one moment, as a strategy sees them. Indices are those of the list given to
/// [`Balancer::set_endpoints`](crate::Balancer::set_endpoints).
pub struct View<'a, P> {
    pub(crate) frame: &'a Frame<'a>,
    pub(crate) plan: &'a P,
}

/// What is the same for every plan.
pub(crate) struct Frame<'a> {
    pub(crate) slots: &'a [Slot],
    pub(crate) eligible: &'a Mask,
    pub(crate) full: &'a Mask,
    pub(crate) now: Tick,
    pub(crate) peers: u32,
    pub(crate) tickets: &'a AtomicU64,
    /// Numbers drawn in turn with other processes.
    pub(crate) turns: Option<&'a dyn TicketSource>,
    pub(crate) health: &'a HealthSettings,
    pub(crate) ahead: u32,
    pub(crate) waited: Duration,
    /// Whether any endpoint may still be warming up.
    pub(crate) warming: bool,
}

impl<'a, P> View<'a, P> {
    /// How many endpoints there are, eligible or not.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.frame.slots.len()
    }

    /// Whether there is no endpoint at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.frame.slots.is_empty()
    }

    /// Those that may serve this demand: healthy, enabled, not tried before, and with a free place, as far as the
    /// strategy is not [optimistic](crate::Needs::optimistic). A strategy chooses among them and looks at no other.
    #[must_use]
    pub const fn eligible(&self) -> &'a Mask {
        self.frame.eligible
    }

    /// Those that are not eligible only because all their places are taken.
    #[must_use]
    pub const fn full(&self) -> &'a Mask {
        self.frame.full
    }

    /// What the strategy made of the list of endpoints.
    #[must_use]
    pub const fn plan(&self) -> &'a P {
        self.plan
    }

    /// The moment of the choice.
    #[must_use]
    pub const fn now(&self) -> Tick {
        self.frame.now
    }

    /// A number that is one greater with each call, over all picks of the balancer. The only way in which looking at a
    /// view changes anything.
    #[must_use]
    pub fn ticket(&self) -> u64 {
        self.frame.tickets.fetch_add(1, Ordering::Relaxed)
    }

    /// The same, over all processes that share a store and have a balancer of this name; over this one's picks alone
    /// while the store has none to give.
    #[must_use]
    pub fn turn(&self) -> u64 {
        self.frame.turns.and_then(TicketSource::next).unwrap_or_else(|| self.ticket())
    }

    /// The weight, less while the endpoint warms up.
    #[must_use]
    pub fn weight(&self, index: usize) -> f32 {
        self.frame.slots[index].weight * self.warmth(index)
    }

    /// `quantity` by the weight: infinite where that is zero.
    #[must_use]
    pub fn per_weight(&self, index: usize, quantity: f32) -> f32 {
        self.per_warmth(index, quantity * self.frame.slots[index].inverse)
    }

    /// `quantity` by [`View::warmth`]. Most of the time nothing warms up, and nothing is divided.
    #[must_use]
    pub fn per_warmth(&self, index: usize, quantity: f32) -> f32 {
        if self.frame.warming { quantity / self.warmth(index) } else { quantity }
    }

    /// Share of its weight that the endpoint gets now: 1 unless it warms up.
    #[must_use]
    pub fn warmth(&self, index: usize) -> f32 {
        if self.frame.warming { self.frame.slots[index].state.warmth(self.frame.now, self.frame.health) } else { 1.0 }
    }

    /// Requests on the resource of the endpoint, over all replicas: those of this process times the replicas.
    #[must_use]
    pub fn in_flight(&self, index: usize) -> f32 {
        (self.frame.slots[index].resource.used() * self.frame.peers) as f32
    }

    /// Requests on the resource of the endpoint if this one joins them, over all replicas, as far as they do as this
    /// one does: half what is in flight here now and half what is here on average, and a little more, because where
    /// one replica finds nothing another may have sent something.
    #[must_use]
    pub fn joined(&self, index: usize) -> f32 {
        let slot = &self.frame.slots[index];
        slot.crowd(slot.resource.used() as f32, self.frame.peers, self.frame.now)
    }

    /// Requests beyond `places` to be expected on the resource of the endpoint if this one joins them. With several
    /// replicas their number is uncertain, by about its root, so some excess is to be expected even where the mean is
    /// below.
    #[must_use]
    #[inline]
    pub fn excess(&self, index: usize, places: f32) -> f32 {
        let joined = self.joined(index);
        let over = joined - places;
        if self.frame.peers == 1 { over.max(0.0) } else { expected_above(over, joined.sqrt()) }
    }

    /// How many requests the endpoint serves at once: as its settings say, else as far as it was learned. `None`: no
    /// request ever had to wait there.
    #[must_use]
    pub fn places(&self, index: usize) -> Option<f32> {
        self.frame.slots[index].places()
    }

    /// Seconds to the first token: high after a slow answer or a failure, coming down with time.
    #[must_use]
    pub fn latency(&self, index: usize) -> f32 {
        self.frame.slots[index].state.latency.read(self.frame.now, LATENCY_SEED, LATENCY_HALF_LIFE)
    }

    /// Seconds per unit of size to the first token when nothing waits before, if learned.
    #[must_use]
    pub fn pace(&self, index: usize) -> Option<f32> {
        self.frame.slots[index].state.pace.get()
    }

    /// Seconds that a request keeps its place busy, if learned.
    #[must_use]
    pub fn busy(&self, index: usize) -> Option<f32> {
        self.frame.slots[index].state.busy.get()
    }

    /// Seconds of delay expected on account of late failures.
    #[must_use]
    pub fn drag(&self, index: usize) -> f32 {
        self.frame.slots[index].state.drag.read(self.frame.now, 0.0, LATENCY_HALF_LIFE)
    }

    /// When an answer of the endpoint last taught something; `None` before the first.
    #[must_use]
    pub fn taught(&self, index: usize) -> Option<Tick> {
        Some(self.frame.slots[index].state.taught.load(Ordering::Relaxed)).filter(|at| *at > 0).map(Tick::from_nanos)
    }

    /// A number for the endpoint that is the same in every process.
    #[must_use]
    pub fn key(&self, index: usize) -> u64 {
        self.frame.slots[index].state.key.0
    }

    /// How long the request has waited in line.
    #[must_use]
    pub const fn waited(&self) -> Duration {
        self.frame.waited
    }
}

/// The mean of what is above zero of a normal number, by the logistic function that is closest to it.
fn expected_above(mean: f32, deviation: f32) -> f32 {
    let steepness = 1.7;
    let z = steepness * mean / deviation;
    if z > 20.0 { mean } else { deviation * z.exp().ln_1p() / steepness }
}

impl<P: fmt::Debug> fmt::Debug for View<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Frame { eligible, full, now, .. } = self.frame;
        let shown = (eligible.iter().collect::<Vec<_>>(), full.iter().collect::<Vec<_>>());
        let mut view = f.debug_struct("View");
        view.field("eligible", &shown.0).field("full", &shown.1).field("now", now);
        view.field("plan", self.plan).finish_non_exhaustive()
    }
}

/// One endpoint as a strategy sees it when it plans.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Member {
    /// A number for the endpoint that is the same in every process.
    pub key: u64,
    /// Its weight, not negative.
    pub weight: f64,
}
