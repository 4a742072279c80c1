//! The W3C header `traceparent` (<https://www.w3.org/TR/trace-context/>) of events: whoever handles an event can be found
//! together with the request that caused it.

use crate::capabilities::Call;

pub(super) const HEADER: &str = "traceparent";
/// Digits of a request id of this host's own.
const OWN_ID: usize = 18;

/// What the events of a call carry: the request's own trace, or one whose id ends with the request's id, so that the log can be
/// searched for either. `None` where there is neither.
pub(super) fn of(call: &Call) -> Option<String> {
    let headers = call.head.as_ref().map(|head| &head.headers);
    let given = headers.and_then(|headers| headers.get(HEADER)).and_then(|value| value.to_str().ok());
    if let Some(given) = given.filter(|given| is_valid(given)) {
        return Some(given.to_owned());
    }
    let id = call.request_id.as_str();
    let own = id.len() == OWN_ID && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    // Neither id may be all zeros, and neither is: the first digits are the process's, the last the counter's.
    own.then(|| format!("00-{id:0>32}-1{:0>15}-00", id.get(8..).unwrap_or_default()))
}

/// Version 00, and ids that are not all zeros.
fn is_valid(parent: &str) -> bool {
    let mut parts = parent.split('-');
    let mut hex = |length: usize| {
        parts.next().filter(|part| {
            part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        })
    };
    let (version, trace, span, flags) = (hex(2), hex(32), hex(16), hex(2));
    let named = |id: Option<&str>| id.is_some_and(|id| id.bytes().any(|byte| byte != b'0'));
    version == Some("00") && named(trace) && named(span) && flags.is_some() && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn only_a_parent_of_the_standard_is_taken_over() {
        assert!(is_valid("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
        for wrong in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        ] {
            assert!(!is_valid(wrong), "{wrong}");
        }
    }
}
