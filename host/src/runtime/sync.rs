//! The primitives of the pool, by one name, so that a model checker can stand in for them (`tests/model`).

pub(super) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
pub(super) use std::sync::{Mutex, MutexGuard, PoisonError};
