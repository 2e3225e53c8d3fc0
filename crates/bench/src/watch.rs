//! Watches the processes of a target while a round runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::process::{CpuTime, Tree};

/// How often memory is looked at.
const EVERY: Duration = Duration::from_millis(200);

/// What a target's processes used in a round; memory in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    pub(crate) cpu: Duration,
    pub(crate) before: u64,
    pub(crate) during: u64,
    pub(crate) after: u64,
}

/// A watch that runs.
#[derive(Debug)]
pub(crate) struct Watch {
    tree: Tree,
    cpu: CpuTime,
    before: u64,
    most: Arc<AtomicU64>,
    looking: JoinHandle<()>,
}

impl Watch {
    pub(crate) fn begin(tree: Tree) -> Self {
        let before = tree.resident();
        let most = Arc::new(AtomicU64::new(before));
        let looking = tokio::spawn(look(tree.clone(), Arc::clone(&most)));
        Self { cpu: tree.cpu(), tree, before, most, looking }
    }

    pub(crate) fn end(self) -> Used {
        self.looking.abort();
        let cpu = self.tree.cpu().since(&self.cpu);
        let after = self.tree.resident();
        let during = self.most.load(Ordering::Relaxed).max(after);
        Used { cpu, before: self.before, during, after }
    }
}

async fn look(tree: Tree, most: Arc<AtomicU64>) {
    loop {
        tokio::time::sleep(EVERY).await;
        most.fetch_max(tree.resident(), Ordering::Relaxed);
    }
}
