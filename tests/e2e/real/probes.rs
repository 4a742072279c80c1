//! What stands in the stores, seen without the host: as `redis-cli`, `mongosh` and `kcat` would.

mod kafka;
mod mongodb;
mod redis;

pub(crate) use kafka::{Kafka, Record};
pub(crate) use mongodb::MongoDb;
pub(crate) use redis::{Redis, Reply};
