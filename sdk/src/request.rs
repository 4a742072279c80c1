//! The request as it reaches a handler: packed, with what is inside asked for by extractors.

use std::borrow::Cow;

pub use crate::bindings::devconnect::platform::http_types::Method;

/// A request. Handlers seldom see it: [extractors](crate::FromRequest) take from it what they need.
///
/// Headers, identity, address and request id are not in it, because most handlers do not read them and each would cost
/// an allocation: [`Headers`](crate::Headers) and the others ask the host.
#[derive(Debug)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) path_length: usize,
    /// Start × 65,536 + length in `target`, zero where the pattern has no more.
    pub(crate) params: [u32; 6],
    pub(crate) body: Vec<u8>,
    /// The pattern of the route that matched.
    pub(crate) pattern: &'static str,
}

impl Request {
    /// The method that was used.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The path as received, percent-encoded.
    pub fn path(&self) -> &str {
        self.target.get(..self.path_length).unwrap_or(&self.target)
    }

    /// What follows the `?`, percent-encoded; empty where nothing does.
    pub fn query(&self) -> &str {
        self.target.get(self.path_length + 1..).unwrap_or("")
    }

    /// The pattern of the route that matched: `/user/{id}`.
    pub fn pattern(&self) -> &'static str {
        self.pattern
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Takes the body out; what comes later finds it empty.
    pub fn take_body(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.body)
    }

    /// The pattern's parameters in its order, percent-encoded.
    pub(crate) fn raw_params(&self) -> impl Iterator<Item = &str> {
        self.params.iter().take_while(|packed| **packed != 0).filter_map(|packed| {
            let (start, length) = ((packed >> 16) as usize, (packed & 0xffff) as usize);
            self.target.get(start..start + length)
        })
    }
}

/// The names of a pattern's parameters: `id` and `rest` of `/user/{id}/files/{*rest}`.
pub(crate) fn param_names(pattern: &str) -> impl Iterator<Item = &str> {
    pattern.split('/').filter_map(|segment| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        Some(name.strip_prefix('*').unwrap_or(name))
    })
}

/// Decodes `%41` to `A`; `None` if what comes out is not UTF-8. Escapes that are none stay as they are.
pub(crate) fn percent_decode(text: &str, plus_is_space: bool) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| byte == b'%' || (plus_is_space && byte == b'+')) {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (*first, tail) {
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    decoded.push(high << 4 | low);
                    rest = after;
                }
                _ => decoded.push(b'%'),
            },
            (b'+', _) if plus_is_space => decoded.push(b' '),
            (byte, _) => decoded.push(byte),
        }
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_and_nonsense_is_left() {
        assert_eq!(percent_decode("a%20b%C3%A9", false).as_deref(), Some("a b\u{e9}"));
        assert_eq!(percent_decode("a+b", true).as_deref(), Some("a b"));
        assert_eq!(percent_decode("a+b", false).as_deref(), Some("a+b"));
        assert_eq!(percent_decode("100%", false).as_deref(), Some("100%"));
        assert_eq!(percent_decode("%zz", false).as_deref(), Some("%zz"));
        assert_eq!(percent_decode("%ff", false), None);
    }

    #[test]
    fn names_come_in_the_order_of_the_pattern() {
        let names: Vec<_> = param_names("/user/{id}/files/{*rest}").collect();
        assert_eq!(names, ["id", "rest"]);
    }
}
