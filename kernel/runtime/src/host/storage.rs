//! Typed collections: a plugin's own records, checked against its declared types and indexed as its manifest says.

use std::ops::{Bound, RangeInclusive};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use bytes::Bytes;
use forecourt_base::{Scalar, limits};
use forecourt_schema::{Collection, Index, IndexKind, Type};
use forecourt_storage::{Absent, Addend, Direction, IndexRange, KeyRange, Rows, Space, StorageError};
use sha2::{Digest as _, Sha256};

use crate::bindings::forecourt::kernel::storage;
use crate::error::Abort;
use crate::record::{self, Read};
use crate::state::CallState;

pub(super) type Answer<T> = Result<Result<T, storage::Error>, Abort>;

/// Leaves the host function with an `err` for the guest.
macro_rules! refuse {
    ($error:expr) => {
        return Ok(Err($error))
    };
}

/// The value of a check that may refuse.
macro_rules! checked {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return Ok(Err(error)),
        }
    };
}

const TOKEN_DIGEST_BYTES: usize = 8;

impl CallState {
    fn collection(&mut self, name: &str) -> Answer<(usize, Space)> {
        self.enter("storage")?;
        let Some(number) = self.module.schema.collections.iter().position(|declared| *declared.name == *name) else {
            refuse!(storage::Error::NotDeclared(name.to_owned()));
        };
        Ok(Ok((number, self.space(number)?)))
    }

    pub(super) fn declared(&self, number: usize) -> Result<&Collection, Abort> {
        self.module.schema.collections.get(number).ok_or_else(|| Abort::Internal("no such collection".to_owned()))
    }

    /// Turns what storage says into the guest's `err`, or ends the call.
    pub(super) fn settle<T>(&mut self, result: Result<T, StorageError>) -> Answer<T> {
        match result {
            Ok(value) => {
                self.tree()?.check_storage()?;
                Ok(Ok(value))
            }
            Err(StorageError::ReadOnly) => Ok(Err(storage::Error::ReadOnly)),
            Err(StorageError::NotFound) => Ok(Err(storage::Error::NotFound)),
            Err(StorageError::TooMuchRead { .. }) => Err(Abort::Limit("TREE_READ_BYTES")),
            Err(error) => Err(error.into()),
        }
    }

    /// Where a listing goes on; a token that is none of its own is remembered, for the caller may have made it up.
    fn cursor(&mut self, request: &Listing, identity: &str) -> Answer<Option<Vec<u8>>> {
        let cursor = request.cursor(identity);
        if cursor.is_err() {
            self.tree()?.refused_token.clone_from(&request.token);
        }
        Ok(cursor)
    }

    async fn put_record(&mut self, collection: String, key: String, value: String) -> Answer<()> {
        let (number, space) = checked!(self.collection(&collection)?);
        checked!(check_key(&key));
        if value.len() > limits::RECORD_BYTES {
            refuse!(storage::Error::TooLarge(limits::RECORD_BYTES as u64));
        }
        let now = self.tree()?.origin.started;
        let Read { entries, files } =
            checked!(record::read(self.declared(number)?, value.as_bytes(), now).map_err(invalid));
        if entries.len() > limits::RECORD_INDEX_ENTRIES {
            return Err(Abort::Limit("RECORD_INDEX_ENTRIES"));
        }
        if self.declared(number)?.names_files {
            checked!(self.refer_to_files(number, &space, &key, files).await?);
        }
        let put = self.tree()?.transaction.put(&space, key.as_bytes(), Bytes::from(value), entries).await;
        self.settle(put)
    }

    async fn delete_record(&mut self, collection: String, key: String) -> Answer<()> {
        let (number, space) = checked!(self.collection(&collection)?);
        checked!(check_key(&key));
        if self.declared(number)?.names_files {
            checked!(self.refer_to_files(number, &space, &key, Vec::new()).await?);
        }
        let deleted = self.tree()?.transaction.delete(&space, key.as_bytes()).await;
        self.settle(deleted.map(|_| ()))
    }

    async fn add_to_record(&mut self, collection: String, key: String, field: String, n: i64) -> Answer<()> {
        let (number, space) = checked!(self.collection(&collection)?);
        checked!(check_key(&key));
        let declared = self.declared(number)?;
        let Some((field, range)) = addable(declared, &field) else {
            refuse!(storage::Error::NotDeclared(format!("{collection}.{field}")));
        };
        let addend = Addend { field: &field, n, range };
        let add = self.tree()?.transaction.add_within(&space, key.as_bytes(), &addend, Absent::Refuse).await;
        self.settle(add)
    }

    async fn scan_records(&mut self, request: &Listing, prefix: String) -> Answer<storage::Page> {
        let (_, space) = checked!(self.collection(&request.collection)?);
        let cursor = checked!(self.cursor(request, &prefix)?);
        let mut range = KeyRange::prefix(prefix.as_bytes());
        if let Some(cursor) = cursor {
            match request.direction {
                Direction::Forward => range.lower = Bound::Excluded(cursor),
                Direction::Backward => range.upper = Bound::Excluded(cursor),
            }
        }
        let rows = self.tree()?.transaction.scan(&space, &range, request.direction, request.limit).await;
        let rows = checked!(self.settle(rows)?);
        page(&rows, request, &prefix, |row| row.key.clone())
    }

    async fn query_records(
        &mut self,
        request: &Listing,
        index: String,
        mut range: IndexRange,
    ) -> Answer<storage::Page> {
        let (number, space) = checked!(self.collection(&request.collection)?);
        let declared = self.declared(number)?;
        let Some(index) = declared.indexes.iter().find(|declared| *declared.name == *index) else {
            refuse!(storage::Error::NotDeclared(index));
        };
        let open = matches!((&range.lower, &range.upper), (Bound::Unbounded, Bound::Unbounded));
        if index.kind == IndexKind::Fields && range.equal.len() + usize::from(!open) > index.fields.len() {
            refuse!(storage::Error::NotDeclared(format!("{}: more values than fields", index.name)));
        }
        canonical(index, &mut range);
        let name = index.name.to_string();
        let identity = format!("{name}\u{1}{range:?}");
        let cursor = checked!(self.cursor(request, &identity)?);
        let transaction = &mut self.tree()?.transaction;
        let rows = transaction.query(&space, &name, &range, request.direction, request.limit, cursor.as_deref()).await;
        let rows = checked!(self.settle(rows)?);
        page(&rows, request, &identity, |row| row.cursor.clone())
    }
}

/// What every listing function is asked for.
struct Listing {
    collection: String,
    direction: Direction,
    limit: usize,
    token: Option<String>,
}

impl Listing {
    fn new(collection: String, direction: storage::Direction, limit: u32, token: Option<String>) -> Self {
        let direction = match direction {
            storage::Direction::Forward => Direction::Forward,
            storage::Direction::Backward => Direction::Backward,
        };
        let limit = match usize::try_from(limit).unwrap_or(usize::MAX) {
            0 => limits::PAGE_ROWS_DEFAULT,
            limit => limit.min(limits::PAGE_ROWS),
        };
        Self { collection, direction, limit, token }
    }

    fn digest(&self, identity: &str) -> [u8; TOKEN_DIGEST_BYTES] {
        let mut hash = Sha256::new();
        for part in
            [self.collection.as_bytes(), identity.as_bytes(), &[u8::from(self.direction == Direction::Backward)]]
        {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut digest = [0; TOKEN_DIGEST_BYTES];
        for (to, from) in digest.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        digest
    }

    /// The cursor in the page token, which must have been made by the same query.
    fn cursor(&self, identity: &str) -> Result<Option<Vec<u8>>, storage::Error> {
        let Some(token) = &self.token else { return Ok(None) };
        let bytes = BASE64.decode(token).map_err(|_| storage::Error::BadPageToken)?;
        match bytes.split_at_checked(TOKEN_DIGEST_BYTES) {
            Some((digest, cursor)) if digest == self.digest(identity) => Ok(Some(cursor.to_vec())),
            _ => Err(storage::Error::BadPageToken),
        }
    }

    fn token(&self, identity: &str, cursor: &[u8]) -> String {
        BASE64.encode([&self.digest(identity)[..], cursor].concat())
    }
}

fn page(
    rows: &Rows,
    request: &Listing,
    identity: &str,
    cursor: impl Fn(&forecourt_storage::Row) -> Bytes,
) -> Answer<storage::Page> {
    let next = match rows.items.last() {
        Some(last) if rows.more => Some(request.token(identity, &cursor(last))),
        _ => None,
    };
    let mut items: Vec<storage::Entry> = Vec::with_capacity(rows.items.len());
    for row in &rows.items {
        let key = text(&row.key)?;
        // A record with several entries in the range is given once.
        if items.last().is_none_or(|last| last.key != key) {
            items.push(storage::Entry { key, value: text(&row.value)? });
        }
    }
    Ok(Ok(storage::Page { items, next }))
}

fn text(bytes: &[u8]) -> Result<String, Abort> {
    std::str::from_utf8(bytes)
        .map(str::to_owned)
        .map_err(|_| Abort::Storage(StorageError::Corrupt { detail: "a record is not text".to_owned() }))
}

pub(super) fn invalid(record::Invalid { pointer, rule }: record::Invalid) -> storage::Error {
    storage::Error::Invalid(storage::FieldError { pointer, rule })
}

fn check_key(key: &str) -> Result<(), storage::Error> {
    if key.is_empty() || key.len() > limits::RECORD_KEY_BYTES || key.chars().any(char::is_control) {
        return Err(storage::Error::BadKey(format!(
            "a key has 1 to {} bytes without control characters",
            limits::RECORD_KEY_BYTES
        )));
    }
    Ok(())
}

/// The JSON name and the values of a field that `add` may change: an integer of the record itself, in no index.
fn addable(declared: &Collection, field: &str) -> Option<(String, RangeInclusive<i128>)> {
    let Type::Record(record) = declared.record.resolved() else { return None };
    let field = record.fields.iter().find(|known| *known.name == *field || *known.json == *field)?;
    let range = match field.ty.resolved() {
        Type::S8 => i8::MIN.into()..=i8::MAX.into(),
        Type::S16 => i16::MIN.into()..=i16::MAX.into(),
        Type::S32 => i32::MIN.into()..=i32::MAX.into(),
        Type::S64 => i64::MIN.into()..=i64::MAX.into(),
        Type::U8 => 0..=u8::MAX.into(),
        Type::U16 => 0..=u16::MAX.into(),
        Type::U32 => 0..=u32::MAX.into(),
        Type::U64 => 0..=u64::MAX.into(),
        _ => return None,
    };
    let fields = declared.indexes.iter().flat_map(|index| &index.fields);
    let indexed = fields.into_iter().any(|indexed| indexed.path.first() == Some(&field.json));
    (!indexed).then(|| (field.json.to_string(), range))
}

/// Brings the values of a range to the form that entries have.
fn canonical(index: &Index, range: &mut IndexRange) {
    let next = range.equal.len();
    let equal = std::mem::take(&mut range.equal).into_iter().enumerate();
    range.equal = equal.map(|(at, value)| index.canonical(at, value)).collect();
    for end in [&mut range.lower, &mut range.upper] {
        *end = std::mem::replace(end, Bound::Unbounded).map(|value| index.canonical(next, value));
    }
}

fn scalar(value: storage::Scalar) -> Scalar {
    match value {
        storage::Scalar::None => Scalar::None,
        storage::Scalar::Flag(flag) => Scalar::Bool(flag),
        storage::Scalar::Number(number) => Scalar::Int(number),
        storage::Scalar::Text(text) => Scalar::Text(text),
    }
}

fn bound(bound: storage::Bound) -> Bound<Scalar> {
    match bound {
        storage::Bound::Open => Bound::Unbounded,
        storage::Bound::Inclusive(value) => Bound::Included(scalar(value)),
        storage::Bound::Exclusive(value) => Bound::Excluded(scalar(value)),
    }
}

impl storage::Host for CallState {
    async fn get(
        &mut self,
        collection: String,
        key: String,
    ) -> wasmtime::Result<Result<Option<String>, storage::Error>> {
        let (_, space) = checked!(self.collection(&collection)?);
        checked!(check_key(&key));
        let got = self.tree()?.transaction.get(&space, key.as_bytes()).await;
        let got = checked!(self.settle(got)?);
        Ok(Ok(got.map(|value| text(&value)).transpose()?))
    }

    async fn put(
        &mut self,
        collection: String,
        key: String,
        value: String,
    ) -> wasmtime::Result<Result<(), storage::Error>> {
        Ok(self.put_record(collection, key, value).await?)
    }

    async fn delete(&mut self, collection: String, key: String) -> wasmtime::Result<Result<(), storage::Error>> {
        Ok(self.delete_record(collection, key).await?)
    }

    async fn add(
        &mut self,
        collection: String,
        key: String,
        field: String,
        n: i64,
    ) -> wasmtime::Result<Result<(), storage::Error>> {
        Ok(self.add_to_record(collection, key, field, n).await?)
    }

    async fn scan(
        &mut self,
        collection: String,
        prefix: String,
        direction: storage::Direction,
        limit: u32,
        token: Option<String>,
    ) -> wasmtime::Result<Result<storage::Page, storage::Error>> {
        let request = Listing::new(collection, direction, limit, token);
        Ok(self.scan_records(&request, prefix).await?)
    }

    async fn query(
        &mut self,
        collection: String,
        index: String,
        range: storage::IndexRange,
        direction: storage::Direction,
        limit: u32,
        token: Option<String>,
    ) -> wasmtime::Result<Result<storage::Page, storage::Error>> {
        let request = Listing::new(collection, direction, limit, token);
        let equal = range.equal.into_iter().map(scalar).collect();
        let range = IndexRange { equal, lower: bound(range.lower), upper: bound(range.upper) };
        Ok(self.query_records(&request, index, range).await?)
    }

    async fn search(
        &mut self,
        collection: String,
        index: String,
        fragment: String,
        limit: u32,
        token: Option<String>,
    ) -> wasmtime::Result<Result<storage::Page, storage::Error>> {
        let request = Listing::new(collection, storage::Direction::Forward, limit, token);
        let fragment = forecourt_schema::search_fragment(&fragment);
        let upper = Scalar::Text(format!("{fragment}\u{10FFFF}"));
        let range = IndexRange {
            equal: Vec::new(),
            lower: Bound::Included(Scalar::Text(fragment)),
            upper: Bound::Excluded(upper),
        };
        Ok(self.query_records(&request, index, range).await?)
    }
}
