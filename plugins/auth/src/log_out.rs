//! Ending a session.

use devconnect_sdk::prelude::*;

use crate::token::Token;
use crate::{cookie, events, limits, session, settings};

/// Answers 200 also where there is no session (any more): the client wants to be logged out, and is. Where it cannot be
/// made sure, 503, and the client still has its session.
pub(crate) fn log_out(headers: Headers) -> Result<(Cookie, &'static str), Problem> {
    if let Some(token) = Token::of_request(headers)? {
        limits::attempt(token.session_id(), "/logout", settings::get()?.requests_per_minute)?;
        if session::end(&token)? {
            events::tell(&events::logged_out(token.claims.user_id));
        }
    }
    Ok((cookie::removal()?, "Logout successful"))
}
