//! Lists that grow, so that whoever reads them can tell in which order they did.

use crate::Probe;
use crate::collections::{ROLLS, rolls};
use crate::wit::probe::lists::{Addition, Error, Guest, Step};
use crate::wit::probe::records::Roll;

const SHELF_KEYS: u32 = 4;

fn id(key: u32) -> String {
    format!("{key:06}")
}

fn append(Addition { key, element }: &Addition) -> Result<Vec<Roll>, Error> {
    let before = ROLLS.get(&id(*key))?;
    let mut after = before.clone().unwrap_or(Roll { id: id(*key), shelf: key / SHELF_KEYS, elements: Vec::new() });
    after.elements.push(*element);
    ROLLS.put(&after.id, &after)?;
    Ok(before.into_iter().collect())
}

fn all(steps: &[Step]) -> Result<Vec<Vec<Roll>>, Error> {
    let one = |step: &Step| {
        Ok(match step {
            Step::Read(key) => ROLLS.get(&id(*key))?.into_iter().collect(),
            Step::Decade(decade) => ROLLS.scan_all(&format!("{decade:05}"))?,
            Step::Shelf(shelf) => ROLLS.query(rolls::BY_SHELF).equal(shelf).all()?,
            Step::Append(addition) => append(addition)?,
        })
    };
    steps.iter().map(one).collect()
}

impl Guest for Probe {
    fn work(steps: Vec<Step>) -> Result<Vec<Vec<Roll>>, Error> {
        all(&steps)
    }

    fn get_lists(steps: Vec<Step>) -> Result<Vec<Vec<Roll>>, Error> {
        all(&steps)
    }
}
