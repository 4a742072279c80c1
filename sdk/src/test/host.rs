//! The same functions as the generated imports, answered by the platform of this thread.
//!
//! Without one, stores answer `Unavailable` and say how to get one, and what cannot fail is empty.

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

pub(crate) mod documents {
    use std::cell::RefCell;
    use std::collections::VecDeque;

    use super::{Error, Store, invalid, with_store};
    use crate::bindings::devconnect::platform::documents::{
        FindAndUpdateOptions, FindOptions, IndexOptions, Outcome, UpdateOptions, UpdateResult, Write,
    };
    use crate::bindings::devconnect::platform::events::Event;
    use crate::test::documents::{encode, read, result};

    pub(crate) struct Cursor(RefCell<VecDeque<Vec<u8>>>);

    impl Cursor {
        pub(crate) fn next(&self, most: u32) -> Result<Vec<Vec<u8>>, Error> {
            let mut rest = self.0.borrow_mut();
            let most = rest.len().min(most as usize);
            Ok(rest.drain(..most).collect())
        }
    }

    pub(crate) fn find(collection: &str, filter: &[u8], options: &FindOptions) -> Result<Vec<Vec<u8>>, Error> {
        if options.limit > 1_000 {
            return Err(invalid(format!("documents.find: the limit {} is above 1000", options.limit)));
        }
        with_store(Store::Documents, |state| {
            let found = state.documents.borrow().find(collection, &read(filter)?, options)?;
            found.iter().take(if options.limit == 0 { 1_000 } else { usize::MAX }).map(encode).collect()
        })
    }

    pub(crate) fn open(collection: &str, filter: &[u8], options: &FindOptions) -> Result<Cursor, Error> {
        with_store(Store::Documents, |state| {
            let found = state.documents.borrow().find(collection, &read(filter)?, options)?;
            found.iter().map(encode).collect::<Result<_, _>>().map(RefCell::new).map(Cursor)
        })
    }

    pub(crate) fn find_one(
        collection: &str,
        filter: &[u8],
        projection: Option<&[u8]>,
    ) -> Result<Option<Vec<u8>>, Error> {
        let options = FindOptions { sort: None, projection: projection.map(<[u8]>::to_vec), skip: 0, limit: 1 };
        Ok(find(collection, filter, &options)?.pop())
    }

    pub(crate) fn insert(collection: &str, documents: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, Error> {
        with_store(Store::Documents, |state| {
            let documents = documents.iter().map(|bytes| read(bytes)).collect::<Result<_, _>>()?;
            let ids = state.documents.borrow_mut().insert(collection, documents)?;
            ids.into_iter().map(|id| encode(&bson::doc! { "_id": id })).collect()
        })
    }

    pub(crate) fn update(
        collection: &str,
        filter: &[u8],
        update: &[u8],
        options: UpdateOptions,
    ) -> Result<UpdateResult, Error> {
        with_store(Store::Documents, |state| {
            let now = state.now_ms();
            result(state.documents.borrow_mut().update(collection, &read(filter)?, &read(update)?, options, now)?)
        })
    }

    pub(crate) fn replace(
        collection: &str,
        filter: &[u8],
        replacement: &[u8],
        upsert: bool,
    ) -> Result<UpdateResult, Error> {
        with_store(Store::Documents, |state| {
            result(state.documents.borrow_mut().replace(collection, &read(filter)?, read(replacement)?, upsert)?)
        })
    }

    pub(crate) fn find_one_and_update(
        collection: &str,
        filter: &[u8],
        update: &[u8],
        options: &FindAndUpdateOptions,
    ) -> Result<Option<Vec<u8>>, Error> {
        with_store(Store::Documents, |state| {
            let now = state.now_ms();
            let mut documents = state.documents.borrow_mut();
            let found = documents.find_one_and_update(collection, &read(filter)?, &read(update)?, options, now)?;
            found.as_ref().map(encode).transpose()
        })
    }

    pub(crate) fn delete(collection: &str, filter: &[u8], many: bool) -> Result<u64, Error> {
        with_store(Store::Documents, |state| state.documents.borrow_mut().delete(collection, &read(filter)?, many))
    }

    pub(crate) fn count(collection: &str, filter: &[u8], limit: u64) -> Result<u64, Error> {
        with_store(Store::Documents, |state| {
            let count = state.documents.borrow().count(collection, &read(filter)?)?;
            Ok(if limit == 0 { count } else { count.min(limit) })
        })
    }

    pub(crate) fn aggregate(_: &str, _: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, Error> {
        Err(invalid("documents.aggregate: the test platform has no pipelines; test this against a host"))
    }

    pub(crate) fn ensure_index(collection: &str, keys: &[u8], options: &IndexOptions) -> Result<(), Error> {
        with_store(Store::Documents, |state| {
            let partial = options.partial.as_deref().map(read).transpose()?;
            state.documents.borrow_mut().ensure_index(collection, read(keys)?, options.unique, partial)
        })
    }

    pub(crate) fn transact(writes: &[Write], events: &[Event]) -> Result<Outcome, Error> {
        with_store(Store::Documents, |state| {
            let now = state.now_ms();
            let outcome = state.documents.borrow_mut().transact(writes, now)?;
            if matches!(outcome, Outcome::Committed(_)) {
                events.iter().for_each(|event| state.record(event));
            }
            Ok(outcome)
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

pub(crate) mod tokens {
    use serde_json::{Value, json};

    use super::{Error, current, decode_hex, encode_hex, invalid, system_ms};
    use crate::bindings::devconnect::platform::tokens::Verification;

    /// Readable, unsigned, and of no use outside tests.
    pub(crate) fn sign(claims: &str, ttl_ms: u64, purpose: Option<&str>) -> Result<String, Error> {
        let Ok(Value::Object(mut claims)) = serde_json::from_str(claims) else {
            return Err(invalid("tokens.sign: the claims are no JSON object"));
        };
        let now = now();
        claims.insert("iat".to_owned(), json!(now.div_euclid(1_000)));
        claims.insert("exp".to_owned(), json!(now.saturating_add_unsigned(ttl_ms).div_euclid(1_000)));
        if let Some(purpose) = purpose {
            claims.insert("aud".to_owned(), json!(purpose));
        }
        Ok(format!("test.{}", encode_hex(Value::Object(claims).to_string().as_bytes())))
    }

    pub(crate) fn verify(token: &str, purpose: Option<&str>) -> Result<Verification, Error> {
        let claims = token.strip_prefix("test.").and_then(decode_hex);
        let claims = claims.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        let Some(claims) = claims.filter(|claims| claims.get("aud").and_then(Value::as_str) == purpose) else {
            return Ok(Verification::Refused);
        };
        let expires = claims.get("exp").and_then(Value::as_i64);
        if expires.is_some_and(|expires| expires <= now().div_euclid(1_000)) {
            return Ok(Verification::Expired);
        }
        Ok(Verification::Valid(claims.to_string()))
    }

    fn now() -> i64 {
        current().map_or_else(system_ms, |state| state.now_ms())
    }
}

pub(crate) mod passwords {
    use super::{Error, encode_hex, invalid, outdated_hash};
    use crate::bindings::devconnect::platform::passwords::Verdict;

    /// Fast, and of no use outside tests.
    pub(crate) fn hash(password: &str) -> Result<String, Error> {
        if password.is_empty() || password.len() > 1_024 {
            return Err(invalid("passwords.hash: a password has 1 to 1024 bytes"));
        }
        Ok(format!("test${}", encode_hex(password.as_bytes())))
    }

    pub(crate) fn verify(password: &str, hash: Option<&str>) -> Result<Verdict, Error> {
        Ok(match hash {
            Some(known) if self::hash(password).is_ok_and(|wanted| wanted == known) => Verdict::Matches,
            Some(known) if outdated_hash(password) == known => Verdict::MatchesOutdated,
            _ => Verdict::Differs,
        })
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
