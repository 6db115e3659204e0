//! The guest `shelf`, in a version that no longer fits those that call it.

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
        Ok("broken".to_owned())
    }

    fn put_item(item: Item) -> Result<Item, Error> {
        ITEMS.put(&item.id, &item)?;
        Ok(item)
    }

    fn take_item(id: String) -> Result<Item, Error> {
        Self::get_item(id)
    }
}
