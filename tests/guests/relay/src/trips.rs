//! Calls of area probe.

use forecourt_sdk::{KernelError, events, identity};

use crate::Relay;
use crate::collections::TRIPS;
use crate::wit::probe::endings::Ending;
use crate::wit::probe::{counters, effects, holds};
use crate::wit::relay::events::Travelled;
use crate::wit::relay::records::Trip;
use crate::wit::relay::trips::{Error, Guest, Page, Place};

const PAGE_ROWS: u32 = 200;

fn publish(trip: &str) -> Result<(), KernelError> {
    events::publish(trip, &Travelled { trip: trip.to_owned() })
}

fn refused(error: impl std::fmt::Debug) -> Error {
    Error::Nested(format!("{error:?}"))
}

fn end(trip: Trip, ending: Ending) -> Result<Trip, Error> {
    match ending {
        Ending::Succeed => Ok(trip),
        Ending::Fail => Err(Error::AskedTo("fail".to_owned())),
        Ending::Trap => panic!("asked to trap"),
        Ending::Breach(limit) => harm::breach(&limit, |at| publish(&format!("e{at}"))),
        Ending::Misuse(misuse) => Ok(harm::misuse(&misuse).map(|()| trip)?),
    }
}

impl Guest for Relay {
    fn travel(trip: String, slot: String, place: Place, ending: Ending) -> Result<Trip, Error> {
        let trip = Trip { id: trip, slot, holder: identity::caller().id };
        TRIPS.put(&trip.id, &trip)?;
        publish(&trip.id)?;
        holds::take(&trip.slot, &trip.holder).map_err(refused)?;
        match place {
            Place::Here => end(trip, ending),
            Place::Nested => effects::act(&trip.id, ending).map(|_| trip).map_err(refused),
        }
    }

    fn endure(trip: String, slot: String) -> Result<Trip, Error> {
        let caller = identity::caller().id;
        let holder = match holds::take(&slot, &format!("{caller}-{trip}")) {
            Ok(hold) => hold.holder,
            Err(holds::Error::Taken(holder)) => holder,
            Err(error) => return Err(refused(error)),
        };
        let trip = Trip { id: trip, slot, holder };
        TRIPS.put(&trip.id, &trip)?;
        publish(&trip.id)?;
        Ok(trip)
    }

    fn roam(calls: u32) -> Result<(), Error> {
        for at in 0..calls {
            match effects::get_note(&format!("n{at}")) {
                Ok(_) | Err(effects::Error::NotFound) => {}
                Err(error) => return Err(refused(error)),
            }
        }
        Ok(TRIPS.put("roamed", &Trip { id: "roamed".to_owned(), slot: String::new(), holder: String::new() })?)
    }

    fn count(counter: String) -> Result<i64, Error> {
        TRIPS.put(&counter, &Trip { id: counter.clone(), slot: counter.clone(), holder: String::new() })?;
        counters::bump(&counter).map_err(refused)
    }

    fn hold_and_bump(slot: String, counter: String) -> Result<i64, Error> {
        let holder = identity::caller().id;
        holds::take(&slot, &holder).map_err(refused)?;
        let total = counters::bump(&counter).map_err(refused)?;
        TRIPS.put(&slot, &Trip { id: slot.clone(), slot: slot.clone(), holder })?;
        publish(&slot)?;
        Ok(total)
    }

    fn get_trip(trip: String) -> Result<Trip, Error> {
        TRIPS.get(&trip)?.ok_or(Error::NotFound)
    }

    fn list_trips(page: Option<String>) -> Result<Page, Error> {
        let page = TRIPS.scan("", PAGE_ROWS, page.as_deref())?;
        Ok(Page { items: page.items, next: page.next })
    }
}
