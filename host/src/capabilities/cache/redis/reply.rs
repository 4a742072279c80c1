//! What Redis answers, as the interface has it: values without a copy, refusals as the cases of the error.

use bytes::Bytes;
use redis::{ServerError, Value};

use crate::capabilities::error::{Error, Result};

/// The answer to one command, or its refusal as an error that names function and key.
pub(super) fn checked(function: &str, key: &str, answer: Result<Value>) -> Result<Value> {
    match answer {
        Ok(Value::ServerError(error)) => Err(refusal(function, key, &error)),
        Ok(value) => Ok(value),
        Err(error) => Err(error.within(format_args!("cache.{function} of \"{key}\""))),
    }
}

/// True for a refusal that concerns whatever is sent, not this command: as good as no answer.
pub(super) fn is_away(error: &ServerError) -> bool {
    matches!(error.code(), "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "NOAUTH" | "WRONGPASS")
}

/// A refusal of work for now, by a server or in its name.
pub(super) fn away(error: &ServerError) -> Error {
    Error::unavailable(match error.code() {
        "LOADING" => "Redis is still loading its data",
        "MASTERDOWN" => "this Redis has lost its master",
        "CLUSTERDOWN" => "the Redis cluster is down",
        "NOAUTH" | "WRONGPASS" => "Redis does not know the host: check user and password in its address",
        "OOM" => "Redis has no memory left: raise its `maxmemory`, or let it evict",
        "READONLY" => "this Redis is a replica and takes no writes: name its master",
        "MISCONF" => "Redis cannot write to its disk and takes no writes",
        "NOREPLICAS" => "Redis has too few replicas and takes no writes",
        "BUSY" => "Redis is busy with a long script",
        "MOVED" | "ASK" | "TRYAGAIN" | "CROSSSLOT" => "the Redis cluster is moving keys",
        _ => "Redis refuses work for now",
    })
}

/// Why the server did not do this command. Its own words stay here: they may name users and scripts.
pub(super) fn refusal(function: &str, key: &str, error: &ServerError) -> Error {
    let (code, detail) = (error.code(), error.details().unwrap_or_default());
    let invalid = |why: &str| Error::invalid(format!("cache.{function} of \"{key}\": {why}"));
    // Before Redis 7 a script's refusal stood behind the code ERR.
    if code == "WRONGTYPE" || detail.contains("WRONGTYPE") {
        return invalid("the key holds another type");
    }
    match code {
        "ERR" if detail.contains("not an integer") => invalid("what is stored is not a decimal number of 64 bits"),
        "ERR" if detail.contains("overflow") => invalid("the sum leaves 64 bits"),
        "ERR" => {
            tracing::debug!(function, detail, "Redis refused a command");
            invalid("Redis refuses it; the host's log has its reason at level debug")
        }
        "NOPERM" => Error::denied(format!(
            "cache.{function} of \"{key}\": the user that the host has in Redis may not do this: extend its ACL"
        )),
        _ => away(error).within(format_args!("cache.{function} of \"{key}\"")),
    }
}

/// A value, or none.
pub(super) fn bytes(function: &str, value: Value) -> Result<Option<Bytes>> {
    match value {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => Ok(Some(bytes.into())),
        Value::SimpleString(text) => Ok(Some(text.into())),
        // The one text for which the driver has a name of its own.
        Value::Okay => Ok(Some(Bytes::from_static(b"OK"))),
        _ => Err(odd(function)),
    }
}

/// A value that must be there.
pub(super) fn member(function: &str, value: Value) -> Result<Bytes> {
    bytes(function, value)?.ok_or_else(|| odd(function))
}

/// A number, also where a script hands it through as text.
pub(super) fn number(function: &str, value: &Value) -> Result<i64> {
    match value {
        Value::Int(number) => Ok(*number),
        Value::BulkString(text) => {
            std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or_else(|| odd(function))
        }
        _ => Err(odd(function)),
    }
}

/// A count as the interface has it; what does not fit is as good as the largest.
pub(super) fn count(function: &str, value: &Value) -> Result<u32> {
    let number = number(function, value)?;
    Ok(u32::try_from(number).unwrap_or(if number < 0 { 0 } else { u32::MAX }))
}

/// A yes or no.
pub(super) fn flag(function: &str, value: &Value) -> Result<bool> {
    match value {
        Value::Okay => Ok(true),
        Value::Nil => Ok(false),
        Value::Boolean(flag) => Ok(*flag),
        other => Ok(number(function, other)? != 0),
    }
}

/// The elements of an array or a set.
pub(super) fn elements(function: &str, value: Value) -> Result<Vec<Value>> {
    match value {
        Value::Array(elements) | Value::Set(elements) => Ok(elements),
        Value::Nil => Ok(Vec::new()),
        _ => Err(odd(function)),
    }
}

/// Pairs, each in an array of its own, or one after the other.
pub(super) fn pairs(function: &str, value: Value) -> Result<Vec<(Value, Value)>> {
    if let Value::Map(pairs) = value {
        return Ok(pairs);
    }
    let mut elements = elements(function, value)?.into_iter();
    let mut pairs = Vec::with_capacity(elements.len());
    while let Some(first) = elements.next() {
        pairs.push(match first {
            Value::Array(pair) => {
                <[Value; 2]>::try_from(pair).map(|[first, second]| (first, second)).map_err(|_| odd(function))?
            }
            first => (first, elements.next().ok_or_else(|| odd(function))?),
        });
    }
    Ok(pairs)
}

/// A score. Minus zero is zero: they are equal, and the interface has one.
pub(super) fn score(function: &str, value: &Value) -> Result<f64> {
    let score = match value {
        Value::Double(score) => *score,
        Value::BulkString(text) => {
            std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or_else(|| odd(function))?
        }
        _ => return Err(odd(function)),
    };
    Ok(score + 0.0)
}

/// An answer of a shape that this command does not have: something stands between that is no Redis.
pub(in crate::capabilities::cache) fn odd(function: &str) -> Error {
    Error::unavailable(format!("cache.{function}: Redis gave an answer of another shape than this command has"))
}
