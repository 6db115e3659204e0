//! Calls of area shelf.

use crate::Relay;
use crate::wit::relay::shelves::{EditionPage, Error, Guest};
use crate::wit::shelf::items;
use crate::wit::shelf::records::Item;

fn told(error: items::Error) -> Error {
    match error {
        items::Error::NotFound => Error::NotFound,
        items::Error::NotEnabled => Error::NotEnabled,
        items::Error::Empty(id) => Error::Refused(("empty".to_owned(), id)),
        items::Error::Other(code) => Error::Refused(("other".to_owned(), code)),
    }
}

impl Guest for Relay {
    fn get_thing(id: String) -> Result<Item, Error> {
        items::get_item(&id).map_err(told)
    }

    fn put_thing(item: Item) -> Result<Item, Error> {
        items::put_item(&item).map_err(told)
    }

    fn take_thing(id: String) -> Result<Item, Error> {
        items::take_item(&id).map_err(told)
    }

    fn list_editions(calls: u32, _page: Option<String>) -> Result<EditionPage, Error> {
        let items = (0..calls).map(|_| items::get_edition()).collect::<Result<_, _>>().map_err(told)?;
        Ok(EditionPage { items, next: None })
    }
}
