//! Idle instances hold slots of the engine's pool, which all plugins share. A warm instance saves its plugin some 20 µs; it
//! must not keep another plugin from having an instance at all. So whoever finds the pool full has one that lies idle
//! thrown away, whosever it is, and tries again.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::version::Version;

/// How many idle instances one that is to be made may take the place of: it may need the slots of several smaller ones.
pub(super) const MOST_EVICTED: usize = 16;

/// The versions that may have idle instances.
#[derive(Clone, Default)]
pub(super) struct Idle(Arc<Mutex<Vec<Weak<Version>>>>);

impl Idle {
    /// A version that may be called from now on. It is forgotten when it goes.
    pub(super) fn enlist(&self, version: &Arc<Version>) {
        let mut versions = self.0.lock();
        versions.retain(|version| version.strong_count() > 0);
        versions.push(Arc::downgrade(version));
    }

    /// Throws away one idle instance, of the version that has most of them; false if nobody has any.
    pub(super) fn evict_one(&self) -> bool {
        let mut versions: Vec<Arc<Version>> = self.0.lock().iter().filter_map(Weak::upgrade).collect();
        // Not under the lock: throwing an instance away unmaps its memory.
        // The last idle one of a version may be leased meanwhile: then the next version's.
        versions.sort_by_key(|version| std::cmp::Reverse(version.idle()));
        versions.iter().any(|version| version.evict())
    }
}
