//! The same functions as the generated imports, answered by the platform of this thread.
//!
//! Without one, stores answer `Unavailable` and say how to get one, and what cannot fail is empty.

pub(crate) mod documents;
pub(crate) mod passwords;
pub(crate) mod tokens;

use std::cell::RefCell;
use std::rc::Rc;

use super::platform::{State, Store};
use crate::bindings::devconnect::platform::errors::{Error, Failure};

thread_local! {
    /// Innermost last, so that a test may run one platform within another.
    static CURRENT: RefCell<Vec<Rc<State>>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn within<R>(state: &Rc<State>, something: impl FnOnce() -> R) -> R {
    /// Leaves also when a test fails by a panic.
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            CURRENT.with_borrow_mut(Vec::pop);
        }
    }
    CURRENT.with_borrow_mut(|stack| stack.push(state.clone()));
    let _leave = Leave;
    something()
}

fn current() -> Option<Rc<State>> {
    CURRENT.with_borrow(|stack| stack.last().cloned())
}

fn with_store<R>(store: Store, ask: impl FnOnce(&State) -> Result<R, Error>) -> Result<R, Error> {
    let state = current().ok_or_else(|| {
        Error::Unavailable(Failure {
            message: "there is no platform: call it within `test::Platform::run` or `test::App::call`".to_owned(),
            retry_after_ms: None,
        })
    })?;
    state.check(store)?;
    ask(&state)
}

pub(super) fn invalid(message: impl Into<String>) -> Error {
    Error::Invalid(Failure { message: message.into(), retry_after_ms: None })
}

/// The clock of the platform, if there is one.
pub(crate) fn now_ms() -> Option<i64> {
    current().map(|state| state.now_ms())
}

/// Moves the clock of the platform on, if there is one.
pub(crate) fn advance(duration: std::time::Duration) -> bool {
    current().is_some_and(|state| {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        state.offset_ms.set(state.offset_ms.get().saturating_add(millis));
        true
    })
}

pub(super) fn system_ms() -> i64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn outdated_hash(password: &str) -> String {
    format!("outdated${}", encode_hex(password.as_bytes()))
}

fn encode_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    pairs.collect()
}

pub(crate) mod incoming {
    use super::current;
    use crate::bindings::devconnect::platform::http_types::Identity;

    pub(crate) fn header(name: &str) -> Option<Vec<u8>> {
        headers().into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn headers() -> Vec<(String, Vec<u8>)> {
        current().map(|state| state.call.borrow().headers.clone()).unwrap_or_default()
    }

    pub(crate) fn identity() -> Option<Identity> {
        current().and_then(|state| state.call.borrow().identity.clone())
    }

    pub(crate) fn remote_address() -> String {
        current().map(|state| state.call.borrow().remote_address.clone()).unwrap_or_default()
    }

    pub(crate) fn request_id() -> String {
        current().map(|state| state.call.borrow().request_id.clone()).unwrap_or_default()
    }

    pub(crate) fn remaining_ms() -> u64 {
        2_000
    }
}

pub(crate) mod cache {
    use super::{Error, Store, with_store};
    use crate::bindings::devconnect::platform::cache::{Command, Reply};

    pub(crate) fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
        with_store(Store::Cache, |state| state.cache.borrow_mut().get(key, state.now_ms()))
    }

    pub(crate) fn set(key: &str, value: &[u8], ttl_ms: Option<u64>) -> Result<(), Error> {
        with_store(Store::Cache, |state| state.cache.borrow_mut().set(key, value, ttl_ms, state.now_ms()))
    }

    pub(crate) fn set_if_absent(key: &str, value: &[u8], ttl_ms: Option<u64>) -> Result<bool, Error> {
        compare_and_set(key, None, value, ttl_ms)
    }

    pub(crate) fn compare_and_set(
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
        ttl_ms: Option<u64>,
    ) -> Result<bool, Error> {
        with_store(Store::Cache, |state| {
            let mut cache = state.cache.borrow_mut();
            if cache.get(key, state.now_ms())?.as_deref() != expected {
                return Ok(false);
            }
            cache.set(key, value, ttl_ms, state.now_ms()).map(|()| true)
        })
    }

    pub(crate) fn delete(keys: &[String]) -> Result<u32, Error> {
        with_store(Store::Cache, |state| Ok(state.cache.borrow_mut().delete(keys, state.now_ms())))
    }

    pub(crate) fn increment(key: &str, by: i64, ttl_ms: Option<u64>) -> Result<i64, Error> {
        with_store(Store::Cache, |state| state.cache.borrow_mut().increment(key, by, ttl_ms, state.now_ms()))
    }

    pub(crate) fn expire(key: &str, ttl_ms: u64) -> Result<bool, Error> {
        with_store(Store::Cache, |state| Ok(state.cache.borrow_mut().expire(key, ttl_ms, state.now_ms())))
    }

    pub(crate) fn ttl_ms(key: &str) -> Result<Option<u64>, Error> {
        with_store(Store::Cache, |state| Ok(state.cache.borrow_mut().ttl_ms(key, state.now_ms())))
    }

    pub(crate) fn batch(commands: &[Command]) -> Result<Vec<Result<Reply, Error>>, Error> {
        with_store(Store::Cache, |_| Ok(commands.iter().map(run).collect()))
    }

    fn run(command: &Command) -> Result<Reply, Error> {
        Ok(match command {
            Command::Get(key) => Reply::Value(get(key)?),
            Command::Set((key, value, ttl_ms)) => {
                set(key, value, *ttl_ms)?;
                Reply::Done
            }
            Command::SetIfAbsent((key, value, ttl_ms)) => Reply::Changed(set_if_absent(key, value, *ttl_ms)?),
            Command::Delete(keys) => Reply::Number(delete(keys)?.into()),
            Command::Increment((key, by, ttl_ms)) => Reply::Number(increment(key, *by, *ttl_ms)?),
            Command::Expire((key, ttl_ms)) => Reply::Changed(expire(key, *ttl_ms)?),
        })
    }
}

pub(crate) mod events {
    use super::{Error, Store, current, with_store};
    use crate::bindings::devconnect::platform::events::{Event, Position};

    pub(crate) fn publish(event: &Event) -> Result<Position, Error> {
        with_store(Store::Events, |state| {
            state.record(event);
            Ok(Position { partition: 0, offset: state.events.borrow().len() as u64 - 1 })
        })
    }

    pub(crate) fn publish_batch(events: &[Event]) -> Result<Vec<Result<Position, Error>>, Error> {
        with_store(Store::Events, |_| Ok(events.iter().map(publish).collect()))
    }

    /// The outbox takes events while the broker is away.
    pub(crate) fn publish_later(events: &[Event]) -> Result<(), Error> {
        let Some(state) = current() else { return with_store(Store::Events, |_| Ok(())) };
        events.iter().for_each(|event| state.record(event));
        Ok(())
    }
}

pub(crate) mod settings {
    use super::current;

    pub(crate) fn get(name: &str) -> Option<String> {
        current().and_then(|state| state.settings.borrow().get(name).cloned())
    }

    pub(crate) fn secret(name: &str) -> Option<String> {
        current().and_then(|state| state.secrets.borrow().get(name).cloned())
    }
}

pub(crate) mod logging {
    use super::current;
    use crate::bindings::devconnect::platform::logging::Level;
    use crate::test::platform::Line;

    pub(crate) fn enabled(_: Level) -> bool {
        current().is_some()
    }

    pub(crate) fn log(level: Level, message: &str, fields: &[(String, String)]) {
        if let Some(state) = current() {
            state.lines.borrow_mut().push(Line { level, message: message.to_owned(), fields: fields.to_vec() });
        }
    }
}

pub(crate) mod metrics {
    use super::{Error, current};

    pub(crate) fn count(name: &str, by: u64, _: &[(String, String)]) -> Result<(), Error> {
        if let Some(state) = current() {
            *state.counts.borrow_mut().entry(name.to_owned()).or_default() += by;
        }
        Ok(())
    }

    pub(crate) fn set(_: &str, _: f64, _: &[(String, String)]) -> Result<(), Error> {
        Ok(())
    }

    pub(crate) fn observe(_: &str, _: f64, _: &[(String, String)]) -> Result<(), Error> {
        Ok(())
    }
}
