//! What a delivery's log lines and events have in common with the request that caused it: the W3C header `traceparent`
//! (<https://www.w3.org/TR/trace-context/>). The host puts it into the events of a request.

use std::cell::RefCell;

use crate::consumer::Delivery;

pub(crate) const HEADER: &str = "traceparent";

thread_local! {
    static PRESENT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Calls a function on behalf of a delivery.
pub(crate) fn during<T>(delivery: Option<&Delivery>, function: impl FnOnce() -> T) -> T {
    let parent = delivery.and_then(|delivery| delivery.header(HEADER)).filter(|parent| id(parent).is_some());
    PRESENT.replace(parent.map(str::to_owned));
    let result = function();
    PRESENT.take();
    result
}

/// The header for an event, if a delivery with one is being handled.
pub(crate) fn header() -> Option<(String, String)> {
    PRESENT.with_borrow(|present| present.as_ref().map(|parent| (HEADER.to_owned(), parent.clone())))
}

/// The trace's id for a log line.
pub(crate) fn field() -> Option<(String, String)> {
    PRESENT.with_borrow(|present| {
        let id = id(present.as_deref()?)?;
        Some(("trace".to_owned(), id.to_owned()))
    })
}

/// The trace's id in a header of version 00.
fn id(parent: &str) -> Option<&str> {
    let id = parent.strip_prefix("00-")?.get(..32)?;
    id.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(id)
}
