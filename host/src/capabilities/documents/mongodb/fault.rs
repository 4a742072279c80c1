//! The driver's errors in the words of this host: for guests, so without values, addresses or the driver's own text.

use std::time::Duration;

use mongodb::error::{Error as DriverError, ErrorKind, WriteFailure};

use crate::capabilities::error::Error;

/// When another try may help against a server that is away.
const RETRY: Duration = Duration::from_secs(1);
/// What a message of the server may take: it repeats names that a guest chose.
const MOST_MESSAGE: usize = 500;

/// Why a command failed.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) error: Error,
    /// The server did not answer. Any answer, also a refusal, is proof that it is there.
    pub(super) away: bool,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self { error, away: false }
    }
}

impl From<DriverError> for Fault {
    fn from(error: DriverError) -> Self {
        match error.kind.as_ref() {
            ErrorKind::Command(command) => of_code(command.code, &command.message),
            ErrorKind::Write(WriteFailure::WriteError(write)) => of_code(write.code, &write.message),
            ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => unconfirmed(concern.code, &concern.message),
            ErrorKind::InsertMany(insert) => match (&insert.write_errors, &insert.write_concern_error) {
                (Some(errors), _) if !errors.is_empty() => {
                    errors.first().map_or_else(unknown, |first| of_code(first.code, &first.message))
                }
                (_, Some(concern)) => unconfirmed(concern.code, &concern.message),
                _ => unknown(),
            },
            ErrorKind::InvalidArgument { message, .. } => invalid(message).into(),
            ErrorKind::BsonSerialization(_) | ErrorKind::Bson(_) => Error::invalid("malformed BSON").into(),
            ErrorKind::Io(_)
            | ErrorKind::ConnectionPoolCleared { .. }
            | ErrorKind::ServerSelection { .. }
            | ErrorKind::DnsResolve { .. }
            | ErrorKind::Shutdown => {
                tracing::debug!(%error, "MongoDB is away");
                away("MongoDB is away")
            }
            ErrorKind::Authentication { .. } => {
                tracing::error!(%error, "MongoDB refuses this host's credentials: correct the URL of stores.mongodb (MONGODB_URI)");
                away("MongoDB refuses this host's credentials")
            }
            _ => {
                tracing::warn!(%error, "MongoDB failed in a way that this host does not know");
                unknown()
            }
        }
    }
}

/// Whether an index could not be made because there is one by its name, or over its keys, with other options.
pub(super) fn index_exists(error: &DriverError) -> bool {
    // IndexOptionsConflict, IndexKeySpecsConflict.
    matches!(code(error), Some(85 | 86))
}

/// Whether a unique index holds the value already.
pub(super) fn is_duplicate(error: &DriverError) -> bool {
    matches!(code(error), Some(11000 | 11001 | 12582))
}

fn code(error: &DriverError) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some(write.code),
        ErrorKind::InsertMany(insert) => insert.write_errors.as_ref()?.first().map(|first| first.code),
        _ => None,
    }
}

/// The server's codes: <https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml>.
fn of_code(code: i32, message: &str) -> Fault {
    match code {
        11000 | 11001 | 12582 => duplicate(message).into(),
        // MaxTimeMSExpired, ExceededTimeLimit, NetworkInterfaceExceededTimeLimit.
        50 | 262 | 202 => Error::timeout("MongoDB did not finish in the time that the call had left").into(),
        // Not the primary, recovering, stepping down, shutting down; a server that another one does not reach.
        6 | 7 | 89 | 91 | 133 | 134 | 189 | 9001 | 10058 | 10107 | 11600 | 11602 | 13435 | 13436 => {
            away("MongoDB has no primary that answers for now")
        }
        // LockTimeout, WriteConflict, SnapshotUnavailable, NoSuchTransaction, TemporarilyUnavailable and cursors or sessions
        // that the server gave up.
        24 | 43 | 112 | 225 | 237 | 246 | 251 | 365 | 384 => {
            Error::unavailable("others write the same documents").retry_after(RETRY / 20).into()
        }
        // InterruptedAtShutdown has its own; the others are the operator's doing.
        11601 => Error::unavailable("MongoDB's operator interrupted it").retry_after(RETRY).into(),
        13 | 18 => {
            tracing::error!(message, "MongoDB refuses this to the host's user: grant it readWrite on the database");
            Error::unavailable("MongoDB refuses this to the host's user").into()
        }
        // BSONObjectTooLarge and its older forms, ExceededMemoryLimit, QueryExceededMemoryLimitNoDiskUseAllowed, and a
        // document that an update made too large.
        146 | 292 | 10334 | 16493 | 17280 | 17419 | 17420 | 10329 => {
            Error::too_large("it passes what MongoDB holds in memory or in a document").into()
        }
        // IllegalOperation; the second is how the driver says it.
        20 if message.contains("Transaction numbers") || message.contains("retryable writes") => standalone().into(),
        _ => invalid(message).into(),
    }
}

/// Applied by the primary; whether it lasts is open.
fn unconfirmed(code: i32, message: &str) -> Fault {
    if matches!(code, 91 | 189 | 10107 | 11600 | 11602 | 13435 | 13436) {
        tracing::debug!(code, message, "a write met a primary that went away");
    } else {
        tracing::warn!(code, message, "MongoDB did not confirm a write as its write concern asks");
    }
    Error::timeout("MongoDB took the write, but did not confirm in time that it will last").into()
}

fn standalone() -> Error {
    Error::invalid(
        "this needs a transaction, which a MongoDB that stands alone does not have; start mongod with --replSet rs0 and initiate it (a set of one is enough)",
    )
}

fn away(message: &str) -> Fault {
    Fault { error: Error::unavailable(message).retry_after(RETRY), away: true }
}

fn unknown() -> Fault {
    Error::unavailable("MongoDB failed on this; see the host's log").into()
}

fn invalid(message: &str) -> Error {
    let mut message = message.to_owned();
    if message.len() > MOST_MESSAGE {
        message.truncate(message.floor_char_boundary(MOST_MESSAGE));
        message.push('…');
    }
    Error::invalid(message)
}

/// `E11000 duplicate key error collection: devconnect.users index: emailId_1 dup key: { … }`, without the value: documents
/// hold secrets.
fn duplicate(message: &str) -> Error {
    let between = |from: &str, to: &str| {
        let (_, rest) = message.split_once(from)?;
        rest.split_once(to).map(|(found, _)| found.trim())
    };
    let collection = between("collection: ", " index: ").and_then(|name| name.split_once('.')).map(|(_, name)| name);
    let index = between(" index: ", " dup key").map(|name| if name == "_id_" { "_id" } else { name });
    match (index, collection) {
        (Some(index), Some(collection)) => {
            Error::conflict(format!("the unique index {index} of {collection} holds that value already"))
        }
        _ => Error::conflict("a unique index holds that value already"),
    }
}
