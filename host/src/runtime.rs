//! Calling plugins: from a file to a warm instance, from a call to its answer or its fault.
//!
//! A [`Version`] is one component file under one configuration. It owns a [`Pool`](pool) of warm instances. A call leases
//! one for itself alone, runs on a fiber of the thread that polls it, and gives it back; after a trap, a missed deadline
//! or a refused growth of memory the instance is thrown away. Three things end a call: the engine's epoch stops a guest
//! that computes (CPU time, and a yield every 10 ms), a timer outside stops one that waits, and dropping the store frees
//! what both held.

pub mod cache;
mod call;
pub mod compile;
mod component;
mod cpu;
pub mod engine;
pub mod fault;
mod idle;
mod limits;
mod linker;
mod load;
mod permits;
mod pool;
mod proxy;
mod refusal;
mod store;
mod sync;
mod version;

pub use call::Outcome;
pub use component::{Access, Description, Route as Described};
pub use engine::Engine;
pub use fault::Fault;
pub(crate) use load::Inspected;
pub use load::Loader;
pub(crate) use proxy::Upload;
pub use refusal::Refusal;
pub use store::State;
pub use version::{Scheduled, Version};
