//! Lists in pages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forecourt_base::limits;
use forecourt_storage::{Direction, KeyRange, Space, Transaction};
use serde::de::DeserializeOwned;

use crate::error::AuthError;

/// Which page of a list is asked for.
#[derive(Debug, Clone, Default)]
pub struct PageRequest {
    /// The `next` of the page before; none for the first page.
    pub after: Option<String>,
    /// How many items; none for [`limits::PAGE_ROWS_DEFAULT`].
    pub limit: Option<usize>,
}

impl PageRequest {
    pub(crate) fn rows(&self) -> Result<usize, AuthError> {
        match self.limit {
            None => Ok(limits::PAGE_ROWS_DEFAULT),
            Some(rows @ 1..=limits::PAGE_ROWS) => Ok(rows),
            Some(_) => Err(AuthError::invalid("limit", format!("must be 1 to {}", limits::PAGE_ROWS))),
        }
    }

    pub(crate) fn key(&self) -> Result<Option<Vec<u8>>, AuthError> {
        let Some(token) = &self.after else { return Ok(None) };
        match URL_SAFE_NO_PAD.decode(token) {
            Ok(key) if !key.is_empty() && key.len() <= limits::RECORD_KEY_BYTES => Ok(Some(key)),
            _ => Err(AuthError::invalid("after", "is not the `next` of a page of this list")),
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Asks for the page that follows; none at the end.
    pub next: Option<String>,
}

pub(crate) fn token(key: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

/// A page of the records of `space`, in the order of their keys.
pub(crate) async fn list<T: DeserializeOwned>(
    tx: &mut Transaction,
    space: &Space,
    page: &PageRequest,
) -> Result<Page<T>, AuthError> {
    let range = match page.key()? {
        None => KeyRange::all(),
        Some(key) => KeyRange::all().after(&key),
    };
    let rows = tx.scan(space, &range, Direction::Forward, page.rows()?).await?;
    let next = rows.items.last().filter(|_| rows.more).map(|row| token(&row.key));
    let read =
        |value: &[u8]| serde_json::from_slice(value).map_err(|_| AuthError::Corrupt { what: "record of a list" });
    let items = rows.items.iter().map(|row| read(&row.value)).collect::<Result<_, _>>()?;
    Ok(Page { items, next })
}
