//! What an event changes.

use devconnect_sdk::prelude::*;
use serde::de::{DeserializeOwned, IgnoredAny};

const USERS: &str = "user-events";
const MESSAGES: &str = "message-events";
const CONNECTIONS: &str = "connection-events";
const ANALYTICS: &str = "analytics-events";

/// What is consumed.
pub(crate) const TOPICS: [&str; 4] = [USERS, MESSAGES, CONNECTIONS, ANALYTICS];

/// The mark of what a client posted, in the envelope, which no client writes.
pub(crate) const CLIENT: &str = "client";

/// The types of what DevConnect itself publishes: clients may not post them.
pub(crate) const RESERVED: [&str; 17] = [
    "USER_SIGNUP",
    "USER_LOGIN",
    "USER_LOGOUT",
    "PROFILE_UPDATED",
    "USER_ONLINE",
    "USER_OFFLINE",
    "MESSAGE_SENT",
    "MESSAGE_READ",
    "MESSAGE_DELETED",
    "CONNECTION_REQUEST",
    "CONNECTION_REVIEW",
    "CONNECTION_REQUEST_NOTIFICATION",
    "CONNECTION_ACCEPTED_NOTIFICATION",
    "MESSAGE_NOTIFICATION",
    "WEEKLY_DIGEST",
    "PROFILE_VIEW",
    "MESSAGE_ANALYTICS",
];

/// What is counted, for everybody and for each user, in all and over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Metric {
    Signups,
    Logins,
    Messages,
    Requests,
    Accepted,
    ProfileViews,
}

impl Metric {
    /// Its name in answers, and its field in the numbers of everybody and in series.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Signups => "signups",
            Self::Logins => "logins",
            Self::Messages => "messages",
            Self::Requests => "requests",
            Self::Accepted => "accepted",
            Self::ProfileViews => "profileViews",
        }
    }

    /// Its field in the numbers of one user: of what has two sides, the one who acts.
    pub(crate) const fn of_user(self) -> &'static str {
        match self {
            Self::Messages => "messagesSent",
            Self::Requests => "requestsSent",
            _ => self.name(),
        }
    }
}

/// One change of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// One more for everybody.
    Count(Metric),
    /// One more of a user's own.
    CountFor(Id, Metric),
    /// One more in a field that only the user's numbers have.
    Add(Id, &'static str),
    /// The user was there.
    Seen(Id),
    Online(Id),
    Offline(Id),
}

/// All that an event changes, as if at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) at: DateTime,
    pub(crate) changes: Vec<Change>,
}

/// The envelope of an event, with what is read of its data.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<T> {
    #[serde(default)]
    user_id: Option<Id>,
    #[serde(default)]
    timestamp: Option<DateTime>,
    data: T,
}

/// The two sides of a message or request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sides {
    from_user_id: Id,
    to_user_id: Id,
    /// Requests have one.
    #[serde(default)]
    status: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct View {
    /// Who was looked at.
    user_id: Id,
}

impl Effect {
    /// What an event changes: nothing if it is none of those that are counted. A type counts in its own topic alone.
    pub(crate) fn of(delivery: &Delivery) -> Result<Self, Failure> {
        use Change::{Add, Count, CountFor, Offline, Online, Seen};

        /// Of events that are not counted nothing else is known.
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Type {
            event_type: String,
            #[serde(default)]
            source: Option<String>,
        }
        let Type { event_type, source } = delivery.json()?;
        if source.as_deref() == Some(CLIENT) {
            return Ok(Self::none(delivery));
        }
        match (delivery.topic.as_str(), event_type.as_str()) {
            (USERS, "USER_SIGNUP") => Self::of_user(delivery, Some(Metric::Signups), Seen),
            (USERS, "USER_LOGIN") => Self::of_user(delivery, Some(Metric::Logins), Seen),
            (USERS, "USER_LOGOUT") => Self::of_user(delivery, None, Seen),
            (USERS, "USER_ONLINE") => Self::of_user(delivery, None, Online),
            (USERS, "USER_OFFLINE") => Self::of_user(delivery, None, Offline),
            (MESSAGES, "MESSAGE_SENT") => Self::read(delivery, |_, Sides { from_user_id, to_user_id, .. }| {
                vec![
                    Count(Metric::Messages),
                    CountFor(from_user_id, Metric::Messages),
                    Add(to_user_id, "messagesReceived"),
                    Seen(from_user_id),
                ]
            }),
            (CONNECTIONS, "CONNECTION_REQUEST") => {
                Self::read(delivery, |_, Sides { from_user_id, to_user_id, status }| {
                    // To ignore somebody is no request.
                    if status.as_deref() != Some("interested") {
                        return Vec::new();
                    }
                    vec![
                        Count(Metric::Requests),
                        CountFor(from_user_id, Metric::Requests),
                        Add(to_user_id, "requestsReceived"),
                    ]
                })
            }
            (CONNECTIONS, "CONNECTION_REVIEW") => {
                Self::read(delivery, |_, Sides { from_user_id, to_user_id, status }| {
                    if status.as_deref() != Some("accepted") {
                        return Vec::new();
                    }
                    // A connection belongs to both.
                    vec![
                        Count(Metric::Accepted),
                        CountFor(from_user_id, Metric::Accepted),
                        CountFor(to_user_id, Metric::Accepted),
                    ]
                })
            }
            (ANALYTICS, "PROFILE_VIEW") => Self::read(delivery, |_, View { user_id }| {
                vec![Count(Metric::ProfileViews), CountFor(user_id, Metric::ProfileViews)]
            }),
            _ => Ok(Self::none(delivery)),
        }
    }

    fn none(delivery: &Delivery) -> Self {
        Self { at: delivery.timestamp, changes: Vec::new() }
    }

    /// What a user did, and what that says of their being there.
    fn of_user(delivery: &Delivery, metric: Option<Metric>, there: fn(Id) -> Change) -> Result<Self, Failure> {
        Self::read(delivery, |user, _: Option<IgnoredAny>| {
            let mut changes: Vec<Change> = metric.map(Change::Count).into_iter().collect();
            if let Some(user) = user {
                changes.extend(metric.map(|metric| Change::CountFor(user, metric)));
                changes.push(there(user));
            }
            changes
        })
    }

    fn read<T: DeserializeOwned>(
        delivery: &Delivery,
        changes: impl FnOnce(Option<Id>, T) -> Vec<Change>,
    ) -> Result<Self, Failure> {
        let Envelope { user_id, timestamp, data } = delivery.json()?;
        // What has no moment of its own happened when it was written.
        Ok(Self { at: timestamp.unwrap_or(delivery.timestamp), changes: changes(user_id, data) })
    }
}
