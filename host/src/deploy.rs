//! From what the configuration wants to what is served: [`swap`] changes one plugin at a time, [`watch`] says when to look.
//!
//! What must hold: the table that is served is always whole and consistent; a plugin that cannot take over changes
//! nothing and says why; a request that has begun ends on the version it began with.

mod source;
mod swap;
mod watch;

pub(crate) use swap::Deployment;
pub(crate) use watch::Watcher;
