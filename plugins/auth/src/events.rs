//! What others hear of.

use devconnect_sdk::prelude::*;

use crate::user::User;

/// An event of `user-events`.
#[derive(Serialize, Event)]
#[serde(rename_all = "camelCase")]
#[event(topic = "user-events", key = actor)]
pub(crate) struct UserEvent<T: Serialize> {
    event_type: &'static str,
    /// Whose account it is about.
    user_id: Id,
    timestamp: DateTime,
    data: T,
    /// Who did it: the same user, unless an admin.
    #[serde(skip)]
    actor: Id,
}

impl<T: Serialize> UserEvent<T> {
    fn new(event_type: &'static str, user_id: Id, timestamp: DateTime, data: T) -> Self {
        Self { event_type, user_id, timestamp, data, actor: user_id }
    }

    /// The same, done by somebody else.
    pub(crate) fn by(mut self, actor: Id) -> Self {
        self.actor = actor;
        self
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignUp<'a> {
    first_name: &'a str,
    last_name: &'a str,
    email_id: &'a str,
    signup_time: DateTime,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogIn<'a> {
    email_id: &'a str,
    login_time: DateTime,
    ip_address: &'a str,
    ip: &'a str,
    timestamp: DateTime,
}

#[derive(Serialize)]
pub(crate) struct LogOut {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Update {
    fields_changed: Vec<&'static str>,
    update_time: DateTime,
}

/// Somebody looked at a profile: an event of `analytics-events`.
#[derive(Serialize, Event)]
#[serde(rename_all = "camelCase")]
#[event(topic = "analytics-events", key = user_id)]
pub(crate) struct ProfileView {
    event_type: &'static str,
    user_id: Id,
    timestamp: DateTime,
    data: View,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    user_id: Id,
    viewer_id: Id,
    timestamp: DateTime,
}

pub(crate) fn signed_up(user: &User, now: DateTime) -> UserEvent<SignUp<'_>> {
    let User { id, first_name, last_name, email_id, .. } = user;
    UserEvent::new("USER_SIGNUP", *id, now, SignUp { first_name, last_name, email_id, signup_time: now })
}

pub(crate) fn logged_in<'a>(user: &'a User, address: &'a str) -> UserEvent<LogIn<'a>> {
    let now = DateTime::now();
    let data = LogIn { email_id: &user.email_id, login_time: now, ip_address: address, ip: address, timestamp: now };
    UserEvent::new("USER_LOGIN", user.id, now, data)
}

pub(crate) fn logged_out(user: Id) -> UserEvent<LogOut> {
    UserEvent::new("USER_LOGOUT", user, DateTime::now(), LogOut {})
}

pub(crate) fn profile_updated(user: Id, fields_changed: Vec<&'static str>, now: DateTime) -> UserEvent<Update> {
    UserEvent::new("PROFILE_UPDATED", user, now, Update { fields_changed, update_time: now })
}

pub(crate) fn profile_viewed(user: Id, viewer: Id) -> ProfileView {
    let now = DateTime::now();
    let data = View { user_id: user, viewer_id: viewer, timestamp: now };
    ProfileView { event_type: "PROFILE_VIEW", user_id: viewer, timestamp: now, data }
}

/// Publishes an event that has no document to be committed with. What it tells of has happened: an outbox that takes no
/// more is the operator's concern, and no reason to refuse the user.
pub(crate) fn tell(event: &impl Event) {
    if let Err(error) = devconnect_sdk::events::publish_later(event) {
        log::error!("an event is lost, the outbox did not take it", cause = error);
    }
}
