//! `incoming`: the request that is being served. Always granted, and asked for piece by piece: a header that no handler
//! reads is never copied.

use std::time::Instant;

use super::Ctx;
use super::call::Identity;
use crate::bindings::devconnect::platform::incoming::Host;

impl Host for Ctx {
    fn header(&mut self, name: String) -> wasmtime::Result<Option<Vec<u8>>> {
        self.enter()?;
        let head = self.call.head.as_ref();
        Ok(head.and_then(|head| head.headers.get(name)).map(|value| value.as_bytes().to_vec()))
    }

    fn headers(&mut self) -> wasmtime::Result<Vec<(String, Vec<u8>)>> {
        self.enter()?;
        let Some(head) = &self.call.head else { return Ok(Vec::new()) };
        Ok(head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect())
    }

    fn identity(&mut self) -> wasmtime::Result<Option<Identity>> {
        self.enter()?;
        Ok(self.call.identity.clone())
    }

    fn remote_address(&mut self) -> wasmtime::Result<String> {
        self.enter()?;
        Ok(self.call.head.as_ref().map(|head| head.remote.to_string()).unwrap_or_default())
    }

    fn request_id(&mut self) -> wasmtime::Result<String> {
        self.enter()?;
        Ok(self.call.request_id.as_str().to_owned())
    }

    fn remaining_ms(&mut self) -> wasmtime::Result<u64> {
        self.enter()?;
        let left = self.call.deadline.saturating_duration_since(Instant::now());
        Ok(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }
}
