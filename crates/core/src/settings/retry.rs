//! Settings of what is sent to providers more than once.

use super::reader::Reader;

/// How much may be sent again, or twice: a share of a model's requests in the last ten seconds, so that help never
/// becomes the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// `retry_budget`: attempts made again, of 100 requests.
    pub budget: u8,
    /// `retry_reserve`: attempts made again that are allowed in any case, per second.
    pub reserve: u16,
    /// `hedge`: whether a second provider is asked when the first is slow, for models that do not say.
    pub hedge: bool,
    /// `hedge_budget`: requests for which that is done, of 100.
    pub hedge_budget: u8,
}

impl Retry {
    pub(super) fn read(r: &mut Reader<'_>) -> Self {
        Self {
            budget: u8::try_from(r.whole("retry_budget", 20, 0..=100)).unwrap_or(100),
            reserve: u16::try_from(r.whole("retry_reserve", 10, 0..=10_000)).unwrap_or(u16::MAX),
            hedge: r.boolean("hedge", false),
            hedge_budget: u8::try_from(r.whole("hedge_budget", 2, 0..=100)).unwrap_or(100),
        }
    }
}
