//! Timers and cron lines.

use forecourt_sdk::timers;

use crate::Clockwork;
use crate::collections::{RINGS, RUNS};
use crate::subscriptions::{Error as NotHandled, Event, Subscriber, Told};
use crate::wit::clockwork::alarms::{Ending, Error, Guest, RingPage, RunPage};
use crate::wit::clockwork::records::{Ring, Run};

impl Guest for Clockwork {
    fn set_alarm(key: String, at: String, text: String, ending: Ending) -> Result<(), Error> {
        timers::set(&key, &at, &text)?;
        match ending {
            Ending::Succeed => Ok(()),
            Ending::Fail => Err(Error::AskedTo("fail".to_owned())),
            Ending::Trap => panic!("asked to trap"),
        }
    }

    fn cancel_alarm(key: String) -> Result<bool, Error> {
        Ok(timers::cancel(&key)?)
    }

    fn check_setting() -> Result<(), Error> {
        Ok(timers::set("query", "2030-01-01T00:00:00Z", &"")?)
    }

    fn list_rings(page: Option<String>) -> Result<RingPage, Error> {
        let page = RINGS.scan("", 0, page.as_deref())?;
        Ok(RingPage { items: page.items, next: page.next })
    }

    fn list_runs(page: Option<String>) -> Result<RunPage, Error> {
        let page = RUNS.scan("", 0, page.as_deref())?;
        Ok(RunPage { items: page.items, next: page.next })
    }
}

impl Subscriber for Clockwork {
    fn handle(event: Event, told: &Told) -> Result<(), NotHandled> {
        let id = told.id.clone();
        match event {
            Event::Timer(fired) => {
                let text = fired.payload()?;
                Ok(RINGS.put(&id.clone(), &Ring { id, key: fired.key, at: fired.at, text })?)
            }
            Event::Cron(run) => Ok(RUNS.put(&id.clone(), &Run { id, name: run.name, planned: run.planned })?),
        }
    }
}
