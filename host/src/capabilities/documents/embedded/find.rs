//! Reading: a snapshot, a selection, and the choice of the thread.
//!
//! Every read begins on the caller's own async thread and goes on in the blocking pool if it turns out to be long: handing
//! a look-up over costs more than the look-up. There it ends at the call's deadline, or when nobody waits for it.

use std::sync::Arc;

use async_trait::async_trait;
use bson::RawDocument;

use super::super::backend::{Cursor, Document, FindOptions, MOST_ANSWER_BYTES, MOST_DOCUMENTS, MOST_PIECE_BYTES};
use super::super::query::{Filter, Projection, Sort};
use super::catalogue::Catalogue;
use super::scan::{Flow, Progress, document};
use super::select::{Query, Selection};
use super::watch::Watch;
use crate::capabilities::embedded::{Snapshot, Store};
use crate::capabilities::error::{Error, Result};

/// How many pages a read reads before it leaves the async thread.
const INLINE: usize = 64;

/// A query under way on its snapshot.
pub(crate) struct Finding {
    snapshot: Snapshot,
    selection: Selection,
    projection: Option<Projection>,
}

/// How much of it is wanted at once.
#[derive(Clone, Copy)]
struct Portion {
    documents: usize,
    /// With the document that passes it, the portion is full.
    bytes: usize,
}

/// What was found, and whether there may be more.
struct Found {
    documents: Vec<Document>,
    bytes: usize,
    end: bool,
}

impl Finding {
    pub(crate) fn begin(
        store: &Store,
        catalogue: &Catalogue,
        collection: &str,
        query: Query,
        projection: Option<Projection>,
    ) -> Result<Self> {
        let snapshot = store.snapshot()?;
        let collection = catalogue.find(&snapshot, collection)?;
        let selection = Selection::new(collection, query);
        Ok(Self { snapshot, selection, projection })
    }

    /// The first document.
    pub(crate) async fn first(self) -> Result<Option<Document>> {
        let (_, found) = self.portion(Portion { documents: 1, bytes: usize::MAX }).await?;
        Ok(found.documents.into_iter().next())
    }

    /// All of them, if they are within the limit.
    pub(crate) async fn all(self) -> Result<Vec<Document>> {
        let (_, found) = self.portion(Portion { documents: usize::MAX, bytes: MOST_ANSWER_BYTES }).await?;
        if found.bytes > MOST_ANSWER_BYTES {
            return Err(Error::too_large(format!(
                "the answer passes {} MiB; read it with a cursor, or ask for fewer documents or fields",
                MOST_ANSWER_BYTES >> 20
            )));
        }
        Ok(found.documents)
    }

    /// How many there are.
    pub(crate) async fn count(mut self) -> Result<u64> {
        let mut count = 0;
        if self.count_some(INLINE, &mut count)? != Progress::Paused {
            return Ok(count);
        }
        let (watch, _here) = Watch::begin();
        blocking(move || {
            while self.count_some(watch.slice()?, &mut count)? == Progress::Paused {}
            Ok(count)
        })
        .await
    }

    fn count_some(&mut self, budget: usize, count: &mut u64) -> Result<Progress> {
        self.selection.run(&self.snapshot, budget, &mut |_, _| {
            *count += 1;
            Ok(Flow::Continue)
        })
    }

    /// The next documents.
    async fn portion(mut self, wanted: Portion) -> Result<(Self, Found)> {
        let mut found = Found { documents: Vec::new(), bytes: 0, end: false };
        if self.find_some(INLINE, wanted, &mut found)? != Progress::Paused {
            return Ok((self, found));
        }
        let (watch, _here) = Watch::begin();
        blocking(move || {
            while self.find_some(watch.slice()?, wanted, &mut found)? == Progress::Paused {}
            Ok((self, found))
        })
        .await
    }

    fn find_some(&mut self, budget: usize, wanted: Portion, found: &mut Found) -> Result<Progress> {
        let projection = self.projection.as_ref();
        let progress = self.selection.run(&self.snapshot, budget, &mut |_, document| {
            let shaped = project(projection, document);
            found.bytes += shaped.len();
            found.documents.push(shaped);
            let full = found.documents.len() >= wanted.documents || found.bytes > wanted.bytes;
            Ok(if full { Flow::Stop } else { Flow::Continue })
        })?;
        found.end = progress == Progress::End;
        Ok(progress)
    }
}

/// The document in the shape that was asked for.
pub(crate) fn project(projection: Option<&Projection>, document: &RawDocument) -> Document {
    projection.map_or_else(|| document.as_bytes().to_vec(), |projection| projection.apply(document).into_bytes())
}

/// The query of a `find`; without a limit of its own it has `most`.
pub(crate) fn query(filter: &[u8], options: &FindOptions, most: Option<u32>) -> Result<(Query, Option<Projection>)> {
    let sort = options.sort.as_deref().map(document).transpose()?.map(Sort::parse).transpose()?;
    let projection = options.projection.as_deref().map(document).transpose()?.map(Projection::parse).transpose()?;
    let limit = if options.limit == 0 { most } else { Some(options.limit) };
    let query = Query {
        filter: Filter::parse(document(filter)?)?,
        sort,
        skip: usize::try_from(options.skip).unwrap_or(usize::MAX),
        limit: limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
    };
    Ok((query, projection))
}

/// The limit of a `find` that names none.
pub(crate) const FIND_LIMIT: Option<u32> = Some(MOST_DOCUMENTS);

/// A query that is read in pieces.
pub(crate) struct Pieces {
    /// Away while a piece is being read; then, and at the end, nothing follows.
    finding: Option<Finding>,
    /// Read, but beyond the last piece's limit.
    held: Option<Document>,
    /// For errors.
    collection: Arc<str>,
}

impl Pieces {
    pub(crate) fn new(collection: &str, finding: Finding) -> Self {
        Self { finding: Some(finding), held: None, collection: collection.into() }
    }
}

#[async_trait]
impl Cursor for Pieces {
    async fn next(&mut self, most: u32) -> Result<Vec<Document>> {
        let most = usize::try_from(most).unwrap_or(usize::MAX).max(1);
        let mut piece: Vec<Document> = self.held.take().into_iter().collect();
        let mut bytes = piece.first().map_or(0, Vec::len);
        if piece.len() < most
            && bytes < MOST_PIECE_BYTES
            && let Some(finding) = self.finding.take()
        {
            let wanted = Portion { documents: most - piece.len(), bytes: MOST_PIECE_BYTES - bytes };
            let portion = finding.portion(wanted).await;
            let (finding, found) =
                portion.map_err(|error| error.within(format_args!("read a cursor over {}", self.collection)))?;
            bytes += found.bytes;
            piece.extend(found.documents);
            if !found.end {
                self.finding = Some(finding);
            }
        }
        if bytes > MOST_PIECE_BYTES && piece.len() > 1 {
            self.held = piece.pop();
        }
        Ok(piece)
    }
}

/// Runs what may take long off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(read: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(read)
        .await
        .unwrap_or_else(|_| Err(Error::unavailable("the host failed on this read; see its log")))
}
