//! Places that one holder has at a time.

use forecourt_sdk::events;

use crate::collections::{HOLDS, WISHES};
use crate::wit::probe::events::Held;
use crate::wit::probe::holds::{Error, Guest, Page, WishPage};
use crate::wit::probe::records::{Hold, Wish};
use crate::{PAGE_ROWS, Probe};

impl Guest for Probe {
    fn take(slot: String, holder: String) -> Result<Hold, Error> {
        let wish = Wish { id: format!("{slot}-{holder}") };
        WISHES.put(&wish.id, &wish)?;
        events::publish(&slot, &Held { slot: slot.clone(), holder: holder.clone() })?;
        if let Some(hold) = HOLDS.get(&slot)? {
            return Err(Error::Taken(hold.holder));
        }
        let hold = Hold { slot, holder };
        HOLDS.put(&hold.slot, &hold)?;
        Ok(hold)
    }

    fn get_hold(slot: String) -> Result<Hold, Error> {
        HOLDS.get(&slot)?.ok_or(Error::NotFound)
    }

    fn list_holds(page: Option<String>) -> Result<Page, Error> {
        let page = HOLDS.scan("", PAGE_ROWS, page.as_deref())?;
        Ok(Page { items: page.items, next: page.next })
    }

    fn list_wishes(page: Option<String>) -> Result<WishPage, Error> {
        let page = WISHES.scan("", PAGE_ROWS, page.as_deref())?;
        Ok(WishPage { items: page.items, next: page.next })
    }
}
