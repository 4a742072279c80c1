//! Tokens of sessions: what they say, where they travel, and what they are called in the stores.

use std::time::Duration;

use devconnect_sdk::prelude::*;
use devconnect_sdk::serde_json;
use sha2::{Digest, Sha256};

use crate::cookie;
use crate::user::Account;

/// How long a token counts.
pub(crate) const LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What a token says. The former system's have neither `jti` nor `generation`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Claims {
    #[serde(rename = "_id")]
    pub(crate) user_id: Id,
    #[serde(default)]
    jti: Option<String>,
    /// See [`crate::session::CutOff`].
    #[serde(default)]
    pub(crate) generation: Option<i64>,
    /// In seconds, and in whole ones: the moment is cut.
    #[serde(rename = "iat")]
    pub(crate) issued_at: i64,
    #[serde(rename = "exp")]
    expires_at: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewClaims<'a> {
    #[serde(rename = "_id")]
    user_id: Id,
    email_id: &'a str,
    jti: Id,
    generation: i64,
}

/// A token whose signature and times hold. Whether its session was ended is not known yet.
#[derive(Debug)]
pub(crate) struct Token {
    text: String,
    digest: String,
    pub(crate) claims: Claims,
}

/// Signs a token for a new session.
pub(crate) fn issue(account: &Account) -> Result<Token, Problem> {
    let claims = NewClaims {
        user_id: account.user.id,
        email_id: &account.user.email_id,
        jti: Id::new(),
        generation: account.cut_off().generation,
    };
    let text = tokens::sign(&claims, LIFE)?;
    Token::read(text)?.ok_or_else(|| Problem::internal("a token that was just signed is refused"))
}

impl Token {
    /// The token of the request that is being served, the cookie's before the header's; `None` where there is none that
    /// holds.
    pub(crate) fn of_request(headers: Headers) -> Result<Option<Self>, Error> {
        let from_cookie = headers.cookie(cookie::NAME).map_or(Ok(None), Self::read)?;
        if from_cookie.is_some() {
            return Ok(from_cookie);
        }
        headers.bearer().map_or(Ok(None), Self::read)
    }

    /// The same for a socket that wants to open: clients that set neither header nor cookie there send
    /// `auth: { token }`.
    pub(crate) fn of_head(head: &Head) -> Result<Option<Self>, Error> {
        #[derive(Deserialize)]
        struct Auth {
            token: String,
        }
        let found = Self::of_request(head.headers())?;
        let Some(payload) = head.auth_payload.as_deref().filter(|_| found.is_none()) else { return Ok(found) };
        serde_json::from_str::<Auth>(payload).map_or(Ok(None), |auth| Self::read(auth.token))
    }

    fn read(text: String) -> Result<Option<Self>, Error> {
        let claims = tokens::verify::<Claims>(&text)?.valid();
        Ok(claims.map(|claims| Self { digest: digest(&text), text, claims }))
    }

    /// The token itself.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// SHA-256 in hexadecimal digits: what the token is called where it should not be read.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// The session's id, stable for its life.
    pub(crate) fn session_id(&self) -> &str {
        self.claims.jti.as_deref().unwrap_or(&self.digest)
    }

    /// What the cache's key for the session has behind `session:`. The token itself, as the former system has it, unless a
    /// long e-mail address makes it longer than a key may be.
    pub(crate) fn cache_name(&self) -> &str {
        const LONGEST: usize = 480;
        if self.text.len() <= LONGEST { &self.text } else { &self.digest }
    }

    /// When the token stops to count.
    pub(crate) fn expires_at(&self) -> DateTime {
        DateTime::from_millis(self.claims.expires_at.saturating_mul(1_000))
    }
}

fn digest(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).map_or('0', |digit| char::from(*digit));
    // Pushed one by one into room that is there: for each request, and `collect` would grow it.
    let mut digits = String::with_capacity(2 * <Sha256 as Digest>::output_size());
    for byte in Sha256::digest(text.as_bytes()) {
        digits.push(digit(byte >> 4));
        digits.push(digit(byte & 0xf));
    }
    digits
}
