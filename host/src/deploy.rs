//! From what the configuration wants to what is served: [`swap`] changes one plugin at a time, [`lookout`] says when to
//! look.
//!
//! What must hold: the table that is served is always whole and consistent; a plugin that cannot take over changes
//! nothing and says why; a request that has begun ends on the version it began with; a plugin that was refused is tried
//! again when that may help, and only then ([`failure`]).

mod failure;
mod filters;
mod inspect;
mod lookout;
mod order;
mod refused;
mod smoke;
mod source;
mod swap;
mod watch;

pub(crate) use inspect::{Finding, inspect};
pub(crate) use lookout::{Look, Lookout};
pub(crate) use swap::{Deployment, Inbound};
