//! One shard: the keys whose hash falls into it, under one lock.
//!
//! Entries stand in a vector, found through a map of places, because eviction and expiry draw entries at random and a
//! hash map alone cannot be drawn from. Nothing here locks, waits or reads a clock.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::value::{Collection, Value};
use crate::capabilities::error::{Error, Result};

/// The moment of an entry without end.
pub(super) const NEVER: u64 = u64::MAX;

/// What an entry costs beside key and value: its slot, its place in the map, two counts and the allocator.
pub(super) const ENTRY: usize = size_of::<Slot>() + 80;

/// A key and what it holds.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) key: Arc<str>,
    pub(super) value: Value,
    /// The moment at which it is gone; [`NEVER`] if it has no end.
    pub(super) expires: u64,
    /// The moment of its last use.
    pub(super) used: u64,
}

/// Entries, and what was counted about them.
#[derive(Debug, Default)]
pub(super) struct Shard {
    places: HashMap<Arc<str>, usize>,
    slots: Vec<Slot>,
    bytes: usize,
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) expired: u64,
}

impl Slot {
    fn cost(&self) -> usize {
        entry_cost(&self.key, self.value.cost())
    }
}

/// What an entry with a value of that cost occupies.
pub(super) fn entry_cost(key: &str, value: usize) -> usize {
    ENTRY + key.len() + value
}

/// The moment at which a life that starts now ends.
pub(super) fn end(now: u64, life: Option<Duration>) -> u64 {
    let Some(life) = life else { return NEVER };
    // A life of less than a millisecond lasts one: zero would mean no life at all.
    let life = u64::try_from(life.as_millis()).unwrap_or(NEVER).max(1);
    now.saturating_add(life).min(NEVER - 1)
}

impl Shard {
    /// How many entries there are, with those that are over and not yet noticed.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The bytes that its entries occupy.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The entry of a key that is alive, used now. One whose life is over is removed on the way.
    pub(super) fn find(&mut self, key: &str, now: u64) -> Option<&mut Slot> {
        let place = *self.places.get(key)?;
        if self.slots.get(place)?.expires <= now {
            self.remove_at(place);
            self.expired += 1;
            return None;
        }
        let slot = self.slots.get_mut(place)?;
        slot.used = now;
        Some(slot)
    }

    /// The collection under a key, or `None` where nothing is.
    pub(super) fn collection<T: Collection>(&mut self, function: &str, key: &str, now: u64) -> Result<Option<&T>> {
        let Some(slot) = self.find(key, now) else { return Ok(None) };
        let kind = slot.value.kind();
        T::of(&slot.value).map(Some).ok_or_else(|| other_type(function, key, kind))
    }

    /// Puts a value under a key, whatever was there; that is handed back, to be dropped outside the lock.
    pub(super) fn put(&mut self, key: &str, value: Value, expires: u64, used: u64) -> Option<Value> {
        let cost = value.cost();
        if let Some(slot) = self.places.get(key).and_then(|place| self.slots.get_mut(*place)) {
            self.bytes = self.bytes - slot.value.cost() + cost;
            slot.expires = expires;
            slot.used = used;
            return Some(std::mem::replace(&mut slot.value, value));
        }
        let key: Arc<str> = key.into();
        self.bytes += entry_cost(&key, cost);
        self.places.insert(Arc::clone(&key), self.slots.len());
        self.slots.push(Slot { key, value, expires, used });
        None
    }

    /// Changes the collection under a key, an empty one where nothing is, and renews its life if one is given. A
    /// collection that ends up empty is removed. `growth` is the most that it may gain, `most` what an entry may occupy:
    /// a call that could pass it changes nothing.
    pub(super) fn change<T: Collection, R>(
        &mut self,
        function: &str,
        key: &str,
        now: u64,
        life: Option<Duration>,
        (growth, most): (usize, usize),
        change: impl FnOnce(&mut T) -> Result<R>,
    ) -> Result<R> {
        let before = self.find(key, now).map_or(0, |slot| slot.cost());
        let after = if before == 0 { entry_cost(key, growth) } else { before + growth };
        if growth > 0 && after > most {
            return Err(Error::too_large(format!(
                "cache.{function} would let \"{key}\" grow to {after} bytes, at most {most} are allowed for one key"
            )));
        }
        if before == 0 {
            let mut fresh = T::default();
            let answer = change(&mut fresh)?;
            let value = fresh.into_value();
            if !value.is_gone() {
                self.put(key, value, end(now, life), now);
            }
            return Ok(answer);
        }
        let Some(slot) = self.find(key, now) else {
            // `before` says that it is there, and nothing else holds the lock.
            return Err(Error::unavailable(format!("cache.{function} lost \"{key}\" while changing it")));
        };
        let kind = slot.value.kind();
        let held = T::of_mut(&mut slot.value).ok_or_else(|| other_type(function, key, kind))?;
        let answer = change(held);
        if answer.is_ok() && life.is_some() {
            slot.expires = end(now, life);
        }
        let (after, gone) = (slot.cost(), slot.value.is_gone());
        self.bytes = self.bytes - before + after;
        if gone {
            self.remove(key, now);
        }
        answer
    }

    /// Removes a key that is alive.
    pub(super) fn remove(&mut self, key: &str, now: u64) -> Option<Slot> {
        self.find(key, now)?;
        let place = *self.places.get(key)?;
        self.remove_at(place)
    }

    /// Removes a key if it was not used since: what eviction drew may have come back to life.
    pub(super) fn remove_unused(&mut self, key: &str, used: u64) -> Option<Slot> {
        let place = *self.places.get(key)?;
        if self.slots.get(place)?.used != used {
            return None;
        }
        self.remove_at(place)
    }

    /// The entry that a random number draws.
    pub(super) fn draw(&self, random: u64) -> Option<&Slot> {
        self.slots.get(self.pick(random)?)
    }

    /// Draws an entry; if it has an end, `Some` of whether that is past. What is past is removed.
    pub(super) fn draw_expired(&mut self, random: u64, now: u64) -> Option<bool> {
        let place = self.pick(random)?;
        let expires = self.slots.get(place)?.expires;
        if expires <= now {
            self.remove_at(place);
            self.expired += 1;
        }
        (expires != NEVER).then_some(expires <= now)
    }

    /// Removes every entry; they are handed back, to be dropped outside the lock.
    pub(super) fn clear(&mut self) -> Vec<Slot> {
        self.places.clear();
        self.bytes = 0;
        std::mem::take(&mut self.slots)
    }

    /// Gives memory back once three quarters of it stand empty.
    pub(super) fn shrink(&mut self) {
        const WORTH_IT: usize = 1_024;
        let room = self.slots.len().max(WORTH_IT / 2) * 2;
        if self.slots.capacity() >= room * 2 {
            self.slots.shrink_to(room);
            self.places.shrink_to(room);
        }
    }

    fn pick(&self, random: u64) -> Option<usize> {
        let length = u64::try_from(self.slots.len()).ok()?;
        usize::try_from(random.checked_rem(length)?).ok()
    }

    fn remove_at(&mut self, place: usize) -> Option<Slot> {
        if place >= self.slots.len() {
            return None;
        }
        let slot = self.slots.swap_remove(place);
        self.places.remove(&slot.key);
        if let Some(moved) = self.slots.get(place)
            && let Some(at) = self.places.get_mut(&moved.key)
        {
            *at = place;
        }
        self.bytes -= slot.cost();
        Some(slot)
    }

    /// Panics where map, vector and byte count disagree.
    #[cfg(test)]
    pub(super) fn check(&self) {
        assert_eq!(self.places.len(), self.slots.len());
        for (place, slot) in self.slots.iter().enumerate() {
            assert_eq!(self.places.get(&slot.key), Some(&place));
        }
        assert_eq!(self.bytes, self.slots.iter().map(Slot::cost).sum::<usize>());
    }
}

/// The error of a function that is for another type.
pub(super) fn other_type(function: &str, key: &str, kind: &str) -> Error {
    Error::invalid(format!("cache.{function} of \"{key}\": the key holds {kind}"))
}
