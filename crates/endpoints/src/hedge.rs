//! A second attempt beside a slow first one: whoever begins to answer first is heard, the other is given up.

use std::{pin::pin, sync::OnceLock, time::Duration};

use llm_router_balancer::{Demand, Tried};
use tokio::time::timeout;

use crate::{
    attempts::{Attempts, Heard, Note, Planner, exchange},
    judge::Attempt,
    phases::Trouble,
    prepare::{Plan, Prepared},
    state::{Lease, Pool},
};

impl Attempts<'_> {
    /// How long the provider of a lease may take to begin before it counts as slow; `None` while that is not known.
    pub(crate) fn slow_after(&self, lease: &Lease) -> Option<Duration> {
        lease.hedge_at().map(|at| at.since(self.pool.balancer.now()))
    }

    /// Asks a provider, and after some time a second one too, if one is free and the budget allows it. To be given up
    /// is to be dropped: the connection is closed and the lease counts as cancelled.
    pub(crate) async fn race(
        &mut self,
        lease: Lease,
        prepared: Prepared,
        after: Duration,
        tried: &mut Tried,
        asked: &mut u32,
    ) -> Attempt {
        let (upstream, plan, started) = (self.upstream, self.plan, (self.started, &self.pool.memory));
        let heads = [const { OnceLock::<Heard>::new() }; 2];
        let mut first = pin!(exchange(upstream, plan, started, lease, prepared, keep(&heads[0])));
        if let Ok(attempt) = timeout(after, first.as_mut()).await {
            return self.heard(&heads[0], attempt);
        }
        let second = tokio::select! {
            biased;
            attempt = first.as_mut() => return self.heard(&heads[0], attempt),
            second = other(self.pool, plan, self.wish.demand(self.pool, *tried)) => second,
        };
        let Some((lease, prepared)) = second else {
            let attempt = first.await;
            return self.heard(&heads[0], attempt);
        };
        tried.insert(lease.key());
        *asked += 1;
        (self.note)(Note::Hedging(&lease));
        let mut second = pin!(exchange(upstream, plan, started, lease, prepared, keep(&heads[1])));
        tokio::select! {
            biased;
            attempt = first.as_mut() => {
                let attempt = self.heard(&heads[0], attempt);
                if let Attempt::Answer(_) | Attempt::NoRoom(_) = attempt {
                    return attempt;
                }
                self.note_failure(&attempt);
                (self.note)(Note::HedgeWon { first_failed: true });
                let attempt = second.await;
                self.heard(&heads[1], attempt)
            }
            attempt = second.as_mut() => {
                let trouble = match &attempt {
                    Attempt::Answer(_) => {
                        (self.note)(Note::HedgeWon { first_failed: false });
                        return self.heard(&heads[1], attempt);
                    }
                    Attempt::NoRoom(_) => return self.heard(&heads[1], attempt),
                    Attempt::Refusal(answer) => Trouble::Status(answer.head.status.as_u16()),
                    Attempt::Failed(error) => Trouble::from(error),
                };
                (self.note)(Note::HedgeFailed(trouble));
                let attempt = first.await;
                self.heard(&heads[0], attempt)
            }
        }
    }

    /// Tells when the head of an attempt came, if it did.
    fn heard(&mut self, head: &OnceLock<Heard>, attempt: Attempt) -> Attempt {
        if let Some(heard) = head.get() {
            (self.note)(Note::Head(*heard));
        }
        attempt
    }
}

/// Keeps when a head came.
fn keep(head: &OnceLock<Heard>) -> impl FnOnce(Heard) + Send + '_ {
    move |heard| {
        head.get_or_init(|| heard);
    }
}

/// Another provider that is free now, and the request for it.
async fn other(pool: &Pool, plan: Planner<'_>, mut demand: Demand<'_>) -> Option<(Lease, Prepared)> {
    if demand.tried.len() >= pool.targets().len() || !pool.balancer.may_hedge() {
        return None;
    }
    // Nobody waits in line for it.
    demand.deadline = Some(pool.balancer.now());
    let lease = pool.acquire(&demand).await.ok()?;
    match plan(lease.target()) {
        Ok(Plan::Send(prepared)) => Some((lease, prepared)),
        Ok(Plan::Answer(_)) | Err(_) => None,
    }
}
