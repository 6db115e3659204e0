//! Numbers that many callers count up at once.

use forecourt_sdk::KernelError;

use crate::Probe;
use crate::collections::COUNTERS;
use crate::wit::probe::counters::{Error, Guest};
use crate::wit::probe::records::Counter;

fn read(counter: &str) -> Result<Counter, Error> {
    COUNTERS.get(counter)?.ok_or(Error::NotFound)
}

fn add(counter: &str, field: &str, n: i64) -> Result<(), Error> {
    match COUNTERS.add(counter, field, n) {
        Err(KernelError::Storage(error)) if format!("{error:?}").contains("NotFound") => Err(Error::NotFound),
        other => Ok(other?),
    }
}

impl Guest for Probe {
    fn make(counter: String) -> Result<(), Error> {
        let counter = Counter { id: counter, total: 0, small: 0 };
        Ok(COUNTERS.put(&counter.id, &counter)?)
    }

    fn bump(counter: String) -> Result<i64, Error> {
        let mut counter = read(&counter)?;
        counter.total += 1;
        COUNTERS.put(&counter.id, &counter)?;
        Ok(counter.total)
    }

    fn bump_slowly(counter: String, millions: u32) -> Result<i64, Error> {
        let mut counter = read(&counter)?;
        harm::work(millions);
        counter.total += 1;
        COUNTERS.put(&counter.id, &counter)?;
        Ok(counter.total)
    }

    fn tally(counter: String, n: i64) -> Result<(), Error> {
        add(&counter, "total", n)
    }

    fn tally_small(counter: String, n: i64) -> Result<(), Error> {
        add(&counter, "small", n)
    }

    fn get_small(counter: String) -> Result<u32, Error> {
        Ok(read(&counter)?.small)
    }

    fn get_total(counter: String) -> Result<i64, Error> {
        Ok(read(&counter)?.total)
    }
}
