//! What the filters of a request read from the cache, carried to its route.
//!
//! A filter that knows the session has read most of what the route reads first, microseconds before. The route's first
//! `get` of such a key answers what the filter got and costs no trip; a second one asks the store, so that a handler can
//! wait for a change. Whatever the request itself does to a key takes it out. What is answered was read after the request
//! came: nobody sees less than what was acknowledged before.

use std::time::{Duration, Instant};

use bytes::Bytes;

/// The most that is carried: a filter reads a few small values.
const MOST: usize = 8;
const MOST_BYTES: usize = 64 << 10;
/// How long it is carried: a route that waited, or that streams, asks for itself.
const FRESH: Duration = Duration::from_millis(100);

/// Values on their way from the filters to the route of one request.
#[derive(Debug, Default)]
pub(crate) struct Carried {
    filtering: bool,
    values: Vec<(String, Bytes, Instant)>,
}

impl Carried {
    /// The next to be called is a filter, or the route.
    pub(crate) fn begin(&mut self, filtering: bool) {
        self.filtering = filtering;
    }

    /// Whether what is read now is to be carried.
    pub(super) fn is_filtering(&self) -> bool {
        self.filtering
    }

    /// A filter read this.
    pub(super) fn note(&mut self, key: &str, value: &Bytes) {
        self.forget(key);
        let held: usize = self.values.iter().map(|(_, value, _)| value.len()).sum();
        if self.values.len() < MOST && held + value.len() <= MOST_BYTES {
            self.values.push((key.to_owned(), value.clone(), Instant::now()));
        }
    }

    /// The value for the route, once.
    pub(super) fn take(&mut self, key: &str) -> Option<Bytes> {
        if self.filtering {
            return None;
        }
        let at = self.values.iter().position(|(carried, ..)| carried == key)?;
        let (_, value, read) = self.values.swap_remove(at);
        (read.elapsed() < FRESH).then_some(value)
    }

    /// The request may change this key.
    pub(super) fn forget(&mut self, key: &str) {
        self.values.retain(|(carried, ..)| carried != key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_by_filter(key: &str, value: &'static str) -> Carried {
        let mut carried = Carried::default();
        carried.begin(true);
        carried.note(key, &Bytes::from_static(value.as_bytes()));
        carried
    }

    #[test]
    fn the_route_gets_what_the_filter_read_once() {
        let mut carried = read_by_filter("user:1", "ada");
        assert_eq!(carried.take("user:1"), None, "another filter asks for itself");
        carried.begin(false);
        assert_eq!(carried.take("user:2"), None);
        assert_eq!(carried.take("user:1").as_deref(), Some(b"ada".as_slice()));
        assert_eq!(carried.take("user:1"), None);
    }

    #[test]
    fn what_the_request_changes_is_not_carried() {
        let mut carried = read_by_filter("user:1", "ada");
        carried.forget("user:1");
        carried.begin(false);
        assert_eq!(carried.take("user:1"), None);
    }

    #[test]
    fn it_is_bounded() {
        let mut carried = read_by_filter("user:0", "ada");
        carried.note("large", &Bytes::from(vec![0; MOST_BYTES]));
        for key in 1..100 {
            carried.note(&format!("user:{key}"), &Bytes::from_static(b"x"));
        }
        assert_eq!(carried.values.len(), MOST);
        assert!(carried.values.iter().all(|(key, ..)| key != "large"));
    }
}
