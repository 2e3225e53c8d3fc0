//! `sticky`: the same key goes to the same endpoint, unless that one has too much to do.

use super::{Choice, Needs, Strategy, least};
use crate::demand::Demand;
use crate::hash;
use crate::view::{Member, View};

/// Points on the ring per endpoint of mean weight.
const POINTS: f64 = 160.0;

/// No endpoint of mean weight has more points.
const MOST_POINTS: f64 = 4_096.0;

/// Consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam 2018): a key belongs to the next point on
/// a ring; an endpoint with more than 1.25 times its share of what is in flight passes it on to the next. Adding or
/// removing an endpoint moves only its own share of the keys.
///
/// Requests without a key go to the least loaded endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Sticky {
    /// How much more than its share an endpoint takes. Above 1.
    pub bound: f32,
}

impl Default for Sticky {
    fn default() -> Self {
        Self { bound: 1.25 }
    }
}

/// Points of the endpoints, ascending.
#[derive(Debug, Clone, Default)]
pub struct Ring(Vec<(u64, u16)>);

impl Strategy for Sticky {
    type Plan = Ring;

    fn plan(&self, members: &[Member]) -> Ring {
        let sum: f64 = members.iter().map(|member| member.weight.max(0.0)).sum();
        let mean = sum / members.len().max(1) as f64;
        let mut points = Vec::new();
        for (index, member) in members.iter().enumerate() {
            let share = if mean > 0.0 { member.weight / mean } else { 1.0 };
            let count = (share * POINTS).clamp(0.0, MOST_POINTS).round() as u64;
            points.extend((0..count).map(|n| (hash::mix(member.key ^ hash::mix(n)), index as u16)));
        }
        points.sort_unstable();
        Ring(points)
    }

    fn choose(&self, view: &View<'_, Ring>, demand: &Demand<'_>) -> Choice {
        let load = |index: usize| view.per_weight(index, view.joined(index));
        let Some(key) = demand.affinity else { return least(view, load) };
        let ring = &view.plan().0;
        let eligible = view.eligible();
        let (mut in_flight, mut weight) = (1.0, 0.0);
        for index in eligible.iter() {
            in_flight += view.in_flight(index);
            weight += view.weight(index);
        }
        let start = ring.partition_point(|(point, _)| *point < hash::mix(key));
        for (_, index) in ring[start..].iter().chain(&ring[..start]) {
            let index = usize::from(*index);
            if !eligible.contains(index) {
                continue;
            }
            let most = (self.bound * in_flight * view.weight(index) / weight).ceil();
            if view.in_flight(index) < most {
                return Choice::Use(index);
            }
        }
        least(view, load)
    }

    fn needs(&self) -> Needs {
        Needs { affinity: true, ..Needs::default() }
    }
}
