//! Effects, and an ending.

use forecourt_sdk::{clock, events, identity, ids, modules};

use crate::Probe;
use crate::collections::NOTES;
use crate::wit::probe::effects::{Error, Facts, Guest, Page};
use crate::wit::probe::endings::Ending;
use crate::wit::probe::events::Noted;
use crate::wit::probe::records::Note;

fn publish(note: &str) -> Result<(), forecourt_sdk::KernelError> {
    events::publish(note, &Noted { note: note.to_owned() })
}

impl Guest for Probe {
    fn act(note: String, ending: Ending) -> Result<Note, Error> {
        let written = Note { id: note, number: ids::number("notes"), by: identity::caller().id };
        NOTES.put(&written.id, &written)?;
        publish(&written.id)?;
        match ending {
            Ending::Succeed => Ok(written),
            Ending::Fail => Err(Error::AskedTo("fail".to_owned())),
            Ending::Trap => panic!("asked to trap"),
            Ending::Breach(limit) => harm::breach(&limit, |at| publish(&format!("e{at}"))),
            Ending::Misuse(misuse) => Ok(harm::misuse(&misuse).map(|()| written)?),
        }
    }

    fn get_note(note: String) -> Result<Note, Error> {
        NOTES.get(&note)?.ok_or(Error::NotFound)
    }

    fn list_notes(limit: u32, page: Option<String>) -> Result<Page, Error> {
        let page = NOTES.scan("", limit, page.as_deref())?;
        Ok(Page { items: page.items, next: page.next })
    }

    fn get_facts(interfaces: Vec<String>) -> Result<Facts, Error> {
        let caller = identity::caller();
        Ok(Facts {
            user: caller.id,
            roles: caller.roles,
            group: identity::group(),
            store: identity::store(),
            now: clock::now(),
            today: clock::today(),
            enabled: interfaces.into_iter().filter(|interface| modules::enabled(interface)).collect(),
        })
    }

    fn check_writing() -> Result<(), Error> {
        Ok(NOTES.put("written", &Note { id: "written".to_owned(), number: 0, by: identity::caller().id })?)
    }

    fn take_numbers(series: String, count: u32) -> Result<(Vec<u64>, Vec<u64>), Error> {
        let gapped = (0..count).map(|_| ids::number(&series)).collect();
        Ok((gapped, (0..count).map(|_| ids::gapless(&series)).collect()))
    }

    fn check_power() -> Result<bool, Error> {
        Ok(identity::may("probe.shout"))
    }

    fn get_area(width_in_m: u32, height_in_m: Option<u32>) -> Result<u64, Error> {
        Ok(u64::from(width_in_m) * u64::from(height_in_m.unwrap_or(width_in_m)))
    }
}
