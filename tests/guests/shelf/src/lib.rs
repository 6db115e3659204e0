//! The guest `shelf`, first version.

forecourt_sdk::plugin!(Shelf);

use collections::ITEMS;
use wit::shelf::items::{Error, Guest};
use wit::shelf::records::Item;

struct Shelf;

impl Guest for Shelf {
    fn get_item(id: String) -> Result<Item, Error> {
        ITEMS.get(&id)?.ok_or(Error::NotFound)
    }

    fn get_edition() -> Result<String, Error> {
        Ok("first".to_owned())
    }

    fn put_item(item: Item) -> Result<Item, Error> {
        ITEMS.put(&item.id, &item)?;
        Ok(item)
    }

    fn take_item(id: String) -> Result<Item, Error> {
        let mut item = Self::get_item(id)?;
        item.count = item.count.checked_sub(1).ok_or_else(|| Error::Empty(item.id.clone()))?;
        Self::put_item(item)
    }
}
