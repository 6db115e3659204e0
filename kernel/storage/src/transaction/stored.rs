//! How a record lies in the store, for those who verify it.

use bytes::Bytes;

use super::Transaction;
use crate::StorageError;
use crate::index::{IndexEntry, encode_entry};
use crate::keys::Space;

impl Transaction {
    /// Whether the stored record is found under exactly these entries, the transaction's own writes left aside. A record that is absent is not.
    ///
    /// # Errors
    /// [`StorageError::Conflict`], a refused key, errors of the disk.
    pub async fn is_indexed_as(
        &mut self,
        space: &Space,
        key: &[u8],
        entries: &[IndexEntry],
    ) -> Result<bool, StorageError> {
        let Some(envelope) = self.base(&space.record(key)?).await? else { return Ok(false) };
        let mut wanted: Vec<Bytes> = entries.iter().map(encode_entry).collect();
        wanted.sort_unstable();
        wanted.dedup();
        Ok(envelope.entries == wanted)
    }
}

#[cfg(test)]
mod tests {
    use forecourt_base::Scalar;

    use super::*;
    use crate::{MemoryEngine, Mode};

    #[tokio::test]
    async fn a_record_is_indexed_as_it_was_put() {
        let engine = MemoryEngine::new();
        let space = Space::new(None, None, "parts", "levels", 0).unwrap();
        let entry = |text: &str| IndexEntry { index: "by-name".into(), values: vec![Scalar::Text(text.to_owned())] };
        let mut tx = Transaction::begin(&engine, None, Mode::ReadWrite).unwrap();
        tx.put(&space, b"k", "{}", vec![entry("b"), entry("a"), entry("b")]).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = Transaction::begin(&engine, None, Mode::ReadOnly).unwrap();
        assert!(tx.is_indexed_as(&space, b"k", &[entry("a"), entry("b")]).await.unwrap());
        assert!(!tx.is_indexed_as(&space, b"k", &[entry("a")]).await.unwrap());
        assert!(!tx.is_indexed_as(&space, b"none", &[]).await.unwrap());
    }
}
