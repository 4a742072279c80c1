//! Tables of bytes, and the two ways to look at them: a reader's [`Snapshot`] and the writer's [`Tx`].

use std::cell::OnceCell;
use std::ops::Bound;
use std::time::SystemTime;

use redb::{ReadableTable, TableDefinition};

use crate::capabilities::error::{Error, Result};

type Bytes = &'static [u8];
/// A value in place; it is read without a copy.
pub(crate) type Value<'a> = redb::AccessGuard<'a, Bytes>;
/// Rows in the order of their keys, from either end.
pub(crate) type Rows<'a> = redb::Range<'a, Bytes, Bytes>;

/// The file's tables. Each capability's keys are laid out in its own module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    /// Small facts about the rest: the layout's version, collections and indexes, topics.
    Catalogue,
    /// Documents and index entries.
    Documents,
    /// The event log.
    Events,
}

impl Table {
    const fn definition(self) -> TableDefinition<'static, Bytes, Bytes> {
        TableDefinition::new(match self {
            Self::Catalogue => "catalogue",
            Self::Documents => "documents",
            Self::Events => "events",
        })
    }
}

/// What readers and the writer have in common, so that a query is executed by the same code in both.
pub(crate) trait Read {
    /// The value of a key.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Value<'_>>>;
    /// The rows from `start` on and before `end`.
    fn range(&self, table: Table, start: &[u8], end: &[u8]) -> Result<Rows<'_>>;
}

/// The state of one commit; later ones do not show. The pages it sees stay allocated while it lives: keep it for one call.
pub(crate) struct Snapshot {
    transaction: redb::ReadTransaction,
    // A call touches two tables at most; opening one is a look-up of its own.
    catalogue: OnceCell<redb::ReadOnlyTable<Bytes, Bytes>>,
    documents: OnceCell<redb::ReadOnlyTable<Bytes, Bytes>>,
    events: OnceCell<redb::ReadOnlyTable<Bytes, Bytes>>,
}

impl Snapshot {
    pub(super) fn new(transaction: redb::ReadTransaction) -> Self {
        Self { transaction, catalogue: OnceCell::new(), documents: OnceCell::new(), events: OnceCell::new() }
    }

    fn table(&self, table: Table) -> Result<&redb::ReadOnlyTable<Bytes, Bytes>> {
        let cell = match table {
            Table::Catalogue => &self.catalogue,
            Table::Documents => &self.documents,
            Table::Events => &self.events,
        };
        if let Some(open) = cell.get() {
            return Ok(open);
        }
        let open = self.transaction.open_table(table.definition()).map_err(unavailable)?;
        Ok(cell.get_or_init(|| open))
    }
}

impl Read for Snapshot {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Value<'_>>> {
        self.table(table)?.get(key).map_err(unavailable)
    }

    fn range(&self, table: Table, start: &[u8], end: &[u8]) -> Result<Rows<'_>> {
        let bounds = (Bound::Included(start), Bound::Excluded(end));
        self.table(table)?.range::<&[u8]>(bounds).map_err(unavailable)
    }
}

/// The writer's transaction: what requests read and change.
///
/// Changes are undone by a journal of the request's own and not by redb's savepoints, which cannot be taken once a
/// transaction has written.
pub(crate) struct Tx<'t> {
    catalogue: redb::Table<'t, Bytes, Bytes>,
    documents: redb::Table<'t, Bytes, Bytes>,
    events: redb::Table<'t, Bytes, Bytes>,
    now: SystemTime,
    /// What the current request has changed, oldest first.
    journal: Vec<Change>,
    /// Bytes of the journal: what undoing would need.
    journal_bytes: usize,
    /// An undo failed: the transaction is neither before nor after a request.
    broken: bool,
    /// What runs once the commit is on disk.
    hooks: Vec<Hook>,
    /// The first hook of the current request.
    hooks_kept: usize,
    /// Bytes written by all requests.
    written: usize,
    changed: bool,
}

struct Change {
    table: Table,
    key: Vec<u8>,
    before: Option<Vec<u8>>,
}

/// Runs in the writer after a commit: it must not block.
pub(crate) type Hook = Box<dyn FnOnce() + Send>;

impl<'t> Tx<'t> {
    pub(super) fn new(transaction: &'t redb::WriteTransaction, now: SystemTime) -> Result<Self> {
        let open = |table: Table| transaction.open_table(table.definition()).map_err(unavailable);
        Ok(Self {
            catalogue: open(Table::Catalogue)?,
            documents: open(Table::Documents)?,
            events: open(Table::Events)?,
            now,
            journal: Vec::new(),
            journal_bytes: 0,
            broken: false,
            hooks: Vec::new(),
            hooks_kept: 0,
            written: 0,
            changed: false,
        })
    }

    /// The time of the request.
    pub(crate) fn now(&self) -> SystemTime {
        self.now
    }

    /// Sets a key.
    pub(crate) fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        let old = self.table(table).insert(key, value).map_err(unavailable)?;
        let before = old.map(|old| old.value().to_vec());
        self.written += key.len() + value.len();
        self.note(Change { table, key: key.to_vec(), before });
        Ok(())
    }

    /// Removes a key; whether it was there.
    pub(crate) fn remove(&mut self, table: Table, key: &[u8]) -> Result<bool> {
        let old = self.table(table).remove(key).map_err(unavailable)?;
        let Some(before) = old.map(|old| old.value().to_vec()) else { return Ok(false) };
        self.written += key.len();
        self.note(Change { table, key: key.to_vec(), before: Some(before) });
        Ok(true)
    }

    /// About how many bytes the request's changes hold in memory until it ends.
    pub(crate) fn pending(&self) -> usize {
        self.journal_bytes
    }

    /// Has `hook` run when the commit is on disk, if this request succeeds.
    pub(crate) fn on_commit(&mut self, hook: Hook) {
        self.hooks.push(hook);
    }

    /// Ends a request that succeeded.
    pub(super) fn keep(&mut self) {
        self.changed |= !self.journal.is_empty();
        self.journal.clear();
        self.journal_bytes = 0;
        self.hooks_kept = self.hooks.len();
    }

    /// Makes everything as it was before the request. After an error here the transaction cannot be committed.
    pub(crate) fn undo(&mut self) -> Result<()> {
        let undone = self.play_back();
        self.broken |= undone.is_err();
        if self.broken {
            Err(undone.err().unwrap_or_else(|| unavailable("a request could not be undone")))
        } else {
            Ok(())
        }
    }

    fn play_back(&mut self) -> Result<()> {
        self.hooks.truncate(self.hooks_kept);
        self.journal_bytes = 0;
        while let Some(Change { table, key, before }) = self.journal.pop() {
            let table = self.table(table);
            match before {
                Some(value) => drop(table.insert(key.as_slice(), value.as_slice()).map_err(unavailable)?),
                None => drop(table.remove(key.as_slice()).map_err(unavailable)?),
            }
        }
        Ok(())
    }

    /// Bytes written so far.
    pub(super) fn written(&self) -> usize {
        self.written
    }

    /// Whether there is anything to commit, and what to run after it.
    pub(super) fn finish(self) -> Result<(bool, Vec<Hook>)> {
        if self.broken { Err(unavailable("a request could not be undone")) } else { Ok((self.changed, self.hooks)) }
    }

    fn note(&mut self, change: Change) {
        self.journal_bytes += change.key.len() + change.before.as_ref().map_or(0, Vec::len) + 64;
        self.journal.push(change);
    }

    pub(super) fn set_now(&mut self, now: SystemTime) {
        self.now = now;
    }

    fn table(&mut self, table: Table) -> &mut redb::Table<'t, Bytes, Bytes> {
        match table {
            Table::Catalogue => &mut self.catalogue,
            Table::Documents => &mut self.documents,
            Table::Events => &mut self.events,
        }
    }

    fn view(&self, table: Table) -> &redb::Table<'t, Bytes, Bytes> {
        match table {
            Table::Catalogue => &self.catalogue,
            Table::Documents => &self.documents,
            Table::Events => &self.events,
        }
    }
}

impl Read for Tx<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Value<'_>>> {
        self.view(table).get(key).map_err(unavailable)
    }

    fn range(&self, table: Table, start: &[u8], end: &[u8]) -> Result<Rows<'_>> {
        let bounds = (Bound::Included(start), Bound::Excluded(end));
        self.view(table).range::<&[u8]>(bounds).map_err(unavailable)
    }
}

/// Makes the tables of a new file, so that readers find them, and answers the layout's version of an old one.
pub(super) fn prepare(database: &redb::Database, format_key: &[u8], format: u8) -> Result<u8> {
    let transaction = database.begin_write().map_err(unavailable)?;
    let mut tx = Tx::new(&transaction, SystemTime::UNIX_EPOCH)?;
    let found = tx.get(Table::Catalogue, format_key)?.map(|value| value.value().first().copied().unwrap_or(0));
    if found.is_none() {
        tx.put(Table::Catalogue, format_key, &[format])?;
    }
    drop(tx);
    if found.is_none() {
        transaction.commit().map_err(unavailable)?;
    } else {
        transaction.abort().map_err(unavailable)?;
    }
    Ok(found.unwrap_or(format))
}

/// The first key behind all that begin with `prefix`.
pub(crate) fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return end;
        }
    }
    // Nothing but 0xff: no key of ours begins so, and no key is longer than this.
    vec![0xff; prefix.len() + 1]
}

/// A failure of the storage engine, in a capability's words. Its text names files and system errors and nothing of a
/// document.
pub(crate) fn unavailable(error: impl std::fmt::Display) -> Error {
    Error::unavailable(format!("the embedded store failed: {error}"))
}
