//! The link at the foot of an e-mail: turns all e-mails off, without a session.

use std::time::Duration;

use devconnect_sdk::prelude::*;
use devconnect_sdk::tokens::Verification;

use crate::{edit, preferences};

pub(crate) const PATTERN: &str = "/unsubscribe/{userId}";

/// What the link's token is signed for: it opens nothing else, and no session's token opens this.
const PURPOSE: &str = "unsubscribe";

/// E-mails are read late, and the link must work then.
const LIFE: Duration = Duration::from_secs(180 * 24 * 60 * 60);

#[derive(Serialize, Deserialize)]
struct Claims {
    #[serde(rename = "_id")]
    user_id: Id,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Link {
    token: Option<String>,
}

/// The path of a user's link, with its token.
pub(crate) fn path(user_id: Id) -> Result<String, Problem> {
    let token = tokens::sign_for(PURPOSE, &Claims { user_id }, LIFE)?;
    Ok(format!("/unsubscribe/{user_id}?token={token}"))
}

/// A page for a person. The link may be followed any number of times.
pub(crate) fn unsubscribe(headers: Headers, Path(id): Path<Id>, Query(link): Query<Link>) -> Result<Response, Problem> {
    let verified = tokens::verify_for::<Claims>(PURPOSE, link.token.as_deref().unwrap_or_default())?;
    if !matches!(verified, Verification::Valid(claims) if claims.user_id == id) {
        return refuse(headers);
    }
    match edit::apply(id, id, preferences::changes([Some(false); 4]))? {
        Some(_) => Ok(page(
            200,
            "You are unsubscribed",
            "We will send you no more e-mails. You can choose in your profile which ones you want.",
        )),
        None => refuse(headers),
    }
}

/// Browsers get a page, programs the problem document that all errors are.
fn refuse(headers: Headers) -> Result<Response, Problem> {
    const TITLE: &str = "This link does not work";
    const TEXT: &str = "It is not valid, or not valid any more. Please use the link of a newer e-mail, or choose in your profile which e-mails you want.";
    if headers.text("accept").is_some_and(|accept| accept.contains("text/html")) {
        return Ok(page(400, TITLE, TEXT));
    }
    Err(Problem::bad_request(TITLE).with_detail(TEXT))
}

/// A whole page of fixed texts: nothing of a request is in it. The address has a token, so no other site hears of it.
fn page(status: u16, title: &'static str, text: &'static str) -> Response {
    let page = format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} – DevConnect</title>
<style>
:root {{ color-scheme: light dark; }}
main {{ max-width: 34rem; margin: 15vh auto 0; padding: 0 1.5rem; font: 1.125rem/1.6 system-ui, sans-serif; }}
h1 {{ font-size: 1.75rem; line-height: 1.2; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text}</p>
</main>
</body>
</html>
"#
    );
    Html(page)
        .into_response()
        .with_status(status)
        .with_header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'")
        .with_header("referrer-policy", "no-referrer")
        .with_header("cache-control", "no-store")
}
