//! The guest `jobs`, which the benches measure.

forecourt_sdk::plugin!(Jobs);

use collections::{CARDS, cards as indexes};
use forecourt_sdk::{events, identity};
use wit::jobs::cards::{Change, Error, Guest, Page};
use wit::jobs::events::Changed;
use wit::jobs::records::Card;

struct Jobs;

impl Guest for Jobs {
    fn put_card(change: Change) -> Result<Card, Error> {
        let Change { id, title, bay, price } = change;
        let version = CARDS.get(&id)?.map_or(1, |card| card.version + 1);
        let card = Card { id, title, bay, price, version, by: identity::caller().id };
        CARDS.put(&card.id, &card)?;
        events::publish(&card.id, &Changed { card: card.id.clone(), version })?;
        Ok(card)
    }

    fn get_card(card: String) -> Result<Card, Error> {
        CARDS.get(&card)?.ok_or(Error::NotFound)
    }

    fn list_cards(bay: String, limit: u32, page: Option<String>) -> Result<Page, Error> {
        let found = CARDS.query(indexes::BY_BAY).equal(&bay).page(limit, page.as_deref())?;
        Ok(Page { items: found.items, next: found.next })
    }
}
