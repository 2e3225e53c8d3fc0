//! Answers that are read to their ends although their clients have gone.

use std::sync::{Arc, atomic::AtomicUsize};

use llm_router_endpoints::BoxFuture;
use tokio::runtime::Handle;

use crate::{conduit::OneMore, tasks};

/// One worker's answers without clients. Their number is bounded; each is bounded in time and size by its maker.
#[derive(Default)]
pub(super) struct Leftovers(Arc<AtomicUsize>);

impl Leftovers {
    /// Goes on with one; beyond the bound, and when the event loop is ending, it is dropped.
    pub(super) fn go_on(&self, rest: BoxFuture<'static, ()>, most: usize) {
        let (one, under_way) = OneMore::begin(&self.0);
        if under_way > most || Handle::try_current().is_err() {
            return;
        }
        tasks::spawn(async move {
            rest.await;
            drop(one);
        });
    }
}
