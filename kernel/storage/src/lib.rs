//! Serializable transactions over records of bytes with indexes, on an engine in memory or one on disk.
//!
//! A [`Transaction`] reads the state at the position where it began and keeps its writes to itself until it commits. It is optimistic: nothing is locked,
//! and a commit is refused with [`StorageError::Conflict`] when another commit changed what the transaction read. The engine on disk is a commit log in
//! front of sled: the log is the truth, sled the index over it.
//!
//! This crate keeps bytes and the index entries it is given. It knows nothing of schemas, people or plugins, and it is the only crate that names sled.
//! It performs no retries by itself but in [`transact`].
//!
//! Invariants, each stated where it is upheld:
//! - INVARIANT (one-state): every read is of the state at the transaction's position, or a conflict: of a transaction that only reads, only beyond the budget
//!   for what is remembered.
//! - INVARIANT (serial-order): transactions that commit are as if run one after another in the order of their positions.
//! - INVARIANT (durable-before-answer): a commit is on disk before it is answered; what was answered otherwise leaves nothing.
//! - INVARIANT (ordered-keys), INVARIANT (ordered-entries): rows are ordered as records' keys and index values are.
//! - INVARIANT (tail-rule): only the log's last frame can be torn.
//! - INVARIANT (fuzzy-copy): a snapshot file and the log from its start on hold the state at any position from its end on.
//! - INVARIANT (two-ways-back): a segment of the log is removed only when two snapshot files make it needless.
//! - INVARIANT (whole-blobs): what lies under a blob's name has all its bytes, and survives a loss of power before any row may name it.
//! - INVARIANT (whole-backup), INVARIANT (old-or-new): a backup with a manifest is whole; a restore happens or does not.
//! - INVARIANT (kept-for-readers): changes after the oldest snapshot are remembered, within a budget, with what was there before.
#![deny(missing_docs)]

mod active;
mod add;
mod backup;
mod blobs;
mod committer;
mod engine;
mod envelope;
mod error;
mod files;
#[cfg(test)]
mod fixture;
mod folder;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod health;
#[cfg(test)]
mod history;
mod index;
mod keys;
mod locks;
mod log;
mod log_engine;
mod memory;
mod opening;
mod recent;
mod recovery;
mod resolve;
mod retry;
#[cfg(test)]
mod serial;
mod shared;
mod sled_store;
mod snapshot;
mod store;
mod transaction;
mod verify;

pub use add::{Absent, Addend};
pub use backup::{BackedUp, Layout, Restored, backup, restore};
pub use blobs::{BlobId, BlobIdError, Blobs, Incoming, Received};
pub use engine::{AtPosition, Commit, Engine, Position, RawRow, Snapshot};
pub use error::StorageError;
pub use files::{File, FileLock, Files, RealFiles};
pub use health::Health;
pub use index::{IndexEntry, IndexRange};
pub use keys::{Direction, KeyRange, RowRange, Space};
pub use locks::ExclusiveGuard;
pub use log::LogOptions;
pub use log_engine::LogEngine;
pub use memory::MemoryEngine;
pub use opening::{Opening, Told, Work};
pub use retry::{Attempts, backoff_ms, transact};
pub use transaction::{Mode, Row, Rows, Savepoint, Transaction, Usage, Written, WrittenValue};

pub use verify::{Finding, StoredRecord, Verified, verify};

/// Bytes that are shared, not copied.
pub use bytes::Bytes;
