//! Answers: the bytes of the server's reply, cut at its documents and not parsed.

use std::collections::VecDeque;

use async_trait::async_trait;
use bson::{Document as Parsed, RawDocumentBuf};
use futures_util::StreamExt;
use mongodb::Collection;
use mongodb::options::FindOptions as DriverOptions;
use mongodb::raw_batch_cursor::{RawBatch, RawBatchCursor};

use super::fault::Fault;
use super::{GRACE, input, server_time};
use crate::capabilities::documents::backend::{
    Cursor, Document, FindOptions, MOST_ANSWER_BYTES, MOST_PIECE_BYTES, time_left,
};
use crate::capabilities::error::{Error, Result};

/// How many documents the server sends a cursor at once. It stops at 16 MiB.
const BATCH: u32 = 100;

/// A `find`, ready to be sent.
pub(super) struct Query {
    collection: Collection<RawDocumentBuf>,
    filter: Parsed,
    options: DriverOptions,
}

impl Query {
    /// A limit of 0 is none.
    pub(super) fn new(
        collection: Collection<RawDocumentBuf>,
        filter: &[u8],
        options: &FindOptions,
        limit: u32,
    ) -> Result<Self> {
        let mut driver = DriverOptions::default();
        driver.sort = options.sort.as_deref().map(input::document).transpose()?;
        driver.projection = options.projection.as_deref().map(input::document).transpose()?;
        driver.skip = (options.skip > 0).then(|| options.skip.into());
        driver.limit = (limit > 0).then(|| limit.into());
        driver.batch_size = Some(BATCH);
        driver.max_time = Some(server_time());
        Ok(Self { collection, filter: input::filter(filter)?, options: driver })
    }

    pub(super) fn batches_of(mut self, documents: u32) -> Self {
        self.options.batch_size = Some(documents);
        self
    }

    /// The first alone: the server keeps no cursor.
    pub(super) fn only_one(mut self) -> Self {
        self.options.limit = Some(-1);
        self
    }

    pub(super) async fn open(self) -> Result<RawBatchCursor, Fault> {
        Ok(self.collection.find(self.filter).with_options(self.options).batch().await?)
    }
}

/// All documents of an answer, if they are within the limit.
pub(super) async fn all(mut cursor: RawBatchCursor) -> Result<Vec<Document>, Fault> {
    let mut found = Vec::new();
    let mut bytes = 0;
    while let Some(batch) = cursor.next().await {
        take(&batch?, &mut |document| {
            bytes += document.len();
            if bytes > MOST_ANSWER_BYTES && !found.is_empty() {
                return Err(Error::too_large(format!(
                    "the answer passes {} MiB; read it with a cursor, or ask for fewer documents or fields",
                    MOST_ANSWER_BYTES >> 20
                )));
            }
            found.push(document.to_vec());
            Ok(())
        })?;
    }
    Ok(found)
}

fn take(batch: &RawBatch, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<(), Fault> {
    for value in batch.doc_slices()? {
        let value = value.map_err(|_| Error::unavailable("MongoDB sent what is no document"))?;
        if let Some(document) = value.as_document() {
            each(document.as_bytes())?;
        }
    }
    Ok(())
}

/// A query that is read in pieces.
pub(super) struct Pieces {
    /// Away while a batch is being read; then, and at the end, nothing follows.
    cursor: Option<RawBatchCursor>,
    /// Read, but not yet asked for.
    held: VecDeque<Document>,
    /// For errors.
    collection: Box<str>,
}

impl Pieces {
    pub(super) fn new(collection: &str, cursor: RawBatchCursor) -> Self {
        Self { cursor: Some(cursor), held: VecDeque::new(), collection: collection.into() }
    }

    /// Reads the next batch, in a task of its own as every command.
    async fn fetch(&mut self) -> Result<()> {
        let Some(mut cursor) = self.cursor.take() else { return Ok(()) };
        let left = time_left();
        let read = async move {
            let mut found = VecDeque::new();
            let Some(batch) = cursor.next().await else { return Ok::<_, Fault>((None, found)) };
            take(&batch?, &mut |document| {
                found.push_back(document.to_vec());
                Ok(())
            })?;
            Ok((Some(cursor), found))
        };
        let task = tokio::spawn(tokio::time::timeout(left + GRACE, read));
        let timeout = || Error::timeout("MongoDB did not answer in the time that the call had left");
        match tokio::time::timeout(left, task).await {
            Ok(Ok(Ok(Ok((cursor, found))))) => {
                self.cursor = cursor;
                self.held = found;
                Ok(())
            }
            Ok(Ok(Ok(Err(fault)))) => Err(fault.error),
            Ok(Ok(Err(_))) | Err(_) => Err(timeout()),
            Ok(Err(_panicked)) => Err(Error::unavailable("the host failed on this read; see its log")),
        }
    }
}

#[async_trait]
impl Cursor for Pieces {
    async fn next(&mut self, most: u32) -> Result<Vec<Document>> {
        let most = usize::try_from(most).unwrap_or(usize::MAX).max(1);
        let (mut piece, mut bytes) = (Vec::new(), 0);
        loop {
            while let Some(next) = self.held.front() {
                if !piece.is_empty() && (piece.len() >= most || bytes + next.len() > MOST_PIECE_BYTES) {
                    return Ok(piece);
                }
                bytes += next.len();
                piece.extend(self.held.pop_front());
            }
            if self.cursor.is_none() || piece.len() >= most {
                return Ok(piece);
            }
            let fetched = self.fetch().await;
            fetched.map_err(|error| error.within(format_args!("read a cursor over {}", self.collection)))?;
        }
    }
}
