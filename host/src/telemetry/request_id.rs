//! The id that a request's log lines and its answer carry.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;

/// Longest id that a trusted proxy may hand us.
const LONGEST: usize = 40;
const HEX: &[u8; 16] = b"0123456789abcdef";

static NEXT: AtomicU64 = AtomicU64::new(0);
static PROCESS: OnceLock<u32> = OnceLock::new();

/// An id: eight hexadecimal digits of the process, ten of a counter. A counter costs 30 ns where a UUID costs 760.
#[derive(Clone, Copy)]
pub struct RequestId {
    text: [u8; LONGEST],
    length: u8,
}

impl RequestId {
    /// The next one of this process.
    #[must_use]
    pub fn next() -> Self {
        let process = *PROCESS.get_or_init(|| {
            let mut bytes = [0; 4];
            match getrandom::fill(&mut bytes) {
                Ok(()) => u32::from_ne_bytes(bytes),
                Err(_) => std::process::id(),
            }
        });
        let count = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut text = [0; LONGEST];
        let (head, tail) = text.split_at_mut(8);
        hex(head, process.into());
        hex(tail.get_mut(..10).unwrap_or_default(), count);
        Self { text, length: 18 }
    }

    /// No request: what a call without a client carries.
    #[must_use]
    pub const fn none() -> Self {
        let mut text = [0; LONGEST];
        text[0] = b'-';
        Self { text, length: 1 }
    }

    /// An id that a trusted proxy chose, if it is 1 to 40 letters, digits or `-_.:/+=`.
    #[must_use]
    pub fn accept(offered: &[u8]) -> Option<Self> {
        let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
        if offered.is_empty() || !offered.iter().all(harmless) {
            return None;
        }
        let mut text = [0; LONGEST];
        text.get_mut(..offered.len())?.copy_from_slice(offered);
        Some(Self { text, length: u8::try_from(offered.len()).ok()? })
    }

    /// The id as the value of a header.
    #[must_use]
    pub fn header_value(&self) -> HeaderValue {
        HeaderValue::from_str(self.as_str()).unwrap_or_else(|_| HeaderValue::from_static("-"))
    }

    /// Whether this is the one of `every` that a sampled log shows.
    #[must_use]
    pub fn sampled(&self, every: u64) -> bool {
        use std::hash::BuildHasher;
        static SEED: std::sync::LazyLock<std::hash::RandomState> =
            std::sync::LazyLock::new(std::hash::RandomState::new);
        SEED.hash_one(self.as_str()).is_multiple_of(every.max(1))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let text = self.text.get(..usize::from(self.length)).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or("-")
    }
}

/// Writes the lowest digits of a number, as many as there is room for.
fn hex(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = HEX.get((number & 0xf) as usize).copied().unwrap_or(b'0');
        number >>= 4;
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_have_eighteen_digits() {
        let (first, second) = (RequestId::next(), RequestId::next());
        assert_ne!(first.as_str(), second.as_str());
        assert_eq!(first.as_str().len(), 18);
        assert!(first.as_str().bytes().all(|byte| byte.is_ascii_hexdigit()));
    }

    #[test]
    fn only_harmless_ids_are_accepted() {
        assert_eq!(RequestId::accept(b"req-1.a:b").unwrap().as_str(), "req-1.a:b");
        assert!(RequestId::accept(b"").is_none());
        assert!(RequestId::accept(b"a\r\nx: y").is_none());
        assert!(RequestId::accept(&[b'a'; 41]).is_none());
        assert_eq!(RequestId::accept(&[b'a'; 40]).unwrap().as_str().len(), 40);
    }
}
