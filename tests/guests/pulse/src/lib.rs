//! The guest `pulse`, which publishes numbered events.

forecourt_sdk::plugin!(Pulse);

use collections::COUNTERS;
use forecourt_sdk::events;
use wit::pulse::beats::{Error, Guest};
use wit::pulse::events::{Beat, Mood};
use wit::pulse::records::Counter;

struct Pulse;

/// The next numbers of a key.
fn next(key: &str, count: u32) -> Result<std::ops::RangeInclusive<u32>, Error> {
    let before = COUNTERS.get(key)?.map_or(0, |counter| counter.number);
    COUNTERS.put(key, &Counter { id: key.to_owned(), number: before + count })?;
    Ok(before + 1..=before + count)
}

impl Guest for Pulse {
    fn emit(key: String, count: u32, mood: Mood) -> Result<u32, Error> {
        let numbers = next(&key, count)?;
        for number in numbers.clone() {
            events::publish(&key, &Beat { key: key.clone(), number, mood })?;
        }
        Ok(*numbers.end())
    }

    fn emit_to(store: String, key: String, count: u32) -> Result<u32, Error> {
        let numbers = next(&key, count)?;
        for number in numbers.clone() {
            events::publish_to(&store, &key, &Beat { key: key.clone(), number, mood: Mood::Good })?;
        }
        Ok(*numbers.end())
    }

    fn get_number(key: String) -> Result<u32, Error> {
        Ok(COUNTERS.get(&key)?.map_or(0, |counter| counter.number))
    }
}
