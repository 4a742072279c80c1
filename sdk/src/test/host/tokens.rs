//! `tokens` of the test platform.

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
