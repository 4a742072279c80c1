//! When work that left its caller's thread has to end: at the call's deadline, or when nobody waits for it any more.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::super::backend::time_left;
use crate::capabilities::error::{Error, Result};

/// A call's deadline, and whether its caller is still there.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    /// `None` for the store's own work.
    deadline: Option<Instant>,
    abandoned: Arc<AtomicBool>,
}

/// Held by the caller: when it goes, the work ends.
#[derive(Debug)]
pub(crate) struct Presence(Arc<AtomicBool>);

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Watch {
    /// How many pages are read between two looks at the clock.
    const SLICE: usize = 256;

    /// For the call that runs now. The deadline is the calling task's, so ask before anything is spawned.
    pub(crate) fn begin() -> (Self, Presence) {
        let abandoned = Arc::new(AtomicBool::new(false));
        (Self { abandoned: Arc::clone(&abandoned), ..Self::until_deadline() }, Presence(abandoned))
    }

    /// For a write of the call that runs now: whether its caller still waits does not matter to it.
    pub(crate) fn until_deadline() -> Self {
        Self { deadline: Some(Instant::now() + time_left()), ..Self::endless() }
    }

    /// For what the store does by itself.
    pub(crate) fn endless() -> Self {
        Self { deadline: None, abandoned: Arc::default() }
    }

    /// How many pages to read before the next look; an error once the work should end.
    pub(crate) fn slice(&self) -> Result<usize> {
        self.check().map(|()| Self::SLICE)
    }

    /// An error once the work should end.
    pub(crate) fn check(&self) -> Result<()> {
        if self.abandoned.load(Ordering::Relaxed) || self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Error::timeout("the call's time ran out before everything was read; nothing was changed"));
        }
        Ok(())
    }
}

/// Counts what an evaluation costs, so that neither time nor memory is spent without a limit between two documents.
#[derive(Debug)]
pub(crate) struct Meter<'a> {
    watch: &'a Watch,
    steps: Cell<u32>,
    room: Cell<usize>,
}

impl<'a> Meter<'a> {
    /// How many steps are taken between two looks at the clock.
    const STEPS: u32 = 256;
    /// The most bytes that the values of one document's evaluation may take together; MongoDB's limit of a document.
    const ROOM: usize = 16 << 20;

    pub(crate) fn new(watch: &'a Watch) -> Self {
        Self { watch, steps: Cell::new(0), room: Cell::new(Self::ROOM) }
    }

    /// The next document.
    pub(crate) fn next(&self) {
        self.room.set(Self::ROOM);
    }

    /// One step of an evaluation.
    pub(crate) fn step(&self) -> Result<()> {
        let steps = self.steps.get() + 1;
        self.steps.set(steps % Self::STEPS);
        if steps == Self::STEPS { self.watch.check() } else { Ok(()) }
    }

    /// A value of so many bytes is made.
    pub(crate) fn take(&self, bytes: usize) -> Result<()> {
        let left = self.room.get().checked_sub(bytes).ok_or_else(|| {
            Error::too_large(format!("what is computed for one document passes {} MiB", Self::ROOM >> 20))
        })?;
        self.room.set(left);
        Ok(())
    }
}
