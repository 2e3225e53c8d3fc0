//! What the caller says about a target: an identity, limits and preferences.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::hash;

/// A target and what is known about it beforehand. Never changes: to change it, set a new one with the same id and
/// resource, and what was learned is kept.
#[derive(Debug)]
pub struct Endpoint<T> {
    /// What is known beforehand.
    pub config: EndpointConfig,
    /// The target itself: whatever the caller needs to reach it.
    pub target: T,
}

impl<T> Endpoint<T> {
    /// An endpoint with this id and otherwise default settings.
    pub fn new(id: impl Into<Arc<str>>, target: T) -> Self {
        EndpointConfig::new(id).with(target)
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.config.id
    }
}

/// What is known about a target beforehand.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// Unique within a balancer.
    pub id: Arc<str>,
    /// What is used up by a request, e.g. a host: endpoints of several balancers of one fleet that name the same
    /// resource share its permits. The id by default.
    pub resource: Arc<str>,
    /// Share of the traffic against the other endpoints, not negative; zero never serves under `weighted`. Default 1.
    pub weight: f64,
    /// No more requests than this at once on the resource; the rest wait here, in the balancer.
    /// `None`: no limit, except under strategies that need one (`first_available` takes [`EndpointConfig::slots`],
    /// else 1).
    pub max_concurrency: Option<NonZeroU32>,
    /// How many requests the target serves at once, if known; it queues the rest itself. A hint for `adaptive`.
    pub slots: Option<NonZeroU32>,
    /// Endpoints of a higher tier serve only while no lower one can. Default 0.
    pub tier: u8,
    /// A demand can ask for endpoints that have certain tags.
    pub tags: Vec<Arc<str>>,
    /// What it costs to serve a class that the resource did not serve before, e.g. to load a model.
    pub load_time: Duration,
    /// How many classes the resource keeps ready at once. Default 1.
    pub residents: NonZeroU32,
    /// A target that is paused serves nothing until it is enabled.
    pub enabled: bool,
}

impl EndpointConfig {
    /// Default settings under this id.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        let id = id.into();
        Self {
            resource: Arc::clone(&id),
            id,
            weight: 1.0,
            max_concurrency: None,
            slots: None,
            tier: 0,
            tags: Vec::new(),
            load_time: Duration::from_secs(8),
            residents: NonZeroU32::MIN,
            enabled: true,
        }
    }

    /// The endpoint made of these settings and a target.
    pub fn with<T>(self, target: T) -> Endpoint<T> {
        Endpoint { config: self, target }
    }
}

/// The name of an endpoint in eight bytes, the same in every process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EndpointKey(pub(crate) u64);

impl EndpointKey {
    /// The key of this id.
    #[must_use]
    pub const fn of(id: &str) -> Self {
        Self(hash::name(id))
    }
}

/// A tag in eight bytes.
///
/// ```
/// use llm_router_balancer::{Balancer, Demand, EndpointConfig, Tag};
///
/// let mut config = EndpointConfig::new("a");
/// config.tags = vec!["eu".into(), "fast".into()];
/// let pool = Balancer::builder().endpoint(config.with(())).build()?;
/// pool.pick(&Demand { tags: &[Tag::of("eu")], ..Demand::default() })?.succeed();
/// assert!(pool.pick(&Demand { tags: &[Tag::of("us")], ..Demand::default() }).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(u64);

impl Tag {
    /// The tag of this name.
    #[must_use]
    pub const fn of(name: &str) -> Self {
        Self(hash::name(name))
    }
}
