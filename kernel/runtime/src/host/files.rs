//! Files: which ones a plugin's records name, and what it may know of them. Their content is not for plugins.

use std::collections::BTreeSet;

use forecourt_base::{StoreId, limits};
use forecourt_schema::{FieldError, FileRef};
use forecourt_storage::Space;

use super::storage::{Answer, invalid};
use crate::bindings::forecourt::kernel::files;
use crate::error::Abort;
use crate::files::{FileInfo, Holder, find, refer};
use crate::record::{self, Invalid};
use crate::state::CallState;

impl CallState {
    /// Writes down which files the record `key`, about to be written or removed, names; refuses what is not there. INVARIANT (named-stays)
    pub(super) async fn refer_to_files(
        &mut self,
        collection: usize,
        space: &Space,
        key: &str,
        named: Vec<FileRef>,
    ) -> Answer<()> {
        let distinct: BTreeSet<&str> = named.iter().map(|named| named.sha256.as_str()).collect();
        if distinct.len() > limits::RECORD_FILES {
            return Err(Abort::Limit("RECORD_FILES"));
        }
        let store = space.store().map(StoreId::new).transpose();
        let holder = Holder {
            store: store.map_err(|error| Abort::Internal(error.to_string()))?,
            plugin: space.owner().to_owned(),
            collection: space.collection().to_owned(),
            key: key.to_owned(),
        };
        let written = async {
            let tree = self.tree()?;
            let old = tree.transaction.get(space, key.as_bytes()).await?;
            let was = match &old {
                Some(old) => record::files(self.declared(collection)?, old),
                None => Vec::new(),
            };
            let tree = self.tree()?;
            let (group, now) = (&tree.origin.scope.group, tree.origin.started);
            Ok::<_, Abort>(refer(&mut tree.transaction, group, &holder, was, named, now).await)
        };
        let written = match written.await {
            Ok(written) => written,
            Err(Abort::Storage(error)) => Err(error),
            Err(other) => return Err(other),
        };
        Ok(match self.settle(written)? {
            Ok(Ok(())) => Ok(()),
            Ok(Err(unknown)) => {
                let FieldError { pointer, rule } = unknown.unknown();
                Err(invalid(Invalid { pointer, rule: rule.to_string() }))
            }
            Err(error) => Err(error),
        })
    }

    async fn file_info(&mut self, file: &str) -> Result<Option<files::Details>, Abort> {
        let tree = self.enter("files")?;
        let Ok(id) = file.parse() else { return Ok(None) };
        let scope = tree.origin.scope.clone();
        let found = find(&mut tree.transaction, &scope, file).await?;
        tree.check_storage()?;
        Ok(found.map(|(_, row)| {
            let FileInfo { bytes, kind, uploaded_at, uploaded_by, .. } = FileInfo::new(id, &row);
            files::Details { bytes, media_type: kind, uploaded_at, uploaded_by }
        }))
    }
}

impl files::Host for CallState {
    async fn info(&mut self, file: String) -> wasmtime::Result<Option<files::Details>> {
        Ok(self.file_info(&file).await?)
    }
}
