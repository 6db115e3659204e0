//! The rows of files: one for each file of a scope, one for each record that names one, and the sum.

use std::collections::BTreeSet;

use forecourt_base::{Scope, StoreId, Timestamp, UserId, limits};
use forecourt_schema::{FieldError, FileRef};
use forecourt_storage::{Direction, KeyRange, Rows, Space, StorageError, Transaction};
use serde::{Deserialize, Serialize};

const OWNER: &str = "@files";
const USAGE_KEY: &[u8] = b"usage";

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRow {
    pub(crate) bytes: u64,
    /// Its media type.
    pub(crate) kind: String,
    /// When it was first uploaded.
    pub(crate) at: Timestamp,
    pub(crate) by: UserId,
    /// When it was last uploaded, or last lost a record that named it.
    pub(crate) idle_since: Timestamp,
}

/// A record that names a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) store: Option<StoreId>,
    pub(crate) plugin: String,
    pub(crate) collection: String,
    pub(crate) key: String,
}

/// Who names which file.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) sha256: String,
    pub(crate) holder: Holder,
}

impl Reference {
    /// The reference in a row of the collection `references`; none where it is none.
    pub(crate) fn read(key: &[u8], value: &[u8]) -> Option<Self> {
        let sha256 = std::str::from_utf8(key.get(..64)?).ok()?.to_owned();
        let holder: Holder = serde_json::from_slice(value).ok()?;
        (key == holder.reference(&sha256).as_slice()).then_some(Self { sha256, holder })
    }
}

/// What the files of a scope come to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileUsage {
    /// How many there are.
    pub files: u64,
    /// Their bytes, as they count against the quota.
    pub bytes: u64,
}

/// The bytes that a file of this size counts as.
pub(super) fn counted(bytes: u64) -> u64 {
    bytes.max(limits::FILE_COUNTED_BYTES_MIN as u64)
}

pub(super) fn files(scope: &Scope) -> Result<Space, StorageError> {
    space(scope, "files")
}

pub(crate) fn references(scope: &Scope) -> Result<Space, StorageError> {
    space(scope, "references")
}

fn space(scope: &Scope, collection: &str) -> Result<Space, StorageError> {
    Space::new(Some(&scope.group), scope.store.as_ref(), OWNER, collection, 0)
}

pub(super) async fn usage(transaction: &mut Transaction, scope: &Scope) -> Result<FileUsage, StorageError> {
    Ok(transaction.get_json(&space(scope, "usage")?, USAGE_KEY).await?.unwrap_or_default())
}

pub(super) async fn set_usage(
    transaction: &mut Transaction,
    scope: &Scope,
    usage: &FileUsage,
) -> Result<(), StorageError> {
    transaction.put_json(&space(scope, "usage")?, USAGE_KEY, usage, Vec::new()).await
}

/// A page of a scope's rows, of the collection `files` or of `references`.
pub(crate) async fn rows_page(
    transaction: &mut Transaction,
    scope: &Scope,
    of_references: bool,
    after: Option<&[u8]>,
) -> Result<Rows, StorageError> {
    let space = if of_references { references(scope) } else { files(scope) }?;
    let range = after.map_or_else(KeyRange::all, |after| KeyRange::all().after(after));
    transaction.scan(&space, &range, Direction::Forward, limits::PAGE_ROWS).await
}

/// The file of this name that something in `scope` may name, and whose it is: the store's, else the group's.
pub(crate) async fn find(
    transaction: &mut Transaction,
    scope: &Scope,
    sha256: &str,
) -> Result<Option<(Scope, FileRow)>, StorageError> {
    let whole = scope.store.is_some().then(|| Scope::group(scope.group.clone()));
    for place in std::iter::once(scope.clone()).chain(whole) {
        if let Some(row) = transaction.get_json(&files(&place)?, sha256.as_bytes()).await? {
            return Ok(Some((place, row)));
        }
    }
    Ok(None)
}

/// The refusals of those names under which nothing is kept.
pub(crate) async fn unknown_of(
    transaction: &mut Transaction,
    scope: &Scope,
    refs: Vec<FileRef>,
) -> Result<Vec<FieldError>, StorageError> {
    let mut unknown = Vec::new();
    for named in refs {
        if find(transaction, scope, &named.sha256).await?.is_none() {
            unknown.push(named.unknown());
        }
    }
    Ok(unknown)
}

impl Holder {
    fn reference(&self, sha256: &str) -> Vec<u8> {
        let Self { store, plugin, collection, key } = self;
        let store = store.as_ref().map_or("", |store| store.as_str());
        // Names hold no line ends, and keys no control characters.
        let whole = [store, plugin, collection, key].join("\n");
        [sha256, &forecourt_auth::audit::digest(whole.as_bytes())].concat().into_bytes()
    }

    fn scope(&self, group: &forecourt_base::GroupId) -> Scope {
        match &self.store {
            Some(store) => Scope::store(group.clone(), store.clone()),
            None => Scope::group(group.clone()),
        }
    }
}

/// Whether it is written down that `holder` names the file.
pub(crate) async fn is_referred(
    transaction: &mut Transaction,
    place: &Scope,
    holder: &Holder,
    sha256: &str,
) -> Result<bool, StorageError> {
    Ok(transaction.get(&references(place)?, &holder.reference(sha256)).await?.is_some())
}

/// Whether any record names the file of `place`. INVARIANT (named-stays): the whole range of its references is read.
pub(super) async fn is_named(transaction: &mut Transaction, place: &Scope, sha256: &str) -> Result<bool, StorageError> {
    let range = KeyRange::prefix(sha256.as_bytes());
    Ok(!transaction.scan(&references(place)?, &range, Direction::Forward, 1).await?.items.is_empty())
}

/// Writes down that `holder`, which named the files `was`, now names `is`. The first of these that is not there is given back; then the caller must not commit.
pub(crate) async fn refer(
    transaction: &mut Transaction,
    group: &forecourt_base::GroupId,
    holder: &Holder,
    was: Vec<FileRef>,
    is: Vec<FileRef>,
    now: Timestamp,
) -> Result<Result<(), FileRef>, StorageError> {
    let scope = holder.scope(group);
    let was: BTreeSet<String> = was.into_iter().map(|named| named.sha256).collect();
    let mut kept = BTreeSet::new();
    for named in is {
        // INVARIANT (named-stays): the file's row is read, whether the record named it before or not.
        let Some((place, _)) = find(transaction, &scope, &named.sha256).await? else { return Ok(Err(named)) };
        if !was.contains(&named.sha256) && !kept.contains(&named.sha256) {
            let key = holder.reference(&named.sha256);
            transaction.put_json(&references(&place)?, &key, holder, Vec::new()).await?;
        }
        kept.insert(named.sha256);
    }
    for gone in was.difference(&kept) {
        release(transaction, &scope, holder, gone, now).await?;
    }
    Ok(Ok(()))
}

/// Removes a reference wherever it was written down, and notes since when the file may be unnamed.
async fn release(
    transaction: &mut Transaction,
    scope: &Scope,
    holder: &Holder,
    sha256: &str,
    now: Timestamp,
) -> Result<(), StorageError> {
    let whole = scope.store.is_some().then(|| Scope::group(scope.group.clone()));
    for place in std::iter::once(scope.clone()).chain(whole) {
        if !is_referred(transaction, &place, holder, sha256).await? {
            continue;
        }
        transaction.delete(&references(&place)?, &holder.reference(sha256)).await?;
        let files = files(&place)?;
        if let Some(row) = transaction.get_json::<FileRow>(&files, sha256.as_bytes()).await? {
            let row = FileRow { idle_since: now, ..row };
            transaction.put_json(&files, sha256.as_bytes(), &row, Vec::new()).await?;
        }
    }
    Ok(())
}
