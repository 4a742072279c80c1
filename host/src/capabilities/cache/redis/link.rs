//! The connection to Redis: made, watched and replaced in the background, used by all calls at once.
//!
//! A task holds on to it. While there is none, or the breaker is open, calls are refused at once; only a call that comes
//! while a first attempt is under way waits for it, for a moment. So `unavailable` means that nothing was sent, and what
//! was sent and not answered is a `timeout`.
//!
//! The task also asks a server that has stopped answering whether it is back, so that no guest's call has to find out,
//! and gives up a connection that stays silent: what stands between may have forgotten it.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster_async::ClusterConnection;
use redis::{Cmd, ErrorKind, Pipeline, PushKind, RedisError, ServerErrorKind, Value};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::address::Target;
use super::scripts::Script;
use super::{cluster, reply};
use crate::capabilities::breaker::Breaker;
use crate::capabilities::error::{Error, Result};

/// The pauses between two attempts to connect: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));
/// How often the connection is looked after.
const WATCH: Duration = Duration::from_millis(100);
/// So long may a connection be silent before it is given up.
const SILENCE: Duration = Duration::from_secs(2);

/// A connection that is ready.
#[derive(Clone)]
pub(in crate::capabilities::cache) enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

#[derive(Clone)]
pub(super) enum State {
    /// The first attempt, at start or after a loss, is under way.
    Connecting,
    Ready(Connection),
    /// The last attempt failed; the next one follows.
    Away,
}

struct Shared {
    breaker: Breaker,
    /// The longest that a call may take.
    deadline: Duration,
    state: watch::Sender<State>,
}

/// See the module.
pub(super) struct Link {
    shared: Arc<Shared>,
    cluster: bool,
    keeper: tokio::task::AbortHandle,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Link {
    pub(super) fn new(target: Arc<Target>, deadline: Duration) -> Self {
        let state = watch::Sender::new(State::Connecting);
        let shared = Arc::new(Shared { breaker: Breaker::new("Redis"), deadline, state });
        let cluster = matches!(*target, Target::Cluster(_));
        let keeper = tokio::spawn(keep(Arc::clone(&shared), target)).abort_handle();
        Self { shared, cluster, keeper }
    }

    pub(super) fn is_away(&self) -> bool {
        self.shared.breaker.is_open() || matches!(*self.shared.state.borrow(), State::Away)
    }

    #[cfg(test)]
    pub(super) fn state(&self) -> watch::Ref<'_, State> {
        self.shared.state.borrow()
    }

    /// One command. What the server says about it, also a refusal, is `Ok`.
    pub(super) async fn command(&self, command: Cmd) -> Result<Value> {
        let shared = &*self.shared;
        shared.breaker.call(shared.deadline, async { shared.connection().await?.send(command).await }).await
    }

    /// A script by its digest, and by its text only where the server does not have it, which it says before it has done
    /// anything.
    pub(super) async fn script(
        &self,
        script: &'static Script,
        key: &str,
        arguments: impl Fn(&mut Cmd) + Send + Sync,
    ) -> Result<Value> {
        let shared = &*self.shared;
        let run = async {
            let mut connection = shared.connection().await?;
            let mut command = script.by_digest(key);
            arguments(&mut command);
            let answer = connection.send(command).await?;
            if !matches!(&answer, Value::ServerError(error) if error.kind() == Some(ServerErrorKind::NoScript)) {
                return Ok(answer);
            }
            let mut command = script.by_text(key);
            arguments(&mut command);
            connection.send(command).await
        };
        shared.breaker.call(shared.deadline, run).await
    }

    /// Several commands in one trip, in order; an answer for each, also where that is a refusal.
    pub(super) async fn pipeline(&self, commands: Pipeline) -> Result<Vec<Value>> {
        let shared = &*self.shared;
        shared.breaker.call(shared.deadline, async { shared.connection().await?.send_all(commands).await }).await
    }

    /// True if commands of one trip must be of one slot.
    pub(super) fn is_cluster(&self) -> bool {
        self.cluster
    }
}

impl Shared {
    /// A handle of the connection.
    async fn connection(&self) -> Result<Connection> {
        let found = match &*self.state.borrow() {
            State::Ready(connection) => return Ok(connection.clone()),
            State::Connecting => None,
            State::Away => Some(State::Away),
        };
        let state = match found {
            Some(state) => state,
            None => {
                let mut states = self.state.subscribe();
                // Less than the deadline, so that it can be said that nothing was sent.
                let patience = self.deadline * 4 / 5;
                let settled = timeout(patience, states.wait_for(|state| !matches!(state, State::Connecting))).await;
                match settled {
                    Ok(Ok(state)) => state.clone(),
                    Ok(Err(_)) | Err(_) => State::Connecting,
                }
            }
        };
        match state {
            State::Ready(connection) => Ok(connection),
            State::Connecting => Err(Error::unavailable("Redis is not connected yet").retry_after(PAUSES.0)),
            State::Away => Err(Error::unavailable("Redis is away: it takes no connection").retry_after(PAUSES.1)),
        }
    }
}

impl Connection {
    /// One command. A refusal that concerns the whole server is an error, one that concerns the command is `Ok`.
    pub(in crate::capabilities::cache) async fn send(&mut self, command: Cmd) -> Result<Value> {
        let answer = match self {
            Self::Single(connection) => connection.send_packed_command(&command).await,
            Self::Cluster(connection) => cluster::send(connection, command).await,
        };
        settle(answer)
    }

    /// Several commands in one trip; on a cluster all of one slot.
    async fn send_all(&mut self, commands: Pipeline) -> Result<Vec<Value>> {
        let count = commands.len();
        let answers = match self {
            Self::Single(connection) => connection.send_packed_commands(&commands, 0, count).await,
            Self::Cluster(connection) => cluster::send_all(connection, commands, count).await,
        };
        let answers = answers.map_err(lost)?;
        if answers.len() != count {
            return Err(Error::timeout(format!("Redis answered {} of {count} commands", answers.len())));
        }
        // One refusal of the whole server tells of all: the commands stood behind each other.
        match answers.first() {
            Some(Value::ServerError(error)) if reply::is_away(error) => Err(reply::away(error)),
            _ => Ok(answers),
        }
    }
}

fn settle(answer: redis::RedisResult<Value>) -> Result<Value> {
    match answer {
        Ok(Value::ServerError(error)) if reply::is_away(&error) => Err(reply::away(&error)),
        Ok(value) => Ok(value),
        Err(error) => Err(lost(error)),
    }
}

/// The driver has no answer to what it was given.
fn lost(error: RedisError) -> Error {
    let kind = error.kind();
    tracing::debug!(?kind, "a call to Redis has no answer");
    if let ErrorKind::Server(_) | ErrorKind::Extension = kind
        && let Some(errors) = error.into_server_errors()
        && let Some((_, error)) = errors.first()
    {
        return reply::away(error);
    }
    match kind {
        ErrorKind::ClusterConnectionNotFound => Error::unavailable("no node of the Redis cluster can be reached"),
        _ => Error::timeout("the connection to Redis was lost before it answered"),
    }
}

/// Keeps a connection as long as the link lives.
async fn keep(shared: Arc<Shared>, target: Arc<Target>) {
    let mut pause = PAUSES.0;
    loop {
        let ended = Arc::new(Notify::new());
        let told = Arc::clone(&ended);
        let connecting = target.connect(move |push| {
            if push.kind == PushKind::Disconnection {
                told.notify_one();
            }
        });
        match connecting.await {
            Ok(connection) => {
                tracing::info!("connected to Redis");
                pause = PAUSES.0;
                shared.breaker.close();
                shared.state.send_replace(State::Ready(connection.clone()));
                watch(&shared, connection, &ended).await;
                tracing::warn!("the connection to Redis was lost");
                shared.state.send_replace(State::Connecting);
            }
            Err(error) => {
                // Said once for each outage, and only by kind: the driver's own text may name users.
                if !matches!(*shared.state.borrow(), State::Away) {
                    tracing::warn!(reason = error.category(), code = error.code(), "Redis takes no connection");
                }
                shared.state.send_replace(State::Away);
                sleep(pause).await;
                pause = (pause * 2).min(PAUSES.1);
            }
        }
    }
}

/// Returns when the connection has ended, or was silent for too long.
async fn watch(shared: &Shared, mut connection: Connection, ended: &Notify) {
    let mut silent: Option<Instant> = None;
    loop {
        tokio::select! {
            () = ended.notified() => return,
            () = sleep(WATCH) => {}
        }
        if !shared.breaker.is_open() {
            silent = None;
            continue;
        }
        if silent.get_or_insert_with(Instant::now).elapsed() >= SILENCE {
            return;
        }
        // Refused until a probe is due; a success closes the breaker.
        let asked = shared.breaker.call(shared.deadline, connection.send(redis::cmd("PING")));
        tokio::select! {
            () = ended.notified() => return,
            _ = asked => {}
        }
    }
}
