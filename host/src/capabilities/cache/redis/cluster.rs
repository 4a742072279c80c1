//! A cluster's own ways: keys have slots, slots have nodes, and both move.
//!
//! The driver knows the map and routes by it. It is told to retry nothing, because it would also repeat what may have
//! been done; retried here is only what a node refused to do.

use std::time::Duration;

use redis::aio::ConnectionLike;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{SingleNodeRoutingInfo, Slot};
use redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, Value};

/// So often is a refused command sent again, within the caller's deadline.
const TRIES: u32 = 5;
/// The pause after a refusal that asks for patience.
const PAUSE: Duration = Duration::from_millis(10);

/// Sends a command to the node that has its key, and follows the key if it has moved.
pub(super) async fn send(connection: &mut ClusterConnection, command: Cmd) -> RedisResult<Value> {
    let mut tries = 1;
    loop {
        let error = match connection.req_packed_command(&command).await {
            Err(error) if tries < TRIES => error,
            answer => return answer,
        };
        tries += 1;
        match error.kind() {
            // The driver has begun to draw a new map, and what comes next waits for it.
            ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::ReadOnly) => {}
            ErrorKind::Server(ServerErrorKind::TryAgain) => tokio::time::sleep(PAUSE).await,
            ErrorKind::Server(ServerErrorKind::Ask) => match asking(connection, &command, &error).await {
                Some(answer) => return answer,
                None => return Err(error),
            },
            _ => return Err(error),
        }
    }
}

/// A key on its way: the new node serves it to whoever says that it was sent.
async fn asking(connection: &mut ClusterConnection, command: &Cmd, error: &RedisError) -> Option<RedisResult<Value>> {
    let (address, _slot) = error.redirect_node()?;
    let (host, port) = address.rsplit_once(':')?;
    let node = SingleNodeRoutingInfo::ByAddress { host: host.to_owned(), port: port.parse().ok()? };
    let mut pipeline = Pipeline::with_capacity(2);
    pipeline.add_command(redis::cmd("ASKING")).add_command(command.clone());
    match connection.route_pipeline(pipeline, 0, 2, node).await {
        Ok(mut answers) => answers.pop().map(Ok),
        Err(error) => Some(Err(error)),
    }
}

/// Sends commands whose keys are of one slot to its node, in one trip. Not repeated: a part may have been done.
pub(super) async fn send_all(
    connection: &mut ClusterConnection,
    commands: Pipeline,
    count: usize,
) -> RedisResult<Vec<Value>> {
    connection.req_packed_commands(&commands, 0, count).await
}

/// The slot of a key.
pub(super) fn slot(key: &str) -> Slot {
    Slot::for_key(key)
}
