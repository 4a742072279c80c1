//! The cookie that carries a session.

use std::time::Duration;

use devconnect_sdk::prelude::*;

use crate::settings;

pub(crate) const NAME: &str = "token";

/// Shorter than the token's: who stays away for a working day logs in again, in a browser at least.
const LIFE: Duration = Duration::from_secs(8 * 60 * 60);

pub(crate) fn carrying(token: impl Into<String>) -> Result<Cookie, Problem> {
    placed(Cookie::new(NAME, token).lives(LIFE))
}

pub(crate) fn removal() -> Result<Cookie, Problem> {
    placed(Cookie::removal(NAME))
}

/// In production the client's page is of another site, and everything is behind TLS.
fn placed(cookie: Cookie) -> Result<Cookie, Problem> {
    let production = settings::get()?.production;
    Ok(if production { cookie.same_site(SameSite::None).secure() } else { cookie.same_site(SameSite::Lax) })
}
