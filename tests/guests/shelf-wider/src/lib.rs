//! The guest `shelf`, with two more fields, one more error case and one more operation.

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
        Ok("wider".to_owned())
    }

    fn put_item(item: Item) -> Result<Item, Error> {
        let item = Item { colour: item.colour.or(Some("grey".to_owned())), width: item.width.or(Some(300)), ..item };
        ITEMS.put(&item.id, &item)?;
        Ok(item)
    }

    fn count_coloured() -> Result<u32, Error> {
        let coloured = ITEMS.scan_all("")?.into_iter().filter(|item| item.colour.is_some()).count();
        Ok(u32::try_from(coloured).unwrap_or(u32::MAX))
    }

    fn take_item(id: String) -> Result<Item, Error> {
        let item = Self::get_item(id)?;
        if item.colour.is_none() { Err(Error::Frozen(item.id)) } else { Ok(item) }
    }
}
