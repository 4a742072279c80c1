//! The connection over which Redis tells of changes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{PushInfo, PushKind, Value};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::held::Held;
use super::{Target, VALID};
use crate::capabilities::cache::redis::link::Connection;
use crate::capabilities::error::Result;

/// How often the connection is asked whether it is alive.
const ASK: Duration = Duration::from_millis(500);
/// The pause between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(250);

/// Follows the prefixes for as long as it is polled.
pub(super) async fn track(held: Arc<Held>, target: Arc<Target>, prefixes: Vec<String>) {
    loop {
        let ended = Arc::new(Notify::new());
        let (told, over) = (Arc::clone(&held), Arc::clone(&ended));
        // Called within the connection's own task, before it takes the next answer: what was told before an answer has
        // been done when the answer arrives.
        let connecting = target.connect(move |push| {
            if push.kind == PushKind::Disconnection {
                told.renew();
                over.notify_one();
            } else {
                changed(&told, &push);
            }
        });
        if let Ok(connection) = connecting.await {
            follow(&held, connection, &prefixes, &ended).await;
            held.renew();
        }
        sleep(PAUSE).await;
    }
}

/// Switches tracking on and vouches for it until the connection ends or falls silent.
async fn follow(held: &Held, mut connection: Connection, prefixes: &[String], ended: &Notify) {
    let session = held.renew();
    let switched = timeout(VALID, connection.send(tracking(prefixes))).await;
    match switched {
        Ok(Ok(Value::ServerError(error))) => {
            tracing::warn!(
                code = error.code(),
                "Redis does not tell of changes, the near cache holds nothing: let the host's user call CLIENT TRACKING"
            );
            return;
        }
        Ok(Ok(_)) => {}
        Ok(Err(_)) | Err(_) => return,
    }
    // What was read before tracking began was never stored: nothing was valid.
    loop {
        let asked = Instant::now();
        let answered: std::result::Result<Result<Value>, _> = tokio::select! {
            () = ended.notified() => return,
            answered = timeout(VALID, connection.send(redis::cmd("PING"))) => answered,
        };
        match answered {
            Ok(Ok(_)) => held.confirm(session, asked),
            Ok(Err(_)) | Err(_) => return,
        }
        tokio::select! {
            () = ended.notified() => return,
            () = sleep(ASK) => {}
        }
    }
}

fn tracking(prefixes: &[String]) -> redis::Cmd {
    let mut command = redis::cmd("CLIENT");
    command.arg("TRACKING").arg("ON").arg("BCAST");
    // No prefix means every key, and so does an empty one, which Redis does not take.
    for prefix in prefixes.iter().filter(|prefix| !prefix.is_empty()) {
        command.arg("PREFIX").arg(prefix);
    }
    command
}

fn changed(held: &Held, push: &PushInfo) {
    if push.kind != PushKind::Invalidate {
        return;
    }
    match push.data.first() {
        Some(Value::Array(keys)) => {
            for key in keys {
                // A key that is no UTF-8 is none that a guest could read.
                if let Value::BulkString(key) = key
                    && let Ok(key) = std::str::from_utf8(key)
                {
                    held.forget(key);
                }
            }
        }
        // The whole database was flushed; and what is not understood may be anything.
        _ => held.forget_all(),
    }
}
