//! Lists in pages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forecourt_base::{Bilingual, limits};
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
    /// Checks that the only page of a list that has one is asked for.
    ///
    /// # Errors
    /// [`AuthError::Invalid`] where another one is: there is none to go on from.
    pub fn is_whole(&self) -> Result<(), AuthError> {
        match self.after {
            None => Ok(()),
            Some(_) => Err(no_token()),
        }
    }

    pub(crate) fn rows(&self) -> Result<usize, AuthError> {
        match self.limit {
            None => Ok(limits::PAGE_ROWS_DEFAULT),
            Some(rows @ 1..=limits::PAGE_ROWS) => Ok(rows),
            Some(_) => {
                let most = limits::PAGE_ROWS;
                let rule = Bilingual::made(format!("must be 1 to {most}"), format!("须为 1 至 {most}"));
                Err(AuthError::invalid("limit", rule))
            }
        }
    }

    /// The key after which to go on, from a token that a page of the same list gave.
    pub(crate) fn key(&self, list: List) -> Result<Option<Vec<u8>>, AuthError> {
        let Some(token) = &self.after else { return Ok(None) };
        let bytes = URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
        match bytes.split_first() {
            Some((tag, key)) if *tag == list as u8 && (1..=limits::RECORD_KEY_BYTES).contains(&key.len()) => {
                Ok(Some(key.to_vec()))
            }
            _ => Err(no_token()),
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

fn no_token() -> AuthError {
    AuthError::rule("after", "is not the `next` of a page of this list", "不是此列表某一页的 `next`")
}

/// What is listed. Each kind of list knows its own tokens, so that none goes on where another stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Groups = 1,
    Stores = 2,
    Users = 3,
    Roles = 4,
    Audit = 5,
    Holders = 6,
    Links = 7,
}

pub(crate) fn token(list: List, key: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode([&[list as u8], key].concat())
}

/// A page of the records of `space`, in the order of their keys.
pub(crate) async fn list<T: DeserializeOwned>(
    tx: &mut Transaction,
    space: &Space,
    kind: List,
    page: &PageRequest,
) -> Result<Page<T>, AuthError> {
    let range = match page.key(kind)? {
        None => KeyRange::all(),
        Some(key) => KeyRange::all().after(&key),
    };
    let rows = tx.scan(space, &range, Direction::Forward, page.rows()?).await?;
    let next = rows.items.last().filter(|_| rows.more).map(|row| token(kind, &row.key));
    let read =
        |value: &[u8]| serde_json::from_slice(value).map_err(|_| AuthError::Corrupt { what: "record of a list" });
    let items = rows.items.iter().map(|row| read(&row.value)).collect::<Result<_, _>>()?;
    Ok(Page { items, next })
}
