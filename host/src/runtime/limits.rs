//! Memory and tables of one instance, held to the plugin's limits.

use wasmtime::ResourceLimiter;

use crate::config::Limits;

/// Grants or refuses growth. A refusal is an ordinary failure for the guest (its allocator gives up); the instance is
/// retired after the call, because what it left half done is not worth reusing.
pub(super) struct Limiter {
    memory_limit: usize,
    memory: usize,
    table_limit: usize,
    table: usize,
    refused: Option<Growth>,
}

/// What a guest could not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// Linear memory: the limit in bytes.
    Memory(usize),
    /// Tables: the limit in elements.
    Table(usize),
}

impl Limiter {
    pub(super) const fn new(limits: &Limits) -> Self {
        Self { memory_limit: limits.memory, memory: 0, table_limit: limits.table_elements, table: 0, refused: None }
    }

    /// What was refused since the instance exists.
    pub(super) const fn refused(&self) -> Option<Growth> {
        self.refused
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        // Over all memories of the component.
        let total = self.memory.saturating_add(desired.saturating_sub(current));
        if total > self.memory_limit {
            self.refused = Some(Growth::Memory(self.memory_limit));
            return Ok(false);
        }
        self.memory = total;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.table.saturating_add(desired.saturating_sub(current));
        if total > self.table_limit {
            self.refused = Some(Growth::Table(self.table_limit));
            return Ok(false);
        }
        self.table = total;
        Ok(true)
    }
}
