//! Which e-mails somebody wants.

use devconnect_sdk::prelude::*;

use crate::caller::Caller;
use crate::edit::{self, Changes};
use crate::user::EmailPreferences;
use crate::{accounts, profile, unsubscribe};

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Preferences {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    email_preferences: EmailPreferences,
    /// A link that turns all of them off without a session, for the foot of an e-mail; only where they are viewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    unsubscribe_path: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PreferencesEdit {
    #[serde(default)]
    welcome_email: Option<bool>,
    #[serde(default)]
    connection_requests: Option<bool>,
    #[serde(default)]
    login_suggestions: Option<bool>,
    #[serde(default)]
    marketing_emails: Option<bool>,
}

pub(crate) fn view(Caller(id): Caller) -> Result<Json<Preferences>, Problem> {
    let user = accounts::view(id)?.ok_or_else(profile::gone)?;
    Ok(Json(Preferences {
        success: true,
        message: None,
        email_preferences: user.email_preferences,
        unsubscribe_path: Some(unsubscribe::path(id)?),
    }))
}

pub(crate) fn edit(Caller(id): Caller, Json(form): Json<PreferencesEdit>) -> Result<Json<Preferences>, Problem> {
    let wanted = [form.welcome_email, form.connection_requests, form.login_suggestions, form.marketing_emails];
    let user = edit::apply(id, id, changes(wanted))?.ok_or_else(profile::gone)?;
    Ok(Json(Preferences {
        success: true,
        message: Some("Email preferences updated successfully"),
        email_preferences: user.email_preferences,
        unsubscribe_path: None,
    }))
}

/// One by one, so that two edits of different ones do not undo each other.
pub(crate) fn changes(wanted: [Option<bool>; 4]) -> Changes {
    const FIELDS: [&str; 4] = [
        "emailPreferences.welcomeEmail",
        "emailPreferences.connectionRequests",
        "emailPreferences.loginSuggestions",
        "emailPreferences.marketingEmails",
    ];
    FIELDS.into_iter().zip(wanted).fold(Changes::default(), |changes, (field, wanted)| match wanted {
        Some(wanted) => changes.set(field, "emailPreferences", wanted),
        None => changes,
    })
}
