//! Memory for bodies: how much all requests together hold of what clients sent and providers answered.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use llm_router_core::settings::Settings;

/// Bytes of bodies in memory, counted over all requests. Snapshots of the settings share the count.
#[derive(Debug, Clone)]
pub struct Memory {
    held: Arc<AtomicUsize>,
    most: usize,
    largest_answer: usize,
}

/// There is no room: so many bytes may be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full(pub usize);

/// What one request holds, given back when dropped.
#[derive(Debug, Default)]
pub struct Held {
    memory: Option<Arc<AtomicUsize>>,
    bytes: usize,
    most: usize,
}

impl Memory {
    /// The limits of some settings, over the count of the snapshot before.
    pub(crate) fn after(previous: Option<&Self>, settings: &Settings) -> Self {
        Self {
            held: previous.map(|previous| Arc::clone(&previous.held)).unwrap_or_default(),
            most: settings.server.max_buffered.get(),
            largest_answer: settings.upstream.max_answer.get(),
        }
    }

    /// Bytes held now.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.load(Relaxed)
    }

    /// The most there may be.
    #[must_use]
    pub fn most(&self) -> usize {
        self.most
    }

    /// The largest answer that is read as a whole, in bytes.
    pub(crate) fn largest_answer(&self) -> usize {
        self.largest_answer
    }

    /// Nothing yet, to be grown.
    pub(crate) fn hold(&self) -> Held {
        Held { memory: Some(Arc::clone(&self.held)), bytes: 0, most: self.most }
    }

    /// Whether so many bytes could be held now.
    pub(crate) fn has_room(&self, bytes: usize) -> Result<(), Full> {
        if self.held().saturating_add(bytes) > self.most { Err(Full(self.most)) } else { Ok(()) }
    }
}

impl Held {
    /// Holds so many in all, more or fewer than before.
    pub(crate) fn set(&mut self, bytes: usize) -> Result<(), Full> {
        if bytes >= self.bytes {
            return if bytes == self.bytes { Ok(()) } else { self.grow(bytes - self.bytes) };
        }
        if let Some(memory) = &self.memory {
            memory.fetch_sub(self.bytes - bytes, Relaxed);
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Holds more.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Full> {
        let Some(memory) = &self.memory else { return Ok(()) };
        let most = self.most;
        let room = |held: usize| held.checked_add(bytes).filter(|held| *held <= most);
        memory.fetch_update(Relaxed, Relaxed, room).map_err(|_| Full(most))?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(memory) = &self.memory {
            memory.fetch_sub(self.bytes, Relaxed);
        }
    }
}
