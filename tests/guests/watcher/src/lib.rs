//! The guest `watcher`, an extension: it is told of events and has no area of its own.

forecourt_sdk::plugin!(Watcher);

use subscriptions::{Error, Event, Subscriber, Told};
use wit::tally::lines;

struct Watcher;

impl Subscriber for Watcher {
    fn handle(event: Event, _: &Told) -> Result<(), Error> {
        let Event::PulseBeat(beat) = event;
        lines::note(&beat.key, beat.number).map(|_| ()).map_err(|error| Error::Other(format!("{error:?}")))
    }
}
