//! What clients tell.

use devconnect_sdk::FieldError;
use devconnect_sdk::bson::Uuid;
use devconnect_sdk::prelude::*;
use devconnect_sdk::serde_json::{self, Map, Value};

use crate::effect::{CLIENT, RESERVED};
use crate::scope::Caller;

/// The most that `data` may have, in bytes of JSON.
const MOST: usize = 4 * 1_024;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewEvent {
    #[schemars(regex(pattern = "^[A-Z_]{3,40}$"))]
    event_type: String,
    /// At most 4 KiB.
    #[serde(default)]
    data: Option<Map<String, Value>>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Posted {
    event_id: String,
}

/// An event of `analytics-events`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    event_type: String,
    user_id: Id,
    timestamp: DateTime,
    data: Map<String, Value>,
    /// That nobody but the client vouches for it.
    source: &'static str,
    #[serde(skip)]
    event_id: String,
}

impl Event for Told {
    const TOPIC: &'static str = "analytics-events";

    fn key(&self) -> Option<String> {
        Some(self.user_id.to_string())
    }

    fn headers(&self) -> Vec<(String, String)> {
        vec![("event-id".to_owned(), self.event_id.clone())]
    }
}

pub(crate) fn post(caller: Caller, Json(new): Json<NewEvent>) -> Result<Accepted<Json<Posted>>, Problem> {
    let NewEvent { event_type, data } = new;
    let data = data.unwrap_or_default();
    check(&event_type, &data)?;
    let event_id = Uuid::new().to_string();
    let told = Told {
        event_type,
        user_id: caller.id,
        timestamp: DateTime::now(),
        data,
        source: CLIENT,
        event_id: event_id.clone(),
    };
    // Into the outbox: what is acknowledged is on disk.
    events::publish_later(&told)?;
    Ok(Accepted(Json(Posted { event_id })))
}

fn check(event_type: &str, data: &Map<String, Value>) -> Result<(), Problem> {
    let mut errors = Vec::new();
    let mut wrong = |field: &str, message: String| errors.push(FieldError { field: field.to_owned(), message });
    let is_type = event_type.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    if !is_type || !(3..=40).contains(&event_type.len()) {
        wrong("eventType", "must have 3 to 40 capital letters and underscores".to_owned());
    } else if RESERVED.contains(&event_type) {
        wrong("eventType", format!("{event_type} is for what the system itself tells: choose another"));
    }
    let size = serde_json::to_vec(data).map_or(usize::MAX, |bytes| bytes.len());
    if size > MOST {
        wrong("data", format!("must have at most {MOST} bytes"));
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::invalid_fields(errors)) }
}
