//! One transaction: reads of one state, writes kept until the commit.

mod scan;
mod stored;
#[cfg(test)]
mod tests;
mod writes;

use std::sync::Arc;

use bytes::Bytes;
use forecourt_base::GroupId;
use forecourt_base::limits::RECORD_KEY_BYTES;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::add::{Absent, Addend, Adds};
use crate::engine::{AtPosition, Commit, Encoded, Engine, Position, ReadSet, Snapshot, Stamped};
use crate::envelope::{self, Envelope, Payload};
use crate::index::{IndexEntry, encode_entry, entry_row};
use crate::keys::{Kind, Space, check_row, chunk_row};
use crate::locks::ExclusiveGuard;
use crate::{StorageError, keys};

pub use scan::{Row, Rows};
use writes::{Pending, Record, WriteSet};
pub use writes::{Savepoint, Written, WrittenValue};

/// The bytes with which a commit's position and a stamped record's place in it complete its key.
const STAMP_BYTES: usize = 12;

/// What a transaction may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Read only. It sees the state at its position whatever is committed meanwhile, and conflicts only where it reads after more was changed than the
    /// engine remembers for readers (`UNDO_BYTES`). Its end needs no check.
    ReadOnly,
    /// Read and write. It conflicts at once when it reads what changed since its position, because its commit would be refused for it.
    ReadWrite,
}

impl Mode {
    /// What a transaction of this mode makes of what the engine read.
    fn accept<T>(self, read: AtPosition<T>) -> Result<T, StorageError> {
        match self {
            Self::ReadWrite if read.changed_since => Err(StorageError::Conflict),
            _ => Ok(read.value),
        }
    }
}

/// What a transaction has done so far. Rolling back lowers nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Calls of `put`, `delete`, `add` and `put_stamped`.
    pub writes: usize,
    /// The bytes of their keys, values and index entries.
    pub write_bytes: usize,
    /// Records read, those that turned out absent included.
    pub rows_read: usize,
    /// The bytes of their values.
    pub bytes_read: usize,
}

/// A serializable transaction. Dropping it leaves nothing.
///
/// Reads see the transaction's own writes. After an operation returned [`StorageError::Conflict`] every later one does too, so that nobody goes on with
/// half a state.
#[derive(Debug)]
pub struct Transaction {
    engine: Arc<dyn Engine>,
    snapshot: Snapshot,
    group: Option<GroupId>,
    exclusive: Option<ExclusiveGuard>,
    mode: Mode,
    reads: ReadSet,
    writes: WriteSet,
    usage: Usage,
    /// What ranges may bring `usage.bytes_read` to.
    bytes_read_max: usize,
    conflicted: bool,
    /// Records that an addition found there before it was rolled back or replaced. To have found them is an observation, which outlives it.
    found: Vec<Bytes>,
}

impl Transaction {
    /// Begins at the engine's newest position. `group` names the commits that [`Engine::exclusive`] of that group keeps out; none is the deployment.
    ///
    /// # Errors
    /// [`StorageError::Closed`].
    pub fn begin(engine: &Arc<dyn Engine>, group: Option<GroupId>, mode: Mode) -> Result<Self, StorageError> {
        Ok(Self {
            snapshot: engine.snapshot()?,
            engine: Arc::clone(engine),
            group,
            exclusive: None,
            mode,
            reads: ReadSet::default(),
            writes: WriteSet::default(),
            usage: Usage::default(),
            bytes_read_max: usize::MAX,
            conflicted: false,
            found: Vec::new(),
        })
    }

    /// Begins with other commits of the guard's group kept out until this one has ended.
    ///
    /// # Errors
    /// [`StorageError::Closed`].
    pub fn begin_exclusive(engine: &Arc<dyn Engine>, guard: ExclusiveGuard, mode: Mode) -> Result<Self, StorageError> {
        let transaction = Self::begin(engine, guard.group().cloned(), mode)?;
        Ok(Self { exclusive: Some(guard), ..transaction })
    }

    /// The position whose state is read.
    #[must_use]
    pub fn position(&self) -> Position {
        self.snapshot.position()
    }

    /// What the transaction may do.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether an operation met a conflict: all that is left is to run the transaction again.
    #[must_use]
    pub fn conflicted(&self) -> bool {
        self.conflicted
    }

    /// What the transaction has done so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// The records written so far, by place and key, for the audit. Stamped records have no key yet and are left out.
    pub fn written(&self) -> impl Iterator<Item = Written<'_>> {
        self.writes.written()
    }

    /// The record's value.
    ///
    /// # Errors
    /// [`StorageError::Conflict`], [`StorageError::AddOverflow`] after an `add`, a refused key, errors of the disk.
    pub async fn get(&mut self, space: &Space, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        let row = space.record(key)?;
        let value = self.current(space, &row).await?;
        self.usage.rows_read += 1;
        self.usage.bytes_read += value.as_ref().map_or(0, Bytes::len);
        Ok(value)
    }

    /// Writes the record and its index entries, in place of what there was. It reads nothing: of two such writes the later stands.
    ///
    /// # Errors
    /// [`StorageError::ReadOnly`], or a refused key, value or entry.
    #[expect(clippy::unused_async, reason = "engines on other machines will have to ask before they answer")]
    pub async fn put(
        &mut self,
        space: &Space,
        key: &[u8],
        value: impl Into<Bytes>,
        entries: Vec<IndexEntry>,
    ) -> Result<(), StorageError> {
        self.check_write()?;
        let payload = value.into();
        envelope::check(&payload, entries.len())?;
        let row = space.record(key)?;
        let mut entries: Vec<Bytes> = entries.iter().map(encode_entry).collect();
        entries.sort_unstable();
        entries.dedup();
        for entry in &entries {
            entry_row(&row, space.prefix_len(), entry)?;
        }
        let entry_bytes: usize = entries.iter().map(Bytes::len).sum();
        self.count_write(key.len() + payload.len() + entry_bytes);
        self.replace(space, row, Pending::Put(Record { payload, entries }));
        Ok(())
    }

    /// Deletes the record; whether there was one.
    ///
    /// # Errors
    /// [`StorageError::ReadOnly`], [`StorageError::Conflict`], a refused key, errors of the disk.
    pub async fn delete(&mut self, space: &Space, key: &[u8]) -> Result<bool, StorageError> {
        self.check_write()?;
        let row = space.record(key)?;
        let existed = match self.writes.get(&row) {
            Some(Pending::Put(_) | Pending::Add(_)) => true,
            Some(Pending::Delete) => false,
            None => self.base(&row).await?.is_some(),
        };
        self.count_write(key.len());
        if existed {
            self.replace(space, row, Pending::Delete);
        }
        Ok(existed)
    }

    /// Adds `n` to an integer field of a record of JSON, at the commit, to whatever value it has then. So additions never conflict with one another. Index
    /// entries stay as they are: a field that is indexed must not be added to.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is no record and `absent` refuses, [`StorageError::NotAnInteger`], [`StorageError::ReadOnly`], a refused key,
    /// errors of the disk. [`StorageError::AddOverflow`] shows when the field is read, or at the commit.
    pub async fn add(
        &mut self,
        space: &Space,
        key: &[u8],
        field: &str,
        n: i64,
        absent: Absent,
    ) -> Result<(), StorageError> {
        self.add_within(space, key, &Addend::new(field, n), absent).await
    }

    /// The same to a field of any width.
    ///
    /// # Errors
    /// As [`Transaction::add`].
    pub async fn add_within(
        &mut self,
        space: &Space,
        key: &[u8],
        addend: &Addend<'_>,
        absent: Absent,
    ) -> Result<(), StorageError> {
        self.check_write()?;
        let row = space.record(key)?;
        let adds = Adds::new(absent, addend);
        let pending = match self.writes.get(&row) {
            Some(Pending::Put(record)) => {
                Pending::Put(Record { payload: adds.apply(Some(&record.payload))?, entries: record.entries.clone() })
            }
            Some(Pending::Delete) => Pending::Put(Record { payload: adds.apply(None)?, entries: Vec::new() }),
            Some(Pending::Add(before)) => {
                let both = before.clone().and(addend);
                self.check_add(space, &row, &both).await?;
                Pending::Add(both)
            }
            None => {
                self.check_add(space, &row, &adds).await?;
                Pending::Add(adds)
            }
        };
        self.count_write(key.len() + addend.field.len() + size_of::<i64>());
        self.writes.insert(space, row, pending);
        Ok(())
    }

    /// Writes a record whose key is `prefix`, the position of the commit (8 bytes, big-endian) and its place among the transaction's stamped records (4). It
    /// conflicts with nobody, and cannot be read before the commit.
    ///
    /// # Errors
    /// [`StorageError::ReadOnly`], or a refused prefix or value.
    #[expect(clippy::unused_async, reason = "engines on other machines will have to ask before they answer")]
    pub async fn put_stamped(
        &mut self,
        space: &Space,
        prefix: &[u8],
        value: impl Into<Bytes>,
    ) -> Result<(), StorageError> {
        self.check_write()?;
        let payload = value.into();
        envelope::check(&payload, 0)?;
        let bytes = prefix.len() + STAMP_BYTES;
        if bytes > RECORD_KEY_BYTES {
            return Err(StorageError::KeyTooLong { bytes, bytes_max: RECORD_KEY_BYTES });
        }
        let mut row = space.row(Kind::Record, prefix.len());
        row.extend_from_slice(prefix);
        self.count_write(bytes + payload.len());
        let (value_row, chunks) = envelope::encode(&payload, &[]);
        let value = Encoded { row: value_row, chunks, entries: Vec::new() };
        self.writes.stamp(Stamped { row: check_row(row)?, prefix_len: space.prefix_len(), value });
        Ok(())
    }

    /// A kernel record, read from JSON.
    ///
    /// # Errors
    /// As [`Transaction::get`]; [`StorageError::Json`] when it is not what it should be.
    pub async fn get_json<T: DeserializeOwned>(
        &mut self,
        space: &Space,
        key: &[u8],
    ) -> Result<Option<T>, StorageError> {
        let value = self.get(space, key).await?;
        Ok(value.map(|bytes| serde_json::from_slice(&bytes)).transpose()?)
    }

    /// A kernel record, written as JSON.
    ///
    /// # Errors
    /// As [`Transaction::put`].
    pub async fn put_json<T: Serialize + Sync + ?Sized>(
        &mut self,
        space: &Space,
        key: &[u8],
        value: &T,
        entries: Vec<IndexEntry>,
    ) -> Result<(), StorageError> {
        self.put(space, key, serde_json::to_vec(value)?, entries).await
    }

    /// A point to which the writes can be rolled back.
    #[must_use]
    pub fn savepoint(&mut self) -> Savepoint {
        self.writes.savepoint()
    }

    /// Undoes the writes made since the savepoint, never the reads. Savepoints taken since are void.
    pub fn rollback_to(&mut self, savepoint: &Savepoint) {
        self.found.extend(self.writes.rollback_to(savepoint));
    }

    /// Commits: durably (where the engine is durable) before it returns. The position that the transaction took, or read at when it wrote nothing.
    ///
    /// # Errors
    /// [`StorageError::Conflict`], [`StorageError::AddOverflow`], [`StorageError::Full`], [`StorageError::DiskFull`]: nothing was committed.
    /// [`StorageError::OutcomeUnknown`]: nobody knows until a restart.
    pub async fn commit(mut self) -> Result<Position, StorageError> {
        if self.conflicted {
            return Err(StorageError::Conflict);
        }
        self.check_found().await?;
        if self.writes.is_empty() {
            return Ok(self.position());
        }
        let engine = Arc::clone(&self.engine);
        engine.commit(self.into_commit()).await
    }

    pub(crate) fn into_commit(self) -> Commit {
        let (records, stamped) = self.writes.into_changes();
        let Self { snapshot, group, exclusive, reads, .. } = self;
        Commit { snapshot, group, exclusive, reads, records, stamped }
    }

    /// Drops the writes. Ok only when all that was read is of one state, so that a refusal derived from it can be told.
    ///
    /// # Errors
    /// [`StorageError::Conflict`].
    pub async fn finish_without_effects(mut self) -> Result<(), StorageError> {
        // By (one-state) every read that was not refused at once is of the state at the transaction's position.
        if self.conflicted {
            return Err(StorageError::Conflict);
        }
        self.found.extend(self.writes.found());
        self.check_found().await
    }

    /// Makes sure that what additions found was there at the transaction's position too.
    async fn check_found(&mut self) -> Result<(), StorageError> {
        for row in std::mem::take(&mut self.found) {
            self.base(&row).await?;
        }
        Ok(())
    }

    fn check_write(&self) -> Result<(), StorageError> {
        match self.mode {
            Mode::ReadOnly => Err(StorageError::ReadOnly),
            Mode::ReadWrite if self.conflicted => Err(StorageError::Conflict),
            Mode::ReadWrite => Ok(()),
        }
    }

    fn count_write(&mut self, bytes: usize) {
        self.usage.writes += 1;
        self.usage.write_bytes += bytes;
    }

    fn note<T>(&mut self, result: Result<T, StorageError>) -> Result<T, StorageError> {
        self.conflicted |= matches!(result, Err(StorageError::Conflict));
        result
    }

    /// Puts a change in place of an earlier one. What an addition would have found again at the commit is now for [`Self::check_found`].
    fn replace(&mut self, space: &Space, row: Bytes, pending: Pending) {
        if self.writes.get(&row).is_some_and(Pending::found) {
            self.found.push(row.clone());
        }
        self.writes.insert(space, row, pending);
    }

    /// Refuses an addition that cannot succeed. The newest value is asked without counting as read; only a refusal is an observation.
    async fn check_add(&mut self, space: &Space, row: &Bytes, adds: &Adds) -> Result<(), StorageError> {
        let newest = self.engine.newest(row).await?.map(|row| envelope::decode(&row)).transpose()?;
        let possible = |result| matches!(result, Ok(_) | Err(StorageError::AddOverflow { .. }));
        let likely = match newest.map(|envelope| envelope.payload) {
            None => possible(adds.apply(None)),
            Some(Payload::Inline(payload)) => possible(adds.apply(Some(&payload))),
            Some(Payload::Chunked(_)) => false,
        };
        if likely {
            return Ok(());
        }
        let read = match self.base(row).await? {
            Some(envelope) => Some(self.payload(space, row, envelope).await?),
            None => None,
        };
        match adds.apply(read.as_ref()) {
            Ok(_) | Err(StorageError::AddOverflow { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The record at the transaction's position, without its own writes.
    async fn base(&mut self, row: &Bytes) -> Result<Option<Envelope>, StorageError> {
        if self.conflicted {
            return Err(StorageError::Conflict);
        }
        if self.mode == Mode::ReadWrite && !self.reads.keys.contains(row) {
            self.reads.keys.insert(row.clone());
        }
        self.raw(row).await?.map(|row| envelope::decode(&row)).transpose()
    }

    async fn raw(&mut self, row: &Bytes) -> Result<Option<Bytes>, StorageError> {
        let read = self.engine.get(&self.snapshot, row).await;
        let mode = self.mode;
        self.note(read.and_then(|read| mode.accept(read)))
    }

    /// The payload of a record read at the transaction's position.
    async fn payload(&mut self, space: &Space, row: &Bytes, envelope: Envelope) -> Result<Bytes, StorageError> {
        let count = envelope.payload.chunks();
        let bytes = match envelope.payload {
            Payload::Inline(payload) => return Ok(payload),
            Payload::Chunked(bytes) => bytes,
        };
        let mut chunks = Vec::with_capacity(count as usize);
        for number in 0..count {
            let chunk = self.raw(&chunk_row(row, space.prefix_len(), number)).await?;
            chunks.push(chunk.ok_or_else(|| StorageError::corrupt("a chunk of a record is missing"))?);
        }
        envelope::join(bytes, &chunks)
    }

    /// The record as the transaction sees it.
    async fn current(&mut self, space: &Space, row: &Bytes) -> Result<Option<Bytes>, StorageError> {
        if self.conflicted {
            return Err(StorageError::Conflict);
        }
        let adds = match self.writes.get(row) {
            Some(Pending::Put(record)) => return Ok(Some(record.payload.clone())),
            Some(Pending::Delete) => return Ok(None),
            Some(Pending::Add(adds)) => Some(adds.clone()),
            None => None,
        };
        let base = match self.base(row).await? {
            Some(envelope) => Some(self.payload(space, row, envelope).await?),
            None => None,
        };
        match adds {
            None => Ok(base),
            Some(adds) => self.added(&adds, base.as_ref()).map(Some),
        }
    }

    /// The value after the transaction's additions. Where they were possible on the newest record but are not on the one read, it changed in between.
    fn added(&mut self, adds: &Adds, base: Option<&Bytes>) -> Result<Bytes, StorageError> {
        let sum = adds.apply(base).map_err(|error| match error {
            StorageError::NotFound | StorageError::NotAnInteger { .. } => StorageError::Conflict,
            other => other,
        });
        self.note(sum)
    }

    fn record_key(space: &Space, row: &Bytes) -> Bytes {
        keys::record_key(row, space.prefix_len())
    }
}
