//! A value that is read at every pick and replaced seldom.

use std::cell::RefCell;
use std::sync::{Arc, PoisonError};

use thread_local::ThreadLocal;

use crate::sync::{AtomicU64, Mutex, Ordering};

/// The latest of several values, and what each thread notes about it.
///
/// Each thread keeps the one it saw last and asks a single number whether that is still the latest, so that reading
/// takes no lock and writes to nothing that other threads use: the count of an [`Arc`] would be such a thing. A thread
/// keeps what was replaced until it reads again, so a value should hold nothing whose end matters. Its notes are its
/// own, and gone when the value is.
pub(crate) struct Latest<V: Send + Sync, N: Send = ()> {
    current: Mutex<Arc<V>>,
    /// Grows with every replacement.
    version: AtomicU64,
    seen: ThreadLocal<RefCell<Option<Seen<V, N>>>>,
}

/// What a thread saw.
struct Seen<V, N> {
    version: u64,
    value: Arc<V>,
    notes: N,
}

impl<V: Send + Sync, N: Send + Default> Latest<V, N> {
    pub(crate) fn new(value: V) -> Self {
        Self { current: Mutex::new(Arc::new(value)), version: AtomicU64::new(0), seen: ThreadLocal::new() }
    }

    /// Looks at the latest value and this thread's notes. Whoever looks again meanwhile, in the same thread, takes the
    /// way of the first time and has notes of its own.
    #[inline]
    pub(crate) fn read<R>(&self, look: impl FnOnce(&V, &mut N) -> R) -> R {
        if let Ok(mut seen) = self.seen.get_or_default().try_borrow_mut() {
            let Seen { value, notes, .. } = self.renew(&mut seen);
            return look(value, notes);
        }
        let Seen { value, mut notes, .. } = self.fetch();
        look(&value, &mut notes)
    }

    /// From now on `value` is the latest: a read that begins after this has returned sees it.
    pub(crate) fn replace(&self, value: V) {
        let mut current = self.lock();
        let old = std::mem::replace(&mut *current, Arc::new(value));
        self.version.fetch_add(1, Ordering::Release);
        drop(current);
        drop(old);
    }

    #[inline]
    fn renew<'a>(&self, seen: &'a mut Option<Seen<V, N>>) -> &'a mut Seen<V, N> {
        let version = self.version.load(Ordering::Acquire);
        seen.take_if(|seen| seen.version != version);
        seen.get_or_insert_with(|| self.fetch())
    }

    #[cold]
    fn fetch(&self) -> Seen<V, N> {
        let current = self.lock();
        // Under the lock, so that number and value belong together.
        Seen { version: self.version.load(Ordering::Relaxed), value: Arc::clone(&current), notes: N::default() }
    }

    fn lock(&self) -> crate::sync::MutexGuard<'_, Arc<V>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_read_within_a_read_and_after_a_panic_sees_the_latest() {
        let latest: Latest<i32> = Latest::new(1);
        let seen = latest.read(|outer, ()| {
            latest.replace(2);
            (*outer, latest.read(|inner, ()| *inner))
        });
        assert_eq!(seen, (1, 2));
        assert_eq!(latest.read(|value, ()| *value), 2);
        let panics = || latest.read(|_, ()| panic!("as a strategy from outside may"));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
        assert_eq!(latest.read(|value, ()| *value), 2);
    }

    #[test]
    fn notes_are_kept_as_long_as_the_value_and_by_each_thread_for_itself() {
        let latest: Latest<i32, Vec<i32>> = Latest::new(1);
        let note = || {
            latest.read(|value, notes| {
                notes.push(*value);
                notes.clone()
            })
        };
        assert_eq!((note(), note()), (vec![1], vec![1, 1]));
        std::thread::scope(|scope| assert_eq!(scope.spawn(note).join().expect("it does not panic"), [1]));
        latest.replace(2);
        assert_eq!((note(), note()), (vec![2], vec![2, 2]));
    }

    #[test]
    fn what_a_thread_saw_goes_with_the_whole() {
        let value = Arc::new(());
        let latest: Latest<Arc<()>> = Latest::new(Arc::clone(&value));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| latest.read(|_, ()| ()));
            }
        });
        latest.replace(Arc::default());
        drop(latest);
        assert_eq!(Arc::strong_count(&value), 1);
    }
}

#[cfg(all(test, loom))]
mod checked {
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicBool;

    use super::*;

    /// One thread of the model checker is no thread to the machine, so what it saw is handed over by hand.
    fn look(latest: &Latest<u64>, seen: &mut Option<Seen<u64, ()>>) -> u64 {
        *latest.renew(seen).value
    }

    #[test]
    fn nobody_reads_what_was_replaced_before_and_nobody_goes_back() {
        loom::model(|| {
            let latest = Arc::new(Latest::new(1));
            let done = Arc::new(AtomicBool::new(false));
            let (theirs, told) = (Arc::clone(&latest), Arc::clone(&done));
            let thread = loom::thread::spawn(move || {
                theirs.replace(2);
                told.store(true, Ordering::Release);
                theirs.replace(3);
            });
            let mut seen = None;
            let first = look(&latest, &mut seen);
            let replaced = done.load(Ordering::Acquire);
            let second = look(&latest, &mut seen);
            assert!(second >= first, "{first} then {second}");
            assert!(!replaced || second >= 2, "{second}");
            thread.join().unwrap();
            assert_eq!(look(&latest, &mut seen), 3);
        });
    }
}
