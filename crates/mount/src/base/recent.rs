//! The values used last, each made once however many ask for it at the same time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError};

use crate::sync::{Condvar, Mutex, MutexGuard};

#[derive(Debug)]
pub(super) struct Recent<K, V> {
    most: usize,
    state: Mutex<State<K, V>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<K, V> {
    /// Counts uses; a slot's number is that of its last.
    now: u64,
    slots: HashMap<K, Slot<V>>,
}

#[derive(Debug)]
enum Slot<V> {
    /// Somebody makes it.
    Coming,
    There {
        value: Arc<V>,
        used: u64,
    },
}

impl<K: Copy + Eq + Hash, V> Recent<K, V> {
    pub(super) fn new(most: usize) -> Recent<K, V> {
        Recent { most, state: Mutex::new(State { now: 0, slots: HashMap::new() }), changed: Condvar::new() }
    }

    /// The value, made by `make` when it is not there. When that fails, those who waited for it try themselves.
    pub(super) fn get_or_try<E>(&self, key: K, make: impl FnOnce() -> Result<V, E>) -> Result<Arc<V>, E> {
        let mut state = self.lock();
        loop {
            state.now += 1;
            let now = state.now;
            match state.slots.get_mut(&key) {
                Some(Slot::There { value, used }) => {
                    *used = now;
                    return Ok(value.clone());
                }
                Some(Slot::Coming) => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                None => break,
            }
        }
        state.slots.insert(key, Slot::Coming);
        drop(state);
        let promise = Promise { recent: self, key, kept: None };
        promise.keep(make()?)
    }

    /// The value if it is there; not counted as a use.
    pub(super) fn peek(&self, key: &K) -> Option<Arc<V>> {
        match self.lock().slots.get(key) {
            Some(Slot::There { value, .. }) => Some(value.clone()),
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<K, V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Copy + Eq + Hash, V> State<K, V> {
    fn forget_oldest(&mut self, most: usize) {
        while self.slots.len() > most {
            let used = |slot: &Slot<V>| match slot {
                Slot::There { used, .. } => Some(*used),
                Slot::Coming => None,
            };
            let oldest =
                self.slots.iter().filter_map(|(key, slot)| Some((used(slot)?, *key))).min_by_key(|(used, _)| *used);
            let Some((_, oldest)) = oldest else { return };
            self.slots.remove(&oldest);
        }
    }
}

/// A slot that is being made: filled or given up, also by a panic.
struct Promise<'a, K: Copy + Eq + Hash, V> {
    recent: &'a Recent<K, V>,
    key: K,
    kept: Option<Arc<V>>,
}

impl<K: Copy + Eq + Hash, V> Promise<'_, K, V> {
    fn keep<E>(mut self, value: V) -> Result<Arc<V>, E> {
        let value = Arc::new(value);
        self.kept = Some(value.clone());
        Ok(value)
    }
}

impl<K: Copy + Eq + Hash, V> Drop for Promise<'_, K, V> {
    fn drop(&mut self) {
        let mut state = self.recent.lock();
        let used = state.now;
        match self.kept.take() {
            Some(value) => drop(state.slots.insert(self.key, Slot::There { value, used })),
            None => drop(state.slots.remove(&self.key)),
        }
        state.forget_oldest(self.recent.most);
        self.recent.changed.notify_all();
    }
}

#[cfg(test)]
mod tests;
