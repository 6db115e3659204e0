//! Files: that those written down are whole, that those named are written down, and that those who are said to name one do.

use std::str::FromStr;

use forecourt_base::{GroupId, Scope, StoreId};
use forecourt_schema::FileRef;
use forecourt_storage::{BlobId, Blobs, Bytes, File, Mode, Space, StorageError, Transaction};
use sha2::{Digest, Sha256};

use super::Verifier;
use crate::files::{FileRow, Holder, Reference, find, is_referred, rows_page};

const PIECE_BYTES: usize = 1 << 20;

/// What is wrong with the files that a record names: the first that is missing, or is not known to be named by it.
pub(super) async fn missing(
    transaction: &mut Transaction,
    space: &Space,
    key: &[u8],
    files: &[FileRef],
) -> Result<Option<String>, StorageError> {
    let (Some(group), store) = (space.group().map(GroupId::new), space.store().map(StoreId::new)) else {
        return Ok(None);
    };
    let (Ok(group), Ok(store)) = (group, store.transpose()) else { return Ok(None) };
    let holder = Holder {
        store: store.clone(),
        plugin: space.owner().to_owned(),
        collection: space.collection().to_owned(),
        key: String::from_utf8_lossy(key).into_owned(),
    };
    let scope = Scope { group, store };
    for FileRef { pointer, sha256 } in files {
        // INVARIANT (named-stays)
        let Some((place, _)) = find(transaction, &scope, sha256).await? else {
            return Ok(Some(format!("`{pointer}` names a file that is not there")));
        };
        let whole = Scope::group(scope.group.clone());
        if !is_referred(transaction, &place, &holder, sha256).await?
            && !is_referred(transaction, &whole, &holder, sha256).await?
        {
            return Ok(Some(format!("`{pointer}` names a file that is not known to be named by it")));
        }
    }
    Ok(None)
}

/// What is wrong with a blob.
fn problem(blobs: &Blobs, scope: &Scope, id: BlobId, row: &FileRow) -> Option<String> {
    let file = match blobs.open_blob(scope, id) {
        Ok(Some(file)) => file,
        Ok(None) => return Some("its content is missing: restore a backup, or upload it again".to_owned()),
        Err(error) => return Some(error.to_string()),
    };
    match hash(&*file) {
        Ok((found, _)) if found != id => {
            Some("its content is damaged: restore a backup, or upload it again".to_owned())
        }
        Ok((_, bytes)) if bytes != row.bytes => Some(format!("it has {bytes} bytes, not {}", row.bytes)),
        Ok(_) => None,
        Err(error) => Some(error.to_string()),
    }
}

fn hash(file: &dyn File) -> std::io::Result<(BlobId, u64)> {
    let (mut digest, mut piece, mut at) = (Sha256::new(), vec![0; PIECE_BYTES], 0);
    loop {
        let read = file.read_at(&mut piece, at)?;
        let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return Ok((BlobId::new(digest.finalize().into()), at));
        };
        digest.update(bytes);
        at += read as u64;
    }
}

impl Verifier {
    /// Reads the files of a scope.
    pub(super) async fn files(&mut self, scope: &Scope) {
        let Some(blobs) = self.files.clone() else { return };
        let place = format!("files of {scope}");
        for of_references in [false, true] {
            let mut after: Option<Bytes> = None;
            loop {
                let page = self
                    .read(StorageError::is_retryable, async |tx| {
                        rows_page(tx, scope, of_references, after.as_deref()).await
                    })
                    .await;
                let page = match page {
                    Ok(page) => page,
                    Err(error) => return self.find(place, b"", error.to_string()),
                };
                for row in &page.items {
                    let problem = match of_references {
                        false => self.file(&blobs, scope, &row.key, &row.value),
                        true => self.reference(scope, &row.key, &row.value).await,
                    };
                    if let Some(problem) = problem {
                        self.find(place.clone(), &row.key, problem);
                    }
                }
                match page.items.last().filter(|_| page.more) {
                    Some(last) => after = Some(last.key.clone()),
                    None => break,
                }
            }
        }
        self.unknown(&blobs, scope).await;
    }

    fn file(&mut self, blobs: &Blobs, scope: &Scope, key: &[u8], value: &[u8]) -> Option<String> {
        self.verified.files += 1;
        let id = std::str::from_utf8(key).ok().and_then(|text| BlobId::from_str(text).ok());
        match (id, serde_json::from_slice::<FileRow>(value)) {
            (Some(id), Ok(row)) => problem(blobs, scope, id, &row),
            _ => Some("its row has no known form".to_owned()),
        }
    }

    /// What is wrong with a reference. The record itself is read with its plugin; here, that it is there.
    async fn reference(&self, place: &Scope, key: &[u8], value: &[u8]) -> Option<String> {
        let Some(Reference { sha256, holder }) = Reference::read(key, value) else {
            return Some("a reference has no known form".to_owned());
        };
        let Holder { store, plugin, collection, key } = &holder;
        let space = Space::new(Some(&place.group), store.as_ref(), plugin, collection, 0);
        let there = self
            .read(StorageError::is_retryable, async |tx| {
                let named = find(tx, place, &sha256).await?.is_some();
                Ok((named, tx.get(space.as_ref().map_err(Clone::clone)?, key.as_bytes()).await?.is_some()))
            })
            .await;
        match there {
            Ok((true, true)) => None,
            Ok((false, _)) => Some(format!("{plugin} {collection} `{key}` names it, and it is not there")),
            Ok((_, false)) => Some(format!("{plugin} {collection} `{key}` is said to name it, and is not there")),
            Err(error) => Some(error.to_string()),
        }
    }

    /// Blobs that are not written down: an upload was interrupted just before it was, and the next collection removes them.
    async fn unknown(&mut self, blobs: &Blobs, scope: &Scope) {
        let mut unknown = 0_u64;
        for first in 0..=u8::MAX {
            let listed = match blobs.list(scope, first) {
                Ok(listed) => listed,
                Err(error) => return self.find(format!("files of {scope}"), b"", error.to_string()),
            };
            for id in listed {
                let Ok(mut transaction) = Transaction::begin(&self.storage, None, Mode::ReadOnly) else { return };
                let found = find(&mut transaction, scope, &id.to_string()).await;
                unknown += u64::from(found.is_ok_and(|found| found.is_none_or(|(place, _)| place != *scope)));
            }
        }
        if unknown > 0 {
            let note = format!("{unknown} files of {scope} are not written down: the running kernel removes them");
            self.verified.notes.push(note);
        }
    }
}
