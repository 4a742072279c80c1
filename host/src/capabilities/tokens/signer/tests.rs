use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::{Key, KeyError, Keyring, LONGEST, Verification};

const NOW: u64 = 1_800_000_000;
const OLD: &str = "the former system's secret";
const NEW: &str = "a secret of at least thirty-two bytes";

fn key(kid: &str, secret: &str) -> Key {
    Key { kid: kid.to_owned(), secret: secret.to_owned().into() }
}

/// A keyring on a clock in milliseconds that stands still until it is moved.
fn ring() -> (Keyring, Arc<AtomicU64>) {
    let clock = Arc::new(AtomicU64::new(NOW * 1_000));
    let reads = Arc::clone(&clock);
    let now = move || Duration::from_millis(reads.load(Ordering::Relaxed));
    (Keyring::with_clock(key("new", NEW), vec![key("old", OLD)], now).unwrap(), clock)
}

fn forge(header: &Header, claims: &Value, secret: &str) -> String {
    encode(header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

fn header(kid: Option<&str>) -> Header {
    Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::HS256) }
}

fn claims(verification: Verification) -> Value {
    match verification {
        Verification::Valid(claims) => serde_json::from_str(&claims).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn hour() -> Duration {
    Duration::from_secs(3_600)
}

#[test]
fn what_was_signed_verifies_and_carries_its_claims() {
    let (ring, _) = ring();
    let token = ring.sign(r#"{"_id":"7","roles":["a"],"iat":1,"exp":2}"#, hour(), None).unwrap();
    let expected = json!({"_id": "7", "roles": ["a"], "iat": NOW, "exp": NOW + 3_600});
    assert_eq!(claims(ring.verify(&token, None)), expected);
    // And again, from what was kept.
    assert_eq!(claims(ring.verify(&token, None)), expected);
    let head = jsonwebtoken::decode_header(&token).unwrap();
    assert_eq!((head.kid.as_deref(), head.alg), (Some("new"), Algorithm::HS256));
}

#[test]
fn a_life_ends_without_leeway_also_for_a_token_that_was_kept() {
    let (ring, clock) = ring();
    clock.fetch_add(250, Ordering::Relaxed);
    // Not shorter than asked for, and to the full second.
    let token = ring.sign("{}", Duration::from_millis(1_000), None).unwrap();
    clock.store(NOW * 1_000 + 1_999, Ordering::Relaxed);
    assert!(matches!(ring.verify(&token, None), Verification::Valid(_)));
    clock.store(NOW * 1_000 + 2_000, Ordering::Relaxed);
    assert_eq!(ring.verify(&token, None), Verification::Expired);
    // Another purpose is refused, not expired.
    assert_eq!(ring.verify(&token, Some("other")), Verification::Refused);
}

#[test]
fn a_purpose_holds_in_both_directions() {
    let (ring, _) = ring();
    let session = ring.sign("{}", hour(), None).unwrap();
    let link = ring.sign("{}", hour(), Some("unsubscribe")).unwrap();
    for _ in 0..2 {
        assert_eq!(claims(ring.verify(&link, Some("unsubscribe")))["aud"], "unsubscribe");
        assert_eq!(ring.verify(&link, None), Verification::Refused);
        assert_eq!(ring.verify(&link, Some("reset")), Verification::Refused);
        assert_eq!(ring.verify(&link, Some("")), Verification::Refused);
        assert_eq!(ring.verify(&session, Some("unsubscribe")), Verification::Refused);
        assert!(matches!(ring.verify(&session, None), Verification::Valid(_)));
    }
    let many = json!({"exp": NOW + 60, "aud": ["unsubscribe", "reset"]});
    let token = forge(&header(Some("new")), &many, NEW);
    assert_eq!(ring.verify(&token, Some("reset")), Verification::Refused);
}

#[test]
fn tokens_of_the_former_system_are_tried_with_each_key() {
    let (ring, _) = ring();
    let former = json!({"_id": "64a", "emailId": "a@b.c", "iat": NOW - 60, "exp": NOW + 60});
    for secret in [OLD, NEW] {
        assert_eq!(claims(ring.verify(&forge(&header(None), &former, secret), None)), former);
    }
    assert_eq!(ring.verify(&forge(&header(None), &former, "guess"), None), Verification::Refused);
}

#[test]
fn a_named_key_is_tried_alone() {
    let (ring, _) = ring();
    let claims = json!({"exp": NOW + 60});
    let verify = |kid, secret| ring.verify(&forge(&header(Some(kid)), &claims, secret), None);
    assert!(matches!(verify("old", OLD), Verification::Valid(_)));
    assert_eq!(verify("old", NEW), Verification::Refused);
    assert_eq!(verify("unknown", NEW), Verification::Refused);
    assert_eq!(verify("", NEW), Verification::Refused);
}

#[test]
fn other_algorithms_and_headers_are_refused_whatever_signed_them() {
    let (ring, _) = ring();
    let claims = json!({"exp": NOW + 60});
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let header = Header { kid: Some("new".into()), ..Header::new(algorithm) };
        assert_eq!(ring.verify(&forge(&header, &claims, NEW), None), Verification::Refused);
    }
    let critical = Header { crit: Some(vec!["b64".into()]), ..header(Some("new")) };
    assert_eq!(ring.verify(&forge(&critical, &claims, NEW), None), Verification::Refused);
    // {"alg":"none","typ":"JWT"} with the claims of a good token, and no signature.
    let good = forge(&header(Some("new")), &claims, NEW);
    let body = good.split('.').nth(1).unwrap();
    for none in ["eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0", "eyJhbGciOiJOb25lIiwidHlwIjoiSldUIn0"] {
        assert_eq!(ring.verify(&format!("{none}.{body}."), None), Verification::Refused);
    }
}

#[test]
fn a_token_changed_anywhere_is_refused() {
    let (ring, _) = ring();
    let token = ring.sign(r#"{"_id":"7"}"#, hour(), None).unwrap();
    // It is among the kept ones, which must not help the changed ones.
    assert!(matches!(ring.verify(&token, None), Verification::Valid(_)));
    for place in 0..token.len() {
        for other in ['A', 'B', 'w', '-', '=', '.'] {
            let mut bent: Vec<char> = token.chars().collect();
            if bent[place] != other {
                bent[place] = other;
                let bent: String = bent.into_iter().collect();
                assert_eq!(ring.verify(&bent, None), Verification::Refused, "{other} at {place}");
            }
        }
    }
    // The last character has two bits to spare: only one of its spellings counts.
    let (head, _) = token.split_at(token.len() - 1);
    let letters = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_', '+', '/', '=']);
    let accepted = letters.filter(|last| ring.verify(&format!("{head}{last}"), None) != Verification::Refused);
    assert_eq!(accepted.count(), 1);
    for respelled in [format!("{token}="), format!(" {token}"), format!("{token}\n"), format!("{token}.")] {
        assert_eq!(ring.verify(&respelled, None), Verification::Refused);
    }
}

#[test]
fn nonsense_is_refused() {
    let (ring, _) = ring();
    for token in
        ["", ".", "..", "...", "a.b.c", "e30.e30.e30", "ключ.к.к", "\0", &"A".repeat(100_000), &".".repeat(9_999)]
    {
        assert_eq!(ring.verify(token, None), Verification::Refused);
    }
    for claims in [json!([]), json!("x"), json!(null), json!({}), json!({"exp": "soon"}), json!({"exp": [NOW + 60]})] {
        assert_eq!(ring.verify(&forge(&header(Some("new")), &claims, NEW), None), Verification::Refused, "{claims}");
    }
    let early = json!({"exp": NOW + 60, "nbf": NOW + 30});
    assert_eq!(ring.verify(&forge(&header(Some("new")), &early, NEW), None), Verification::Refused);
}

#[test]
fn a_token_begins_at_its_nbf_also_when_it_was_kept() {
    let (ring, clock) = ring();
    let token = ring.sign(&json!({"nbf": NOW + 30}).to_string(), hour(), None).unwrap();
    assert_eq!(ring.verify(&token, None), Verification::Refused);
    clock.fetch_add(30_000, Ordering::Relaxed);
    assert!(matches!(ring.verify(&token, None), Verification::Valid(_)));
}

#[test]
fn claims_purposes_and_lives_that_cannot_be_signed_are_invalid() {
    let (ring, _) = ring();
    let case =
        |claims: &str, life, purpose: Option<&str>| ring.sign(claims, life, purpose).map_err(|error| error.case());
    for claims in ["", "[]", "7", "null", "\"x\"", "{", "{}x", r#"{"a":}"#] {
        assert_eq!(case(claims, hour(), None), Err("invalid"), "{claims}");
    }
    assert_eq!(case("{}", Duration::ZERO, None), Err("invalid"));
    assert_eq!(case("{}", LONGEST + Duration::from_millis(1), None), Err("invalid"));
    assert_eq!(case("{}", Duration::MAX, None), Err("invalid"));
    assert!(case("{}", LONGEST, None).is_ok());
    assert_eq!(case("{}", hour(), Some("")), Err("invalid"));
    assert_eq!(case("{}", hour(), Some(&"p".repeat(65))), Err("invalid"));
    assert_eq!(case(r#"{"aud":"x"}"#, hour(), None), Err("invalid"));
    assert_eq!(case(r#"{"aud":["x"]}"#, hour(), Some("x")), Err("invalid"));
    // What `verify` handed out can be signed again.
    assert!(case(r#"{"aud":"x","exp":1,"iat":1}"#, hour(), Some("x")).is_ok());
}

#[test]
fn refusals_are_not_kept() {
    let (ring, _) = ring();
    for number in 0..1_000 {
        let claims = json!({"exp": NOW + 60, "n": number});
        ring.verify(&forge(&header(None), &claims, "guess"), None);
    }
    assert_eq!(ring.seen.len(), 0);
}

#[test]
fn a_random_keyring_signs_for_itself_alone() {
    let (one, two) = (Keyring::random().unwrap(), Keyring::random().unwrap());
    let token = one.sign("{}", hour(), None).unwrap();
    assert!(matches!(one.verify(&token, None), Verification::Valid(_)));
    assert_eq!(two.verify(&token, None), Verification::Refused);
    assert_eq!(one.weak().count(), 0);
}

#[test]
fn keys_are_checked_and_never_printed() {
    let new = |current, previous| Keyring::new(current, previous).map(|_| ());
    assert_eq!(new(key("", NEW), vec![]), Err(KeyError::Name(String::new())));
    assert!(matches!(new(key("a b", NEW), vec![]), Err(KeyError::Name(_))));
    assert!(matches!(new(key(&"k".repeat(65), NEW), vec![]), Err(KeyError::Name(_))));
    assert_eq!(new(key("a", ""), vec![]), Err(KeyError::Empty("a".into())));
    assert_eq!(new(key("a", NEW), vec![key("b", OLD), key("b", "x")]), Err(KeyError::Twice("b".into())));
    assert_eq!(new(key("a", NEW), vec![key("a", OLD)]), Err(KeyError::Twice("a".into())));

    let (ring, _) = ring();
    assert_eq!(ring.weak().collect::<Vec<_>>(), ["old"]);
    for printed in [format!("{ring:?}"), format!("{:?}", key("kid", NEW)), format!("{:?}", ring.current.signs)] {
        assert!(!printed.contains("secret") && !printed.contains(NEW), "{printed}");
    }
    assert!(format!("{ring:?}").contains("new"));
}

#[test]
fn all_threads_agree() {
    let (ring, _) = ring();
    let tokens: Vec<String> =
        (0..50).map(|number| ring.sign(&format!(r#"{{"n":{number}}}"#), hour(), None).unwrap()).collect();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for (number, token) in tokens.iter().enumerate() {
                    assert_eq!(claims(ring.verify(token, None))["n"], number);
                }
            });
        }
    });
}
