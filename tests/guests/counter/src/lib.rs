//! Counts events by their type: what the benchmark `consume` compares with a native consumer.

use std::cell::RefCell;
use std::collections::HashMap;

use devconnect_sdk::prelude::*;

devconnect_sdk::plugin! { consumer: consumer }

thread_local! {
    static COUNTS: RefCell<HashMap<String, u64>> = RefCell::new(HashMap::new());
}

fn consumer() -> Consumer {
    Consumer::new().on("bench-consumed", count)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    event_type: String,
    #[allow(dead_code, reason = "read, as a plugin would")]
    user_id: Id,
    #[allow(dead_code, reason = "read, as a plugin would")]
    timestamp: DateTime,
}

fn count(delivery: &Delivery) -> Result<(), Failure> {
    let Envelope { event_type, .. } = delivery.json()?;
    COUNTS.with_borrow_mut(|counts| *counts.entry(event_type).or_default() += 1);
    Ok(())
}
