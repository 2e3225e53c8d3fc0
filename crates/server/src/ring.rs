//! The last finished requests, for whoever asks afterwards what became of one.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use llm_router_endpoints::Facts;

/// So many finished requests, and no more: the oldest one makes room.
#[derive(Debug)]
pub struct Ring {
    kept: Mutex<VecDeque<Arc<Facts>>>,
    most: usize,
}

/// Which requests are wanted. What is not named may be anything.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this model.
    pub model: Option<String>,
    /// Answered by this provider.
    pub provider: Option<String>,
    /// Ended this way.
    pub outcome: Option<String>,
    /// With this status, or of its class: `404`, `5xx`.
    pub status: Option<String>,
    /// By the client whose key has this fingerprint.
    pub key: Option<String>,
}

impl Ring {
    /// Remembers at most so many.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { kept: Mutex::default(), most }
    }

    /// Whether it remembers any.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.most > 0
    }

    /// Remembers a request.
    pub fn keep(&self, new: Arc<Facts>) {
        if self.most == 0 {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = if kept.len() >= self.most { kept.pop_front() } else { None };
        kept.push_back(new);
        drop(kept);
        // Freed outside of the lock.
        drop(oldest);
    }

    /// Those that fit, the newest first, at most `most` of them.
    #[must_use]
    pub fn find(&self, filter: &Filter, most: usize) -> Vec<Arc<Facts>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().rev().filter(|finished| filter.fits(finished)).take(most).cloned().collect()
    }

    /// Those that were over at a moment or later, the newest first, at most `most` of them.
    #[must_use]
    pub fn since(&self, oldest: SystemTime, most: usize) -> Vec<Arc<Facts>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().rev().take_while(|facts| facts.at >= oldest).take(most).cloned().collect()
    }

    /// The newest one of this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<Facts>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().rev().find(|finished| finished.id == id).cloned()
    }
}

impl Filter {
    fn fits(&self, facts: &Facts) -> bool {
        let same =
            |wanted: &Option<String>, is: Option<&str>| wanted.as_deref().is_none_or(|wanted| is == Some(wanted));
        same(&self.model, facts.model.as_deref())
            && same(&self.provider, facts.provider.as_deref())
            && same(&self.outcome, Some(facts.outcome.name()))
            && self.key.as_deref().is_none_or(|wanted| facts.key.is_some_and(|key| key.digits() == wanted.as_bytes()))
            && self.status.as_deref().is_none_or(|wanted| status_fits(wanted, facts.status))
    }
}

fn status_fits(wanted: &str, status: u16) -> bool {
    match wanted.strip_suffix("xx") {
        Some(class) => class.parse() == Ok(status / 100),
        None => wanted.parse() == Ok(status),
    }
}

#[cfg(test)]
mod tests {
    use llm_router_endpoints::{Body, Observer, Record};

    use super::*;

    struct Into(Ring);

    impl Observer for Into {
        fn finished(&self, facts: &Arc<Facts>) {
            self.0.keep(Arc::clone(facts));
        }
    }

    #[test]
    fn the_oldest_makes_room_and_the_newest_comes_first() {
        let into = Arc::new(Into(Ring::new(3)));
        for number in 0..5_u16 {
            let observer = Arc::clone(&into) as Arc<dyn Observer>;
            let record = Record::new(number.to_string(), http::Method::GET, "/".into(), observer);
            record.answered(200 + number, &Body::Empty);
        }
        let ids = |filter: &Filter| -> Vec<String> {
            into.0.find(filter, 10).iter().map(|finished| finished.id.clone()).collect()
        };
        assert_eq!(ids(&Filter::default()), ["4", "3", "2"]);
        assert_eq!(ids(&Filter { status: Some("203".to_owned()), ..Filter::default() }), ["3"]);
        assert_eq!(ids(&Filter { status: Some("4xx".to_owned()), ..Filter::default() }), Vec::<String>::new());
        let since = |at: SystemTime, most: usize| into.0.since(at, most).len();
        assert_eq!((since(SystemTime::UNIX_EPOCH, 2), since(SystemTime::UNIX_EPOCH, 9)), (2, 3));
        assert_eq!(since(SystemTime::now() + std::time::Duration::from_secs(9), 9), 0);
        assert!(into.0.get("1").is_none() && into.0.get("2").is_some());
    }
}
