//! The guest `echo`, which answers events with events.

forecourt_sdk::plugin!(Echo);

use collections::TURNED;
use forecourt_sdk::events;
use subscriptions::{Event, Subscriber, Told};
use wit::echo::events::{Heard, Turn};
use wit::echo::records::Turned;
use wit::echo::turns::{Error, Guest};
use wit::kernel::subscriber;
use wit::pulse::events::Mood;

struct Echo;

impl Guest for Echo {
    fn begin(key: String) -> Result<(), Error> {
        Ok(events::publish(&key, &Turn { number: 0 })?)
    }

    fn get_turns(key: String) -> Result<u32, Error> {
        Ok(TURNED.get(&key)?.map_or(0, |turned| turned.turns))
    }
}

impl Subscriber for Echo {
    fn handle(event: Event, told: &Told) -> Result<(), subscriber::Error> {
        match event {
            Event::PulseBeat(beat) if beat.mood == Mood::Good => {
                events::publish(&beat.key, &Heard { key: beat.key.clone(), number: beat.number })?;
            }
            Event::PulseBeat(_) => {}
            Event::EchoTurn(turn) => {
                let turns = TURNED.get(&told.key)?.map_or(0, |turned| turned.turns) + 1;
                TURNED.put(&told.key, &Turned { id: told.key.clone(), turns })?;
                events::publish(&told.key, &Turn { number: turn.number + 1 })?;
            }
        }
        Ok(())
    }
}
