//! The filter: says who calls, and counts.

use devconnect_sdk::prelude::*;

use crate::session::{self, Known};
use crate::token::Token;
use crate::{limits, settings};

/// Refuses nobody for having no session: the host does, where the route demands one.
pub(crate) fn filter(head: &Head) -> Result<Next, Problem> {
    let limit = settings::get()?.requests_per_minute;
    let Some(token) = Token::of_head(head)? else {
        limits::attempt(&head.remote_address, &head.route, limit)?;
        return Ok(Next::pass());
    };
    let (counted, known) = Known::of_session(&token, &head.route);
    limits::decide(counted, token.session_id(), &head.route, limit)?;
    let strict = matches!(head.access, Access::Role(_));
    Ok(session::check(&token, known, strict)?.map_or_else(Next::pass, Next::identified))
}
