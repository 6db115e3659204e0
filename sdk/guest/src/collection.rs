//! The plugin's own records.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::private::wit::forecourt::kernel::storage::{self, Direction};
use crate::{Index, KernelError, Query};

/// Most rows that the kernel gives in one page.
const PAGE_ROWS: u32 = 200;

/// A collection of the calling store or of its group, as the manifest declares it. `plugin!` writes one constant for each.
#[derive(Debug)]
pub struct Collection<T> {
    name: &'static str,
    record: PhantomData<fn() -> T>,
}

/// Some records, and where the next ones begin.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The records, in the order asked for.
    pub items: Vec<T>,
    /// Pass this as the next page's token; none at the end.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The page with each record turned into something else.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(convert).collect(), next: self.next }
    }
}

impl<T: Serialize + DeserializeOwned> Collection<T> {
    /// The collection with this name in the manifest.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, record: PhantomData }
    }

    /// The record with this key.
    ///
    /// # Errors
    /// [`KernelError`] where the kernel refuses the key or the record is not a `T`.
    pub fn get(&self, key: &str) -> Result<Option<T>, KernelError> {
        storage::get(self.name, key)?.map(|json| parse(&json)).transpose()
    }

    /// Writes a record, new or over an old one.
    ///
    /// # Errors
    /// [`KernelError`] where the kernel refuses the key or the value.
    pub fn put(&self, key: &str, record: &T) -> Result<(), KernelError> {
        Ok(storage::put(self.name, key, &serde_json::to_string(record)?)?)
    }

    /// Removes a record; removing an absent one does nothing.
    ///
    /// # Errors
    /// [`KernelError`] where the kernel refuses the key.
    pub fn delete(&self, key: &str) -> Result<(), KernelError> {
        Ok(storage::delete(self.name, key)?)
    }

    /// Adds `n` to a number in a record without reading it, so that calls which do this do not conflict. `field` is its
    /// snake_case name.
    ///
    /// # Errors
    /// [`KernelError`] where there is no such record or the field is none that can be added to.
    pub fn add(&self, key: &str, field: &str, n: i64) -> Result<(), KernelError> {
        Ok(storage::add(self.name, key, field, n)?)
    }

    /// Records whose keys begin with `prefix`, in the order of keys. `limit` is 1 to 200; 0 means 50.
    ///
    /// # Errors
    /// [`KernelError`] where the kernel refuses the page token or a record is not a `T`.
    pub fn scan(&self, prefix: &str, limit: u32, page: Option<&str>) -> Result<Page<T>, KernelError> {
        page_of(storage::scan(self.name, prefix, Direction::Forward, limit, page)?)
    }

    /// All records whose keys begin with `prefix`. The kernel's limit of rows in one call bounds it.
    ///
    /// # Errors
    /// [`KernelError`] where a record is not a `T`.
    pub fn scan_all(&self, prefix: &str) -> Result<Vec<T>, KernelError> {
        all_pages(|page| self.scan(prefix, PAGE_ROWS, page))
    }

    /// Records by an index, narrowed by the methods of [`Query`].
    #[must_use]
    pub fn query(&self, index: Index<T>) -> Query<T> {
        Query::new(self.name, index)
    }

    /// Records of a `text` index that hold `fragment`, or whose Chinese text has these pinyin initials.
    ///
    /// # Errors
    /// [`KernelError`] where the kernel refuses the page token or a record is not a `T`.
    pub fn search(
        &self,
        index: Index<T>,
        fragment: &str,
        limit: u32,
        page: Option<&str>,
    ) -> Result<Page<T>, KernelError> {
        page_of(storage::search(self.name, index.name(), fragment, limit, page)?)
    }
}

pub(crate) fn page_of<T: DeserializeOwned>(page: storage::Page) -> Result<Page<T>, KernelError> {
    let items = page.items.iter().map(|entry| parse(&entry.value)).collect::<Result<_, _>>()?;
    Ok(Page { items, next: page.next })
}

pub(crate) fn all_pages<T>(
    mut fetch: impl FnMut(Option<&str>) -> Result<Page<T>, KernelError>,
) -> Result<Vec<T>, KernelError> {
    let mut all = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let page = fetch(next.as_deref())?;
        all.extend(page.items);
        next = page.next;
        if next.is_none() {
            return Ok(all);
        }
    }
}

fn parse<T: DeserializeOwned>(json: &str) -> Result<T, KernelError> {
    Ok(serde_json::from_str(json)?)
}
