//! A table that lasts, and the place where it lies.

use crate::StorageError;
use crate::engine::Position;
use crate::shared::Table;

/// A table that may be found again when it is opened.
pub(crate) trait StoredTable: Table + 'static {
    /// The position up to which commits were applied.
    fn applied(&self) -> Result<Position, StorageError>;

    /// Returns when all that was applied survives a kill of the process.
    fn flush(&self) -> Result<(), StorageError>;

    /// Returns when all that was applied survives a loss of power.
    fn sync(&self) -> Result<(), StorageError>;

    /// Whether it was found damaged since it was opened.
    fn is_damaged(&self) -> bool;
}

/// Where a table lies.
pub(crate) trait Store: Send + Sync + 'static {
    type Table: StoredTable;

    /// Opens the table, or makes an empty one.
    fn open(&self) -> Result<Self::Table, StorageError>;

    /// Removes the table.
    fn remove(&self) -> Result<(), StorageError>;
}
