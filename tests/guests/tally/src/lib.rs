//! The guest `tally`, which counts the events it is told of.

forecourt_sdk::plugin!(Tally);

use collections::{LINES, TOTALS};
use forecourt_sdk::{KernelError, identity};
use subscriptions::{Event, Subscriber, Told};
use wit::kernel::subscriber;
use wit::pulse::events::{Beat, Mood};
use wit::tally::lines::{Error, Guest, Page};
use wit::tally::records::{Line, Total};

struct Tally;

const ALL: &str = "all";

fn total() -> Result<Total, KernelError> {
    Ok(TOTALS.get(ALL)?.unwrap_or(Total { id: ALL.to_owned(), count: 0, touched: 0, mended: false }))
}

fn count(id: &str, number: u32) -> Result<u32, KernelError> {
    let mut line = LINES.get(id)?.unwrap_or(Line { id: id.to_owned(), count: 0, last: 0, late: 0, gaps: 0 });
    line.count += 1;
    line.late += u32::from(number <= line.last);
    line.gaps += number.saturating_sub(line.last + 1);
    line.last = line.last.max(number);
    LINES.put(id, &line)?;
    let mut total = total()?;
    total.count += 1;
    TOTALS.put(ALL, &total)?;
    Ok(line.count)
}

fn beat(beat: &Beat, told: &Told) -> Result<(), subscriber::Error> {
    // Counted first, so that what fails has something to undo.
    count(&beat.key, beat.number)?;
    let mended = total()?.mended;
    match beat.mood {
        Mood::Refused if !mended => Err(subscriber::Error::Other("not mended".to_owned())),
        Mood::Flaky if told.failures == 0 => Err(subscriber::Error::Other("the first time".to_owned())),
        Mood::Unusable => Err(subscriber::Error::Unusable("nobody can use it".to_owned())),
        Mood::Trapping if !mended => panic!("a beat that traps"),
        _ => Ok(()),
    }
}

impl Subscriber for Tally {
    fn handle(event: Event, told: &Told) -> Result<(), subscriber::Error> {
        if identity::caller().id != "plugin:tally" {
            return Err(subscriber::Error::Unusable(format!("it runs as `{}`", identity::caller().id)));
        }
        match event {
            Event::PulseBeat(pulse) => beat(&pulse, told),
            Event::EchoHeard(heard) => Ok(count(&format!("echo/{}", heard.key), heard.number).map(|_| ())?),
        }
    }
}

impl Guest for Tally {
    fn mend() -> Result<(), Error> {
        let mut total = total()?;
        total.mended = true;
        Ok(TOTALS.put(ALL, &total)?)
    }

    fn touch() -> Result<u32, Error> {
        let mut total = total()?;
        total.touched += 1;
        TOTALS.put(ALL, &total)?;
        Ok(total.touched)
    }

    fn note(key: String, number: u32) -> Result<u32, Error> {
        Ok(count(&format!("note/{key}"), number)?)
    }

    fn get_total() -> Result<Total, Error> {
        Ok(total()?)
    }

    fn list_lines(page: Option<String>) -> Result<Page, Error> {
        let lines = LINES.scan("", 200, page.as_deref())?;
        Ok(Page { items: lines.items, next: lines.next })
    }
}
