//! The guest `desk`, which the benches measure.

forecourt_sdk::plugin!(Desk);

use collections::VISITS;
use forecourt_sdk::identity;
use wit::desk::records::Visit;
use wit::desk::visits::{Error, Guest};
use wit::jobs::cards::{self, Change};

struct Desk;

impl Guest for Desk {
    fn receive(visit: String, change: Change) -> Result<Visit, Error> {
        let card = cards::put_card(&change).map_err(|error| Error::Refused(format!("{error:?}")))?;
        let visit = Visit { id: visit, card: card.id, version: card.version, by: identity::caller().id };
        VISITS.put(&visit.id, &visit)?;
        Ok(visit)
    }
}
